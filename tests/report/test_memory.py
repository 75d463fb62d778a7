from __future__ import annotations

from typing import Any

import factories

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement, measurement_of
from sdbench.analysis.recommend import recommend
from sdbench.report.memory import MemoryView, memory_view
from sdbench.report.memory_map import CellView
from sdbench.results.figure import Figure, Origin
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.prediction import Fit
from sdbench.results.record import Status
from sdbench.suite.model import Limits, Objective
from sdbench.units import GIB, MIB


def ran(per_image_s: float = 1.0, **knobs: Any) -> Measurement:
    call_s = per_image_s * knobs.get("batch_size", 1)
    return measurement_of(factories.record(samples_s=factories.around(call_s), **knobs))


def ran_out(**knobs: Any) -> Measurement:
    moment = OutOfMemory(
        phase="memory",
        stage="vae_decode",
        requested_bytes=512 * MIB,
        allocated_bytes=7 * GIB,
        total_bytes=8 * GIB,
        reserved_unallocated_bytes=64 * MIB,
    )
    return measurement_of(
        factories.record(status=Status.OOM, fields={"out_of_memory": moment}, **knobs)
    )


def ruled_out(**knobs: Any) -> Measurement:
    fields = {
        "predicted_fit": Fit.DOES_NOT_FIT,
        "predicted_allocated_bytes": Figure(9 * GIB, Origin.PREDICTED),
    }
    return measurement_of(factories.record(status=Status.SKIPPED, fields=fields, **knobs))


def view(*measured: Measurement, limits: Limits | None = None, **advised: Any) -> MemoryView:
    seen = memory_view(measured, advice(measured, limits or Limits(), **advised))
    assert seen is not None
    return seen


def advice(measured: tuple[Measurement, ...], limits: Limits, **advised: Any) -> Advice:
    return recommend(measured, limits, Objective(), **advised)


def only(seen: MemoryView) -> CellView:
    ((cell,),) = (row.cells for row in seen.map.rows)
    return cell


def test_a_cell_tells_the_largest_batch_its_memory_and_what_the_next_one_met_with() -> None:
    seen = view(ran(batch_size=1), ran(batch_size=2, allocated_mib=7168), ran_out(batch_size=4))
    cell = only(seen)
    assert (cell.text, cell.mark, cell.origin) == ("2", "●", "measured")
    assert cell.detail == "7.00 GiB allocated; 4 ran out in vae decode"
    assert (cell.row, cell.rows) == (1, (0, 1, 2))
    assert seen.map.question == (
        "The largest batch that fits, for each setting, within the device's 8.00 GiB."
    )
    assert seen.map.columns == ("all",)


def test_how_it_is_known_is_told_by_a_word_and_a_mark() -> None:
    seen = view(
        ran(dtype="fp32", batch_size=2, status=Status.ERROR),
        ran(dtype="fp32", batch_size=4),
        ruled_out(dtype="fp32", batch_size=8),
        ruled_out(dtype="bf16", batch_size=2),
    )
    fp32, bf16 = seen.map.rows[0].cells
    assert (fp32.text, fp32.origin, fp32.detail) == (
        "4",
        "measured",
        "200 MiB allocated; 8 predicted not to fit",
    )
    assert (bf16.text, bf16.mark, bf16.origin) == ("none", "○", "predicted")
    assert [origin[:2] for origin in seen.map.origins] == [
        ("●", "measured"),
        ("○", "predicted"),
    ]


def test_what_is_inferred_names_what_it_is_inferred_from() -> None:
    seen = view(
        ran(height=64, batch_size=2, status=Status.TIMEOUT),
        ran(height=128, batch_size=1),
        ran(height=128, batch_size=2),
    )
    cell = seen.map.rows[0].cells[0]
    assert (cell.text, cell.mark, cell.origin) == ("2", "◐", "inferred")
    assert "from height 128, batch 2" in cell.detail
    assert cell.row == 2


def test_what_was_never_tried_says_so() -> None:
    seen = view(
        ran(dtype="fp32", vae_slicing="off", batch_size=1),
        ran(dtype="bf16", vae_slicing="on", batch_size=2),
    )
    texts = [[cell.text for cell in row.cells] for row in seen.map.rows]
    assert texts == [["1", "not tried"], ["not tried", "2"]]
    assert seen.map.rows[0].cells[0].detail == "200 MiB allocated; 2 not tried"


