from __future__ import annotations

from typing import Any

import factories
import pytest

from sdbench.analysis.measurement import Measurement, measurement_of
from sdbench.analysis.memory_cells import Cell, MemoryMap
from sdbench.analysis.memory_map import memory_map
from sdbench.knobs.registry import varying_knobs
from sdbench.results.figure import Figure, Origin
from sdbench.results.prediction import Fit
from sdbench.results.record import Status
from sdbench.suite.model import Limits
from sdbench.units import MIB

NO_LIMIT = Limits()


def ran(**knobs: Any) -> Measurement:
    return measurement_of(factories.record(**knobs))


def ran_out(**knobs: Any) -> Measurement:
    return ran(status=Status.OOM, **knobs)


def skipped(fit: Fit | None, predicted_mib: float = 300, **knobs: Any) -> Measurement:
    predicted = Figure(int(predicted_mib * MIB), Origin.PREDICTED)
    fields = {"predicted_fit": fit, "predicted_allocated_bytes": predicted}
    return ran(status=Status.SKIPPED, fields=fields, **knobs)


def mapped(*measured: Measurement, limits: Limits = NO_LIMIT) -> MemoryMap:
    found = memory_map(measured, varying_knobs([m.knobs for m in measured]), limits)
    assert found is not None
    return found


def cell(found: MemoryMap, **values: Any) -> Cell:
    return next(
        one
        for row in found.cells
        for one in row
        if all(one.values[name] == value for name, value in values.items())
    )


def told(one: Cell) -> dict[int, tuple[bool | None, str | None]]:
    return {
        trial.batch_size: (trial.known.fits, trial.known.origin and trial.known.origin.value)
        for trial in one.trials
    }


def test_the_largest_batch_that_ran_stands_below_the_one_that_ran_out() -> None:
    found = mapped(*(ran(batch_size=n) for n in (1, 2, 4)), ran_out(batch_size=8))
    one = cell(found)
    assert one.largest is not None
    assert one.above is not None
    assert (one.largest.batch_size, one.above.batch_size) == (4, 8)
    assert told(one)[8] == (False, "measured")


def test_sizes_and_settings_head_rows_and_dtype_and_attention_columns() -> None:
    measured = [
        ran(height=height, vae_slicing=slicing, dtype=dtype, batch_size=batch)
        for height in (128, 64)
        for slicing in ("off", "on")
        for dtype in ("fp32", "bf16")
        for batch in (2, 4)
    ]
    found = mapped(*measured)
    assert (found.row_names, found.column_names) == (("height", "vae_slicing"), ("dtype",))
    assert found.rows == ((64, "off"), (64, "on"), (128, "off"), (128, "on"))
    assert found.columns == (("fp32",), ("bf16",))


def test_what_a_larger_batch_or_size_tells_is_inferred() -> None:
    found = mapped(
        ran(height=64, width=64, batch_size=1),
        ran(height=64, width=64, batch_size=2, status=Status.ERROR),
        ran_out(height=64, width=64, batch_size=8),
        ran(height=64, width=128, batch_size=4),
        ran(height=128, width=128, batch_size=1, status=Status.TIMEOUT),
    )
    # 64 x 128 ran with 4, so 64 x 64 fits with 2 and 4; it ran out at 8, and so do larger ones.
    assert told(cell(found, height=64, width=64)) == {
        1: (True, "measured"),
        2: (True, "inferred"),
        4: (True, "inferred"),
        8: (False, "measured"),
    }
    assert told(cell(found, height=64, width=128))[8] == (False, "inferred")
    assert told(cell(found, height=128, width=128)) == {
        1: (None, None),
        2: (None, None),
        4: (None, None),
        8: (False, "inferred"),
    }


def test_a_wider_and_lower_size_tells_nothing_of_a_narrower_and_higher_one() -> None:
    found = mapped(
        ran(height=64, width=128, batch_size=4), ran_out(height=128, width=64, batch_size=2)
    )
    assert told(cell(found, height=128))[4] == (False, "inferred")
    assert told(cell(found, height=64))[2] == (True, "inferred")
    assert told(cell(found, height=64))[4] == (True, "measured")


def test_the_pipelines_own_size_is_compared_with_no_other() -> None:
    found = mapped(ran_out(batch_size=1), ran(height=64, batch_size=2))
    assert told(cell(found, height=64))[1] == (True, "inferred")
    assert told(cell(found, height=None)) == {1: (False, "measured"), 2: (False, "inferred")}


def test_nothing_is_inferred_from_another_precision_or_slicing() -> None:
    found = mapped(ran_out(dtype="bf16", batch_size=1), ran(dtype="fp16", batch_size=4))
    assert told(cell(found, dtype="fp16")) == {1: (True, "inferred"), 4: (True, "measured")}
    assert told(cell(found, dtype="bf16")) == {1: (False, "measured"), 4: (False, "inferred")}


@pytest.mark.parametrize(
    ("fit", "known"),
    [
        (Fit.FITS, (True, "predicted")),
        (Fit.DOES_NOT_FIT, (False, "predicted")),
        (Fit.MAY_FIT, (None, None)),
        (None, (None, None)),
    ],
)
def test_a_prediction_stands_in_for_what_was_not_run(
    fit: Fit | None, known: tuple[bool | None, str | None]
) -> None:
    found = mapped(ran(batch_size=1), skipped(fit, batch_size=4))
    assert told(cell(found))[4] == known


def test_what_is_inferred_goes_before_what_is_predicted() -> None:
    found = mapped(ran(batch_size=8), skipped(Fit.DOES_NOT_FIT, batch_size=4), ran(batch_size=1))
    assert told(cell(found))[4] == (True, "inferred")