def test_the_limit_that_the_map_is_for_is_told_with_its_headroom() -> None:
    measured = (ran(batch_size=1, rss_mib=None), ran(batch_size=2, rss_mib=None))
    seen = view(*measured, limits=Limits(memory_bytes=2 * GIB), run_limit_bytes=GIB)
    assert seen.map.question.endswith(
        "within the memory limit of 2 GiB (peaks with 2 % headroom) and within the run's memory "
        "limit of 1 GiB."
    )
    assert view(*measured).map.question.endswith(", without a memory limit.")


def test_contradicting_measurements_are_told() -> None:
    seen = view(ran_out(batch_size=2), ran(batch_size=4))
    (sentence,) = seen.map.contradictions
    assert sentence.startswith("batch 4 fits, though batch 2 ran out of memory")


def test_a_default_that_the_suite_does_not_sweep_is_neither_row_nor_column() -> None:
    default = ran(dtype="fp32", batch_size=1)
    swept = (ran(dtype="bf16", batch_size=2), ran_out(dtype="bf16", batch_size=4))
    measured = (*swept, default)
    keys = {default.key}
    told = advice(measured, Limits(), default_keys=keys, unswept_keys=keys)
    seen = memory_view(measured, told)
    assert seen is not None
    assert seen.map.columns == ("all",)


def test_many_equal_shortages_are_one_paragraph_with_the_costs_of_each_change() -> None:
    seen = view(
        ran_out(batch_size=8),
        ran_out(batch_size=4),
        ran(2.0, batch_size=2),
        ran(1.0, batch_size=8, vae_slicing="on"),
        ran(1.0, batch_size=4, vae_slicing="on"),
    )
    (shortage,) = seen.shortages
    assert shortage.title == "2 configurations ran out of memory in vae decode"
    assert shortage.shared == "vae_slicing off, batch 4 to 8"
    assert shortage.allocator == (
        "The allocator was asked for 512 MiB more with 7.00 GiB in use, of 8.00 GiB; it held 64.0 "
        "MiB that no tensor used."
    )
    told = [(c.what, c.fits, c.latency, c.cost, c.picture) for c in shortage.changes]
    assert told == [
        (
            "vae_slicing on",
            "2 of 2",
            "1.00 s",
            "as fast, within noise",
            "rounded otherwise, not scored",
        ),
        (
            "a smaller batch (4 → 2, 8 → 2)",
            "2 of 2",
            "2.00 s",
            "2.0 times as long",
            "the same picture",
        ),
    ]
    assert shortage.members[0].row == 0
    assert shortage.members[0].cures == (
        "fits with vae_slicing on (1.00 s an image), or batch 2 (2.00 s an image)"
    )


def test_what_nothing_helped_says_so() -> None:
    (shortage,) = view(ran_out(batch_size=1), ruled_out(batch_size=2)).shortages[:1]
    assert shortage.changes == ()
    assert shortage.helpless == "No single change that was measured makes it fit."
    assert "dtype fp16 or bf16" in shortage.untried


def test_a_prediction_tells_what_would_have_been_allocated() -> None:
    (shortage,) = view(ran(batch_size=1), ruled_out(batch_size=2)).shortages
    assert shortage.title == "1 configuration was predicted not to fit, and not run"
    assert shortage.allocator == "Predicted to allocate 9.00 GiB."


def test_there_is_no_section_where_memory_limits_nothing() -> None:
    measured = (ran(dtype="fp32"), ran(dtype="bf16"))
    assert memory_view(measured, advice(measured, Limits())) is None


def test_of_a_single_batch_size_cells_tell_whether_it_fits() -> None:
    seen = view(ran(dtype="bf16", batch_size=4), ran_out(dtype="fp32", batch_size=4))
    assert seen.map.question.startswith("Whether a batch of 4 fits, for each setting")
    bf16, fp32 = seen.map.rows[0].cells
    assert (bf16.text, fp32.text, fp32.fits) == ("fits", "does not fit", False)
    assert fp32.detail == "4 ran out in vae decode"