def test_peaks_are_held_against_the_limit_with_their_headroom() -> None:
    limits = Limits(memory_bytes=101 * MIB, headroom_ratio=0.02)
    # 99 MiB and 2 % are 100.98 MiB, 100 MiB and 2 % are 102 MiB.
    found = mapped(
        ran(batch_size=1, allocated_mib=99, rss_mib=None),
        ran(batch_size=2, allocated_mib=100, rss_mib=None),
        ran(batch_size=4, allocated_mib=None, rss_mib=None),
        limits=limits,
    )
    assert told(cell(found)) == {
        1: (True, "measured"),
        2: (False, "measured"),
        4: (False, "inferred"),
    }


def test_a_predicted_peak_within_a_limit_says_nothing_of_larger_figures() -> None:
    limits = Limits(memory_bytes=400 * MIB)
    found = mapped(
        skipped(Fit.FITS, 300, batch_size=1), skipped(Fit.FITS, 399, batch_size=2), limits=limits
    )
    # 399 MiB and 2 % are 407 MiB.
    assert told(cell(found)) == {1: (None, None), 2: (False, "predicted")}


def test_of_configurations_that_share_a_cell_the_worst_counts() -> None:
    found = mapped(
        ran(batch_size=1, steps=10),
        ran(batch_size=2, steps=10),
        ran(batch_size=1, steps=20),
        ran_out(batch_size=2, steps=20),
    )
    one = cell(found)
    assert found.merged == ("steps",)
    assert told(one) == {1: (True, "measured"), 2: (False, "measured")}
    assert [trial.is_mixed for trial in one.trials] == [False, True]
    assert one.contradiction is None


def test_a_larger_batch_that_fits_where_a_smaller_one_ran_out_is_told() -> None:
    failed, fits = ran_out(batch_size=2), ran(batch_size=8)
    one = cell(mapped(ran(batch_size=1), failed, skipped(None, batch_size=4), fits))
    assert one.contradiction == (failed, fits)
    assert told(one)[4] == (None, None)
    assert one.largest is not None
    assert one.largest.batch_size == 8


def test_so_is_a_larger_size() -> None:
    failed, fits = ran_out(height=64, batch_size=2), ran(height=128, batch_size=2)
    found = mapped(failed, fits)
    assert cell(found, height=64).contradiction == (failed, fits)
    assert cell(found, height=128).contradiction is None


def test_what_is_unsupported_is_not_said_to_fit() -> None:
    found = mapped(ran(batch_size=1, status=Status.UNSUPPORTED), ran(batch_size=2))
    assert told(cell(found))[1] == (None, None)


def test_what_no_configuration_stands_for_is_empty() -> None:
    found = mapped(
        ran(dtype="fp32", vae_slicing="off", batch_size=1),
        ran(dtype="bf16", vae_slicing="on", batch_size=2),
    )
    assert cell(found, dtype="fp32", vae_slicing="on").is_empty
    assert not cell(found, dtype="fp32", vae_slicing="off").is_empty


def test_there_is_no_map_where_no_batch_varies_and_everything_fits() -> None:
    measured = [ran(dtype="fp32"), ran(dtype="bf16")]
    assert memory_map(measured, ("dtype",), NO_LIMIT) is None
    assert memory_map(measured, ("dtype",), Limits(memory_bytes=MIB)) is not None
    assert memory_map([ran(), ran_out(dtype="fp16")], ("dtype",), NO_LIMIT) is not None


def test_a_planned_configuration_without_a_record_counts_as_untried() -> None:
    missing = Measurement(key="k", knobs=factories.knobs(batch_size=4), status=None)
    one = cell(mapped(ran(batch_size=1), missing))
    assert told(one)[4] == (None, None)
    assert one.trials[1].tried == ()


def test_of_a_long_map_knobs_without_a_difference_share_cells() -> None:
    measured = [
        ran(
            status=Status.OOM if batch == 4 and slicing == "off" else Status.OK,
            vae_slicing=slicing,
            vae_tiling=tiling,
            offload=offload,
            channels_last=layout,
            batch_size=batch,
        )
        for slicing in ("off", "on")
        for tiling in ("off", "on")
        for offload in ("none", "model")
        for layout in ("off", "on")
        for batch in (2, 4)
    ]
    found = mapped(*measured)
    # 16 rows are too many; what the slicing does is still to be seen once 8 are left.
    assert found.indifferent == ("offload",)
    assert len(found.rows) == 8
    assert told(cell(found, vae_slicing="off")) == {2: (True, "measured"), 4: (False, "measured")}
    assert told(cell(found, vae_slicing="on")) == {2: (True, "measured"), 4: (True, "measured")}


def test_what_follows_from_others_is_told_apart() -> None:
    found = mapped(
        ran(batch_size=1, guidance_scale=5.0),
        measurement_of(factories.derived(batch_size=1, guidance_scale=7.5)),
        measurement_of(factories.derived(batch_size=2, guidance_scale=7.5)),
        measurement_of(factories.inferred_oom(batch_size=4, guidance_scale=7.5)),
    )
    assert told(cell(found, guidance_scale=5.0))[1] == (True, "measured")
    others = cell(found, guidance_scale=7.5)
    assert told(others) == {1: (True, "derived"), 2: (True, "derived"), 4: (False, "inferred")}
    assert others.trials[2].evidence is None


def test_what_was_measured_goes_before_what_was_derived() -> None:
    found = mapped(
        ran(batch_size=1, steps=5),
        measurement_of(factories.derived(batch_size=1, steps=9, allocated_mib=5000)),
        ran_out(batch_size=2),
    )
    assert told(cell(found)) == {1: (True, "measured"), 2: (False, "measured")}
