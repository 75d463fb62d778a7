from __future__ import annotations

from typing import Any

import factories
import pytest

from sdbench.analysis.measurement import Measurement, measurement_of
from sdbench.analysis.remedies import LOADING, Change, Shortage, shortages
from sdbench.knobs.registry import varying_knobs
from sdbench.results.figure import Origin
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.prediction import Fit
from sdbench.results.record import Status
from sdbench.suite.model import Limits
from sdbench.units import MIB


def ran(per_image_s: float = 1.0, **knobs: Any) -> Measurement:
    call_s = per_image_s * knobs.get("batch_size", 1)
    return measurement_of(factories.record(samples_s=factories.around(call_s), **knobs))


def ran_out(stage: str | None = "vae_decode", phase: str = "memory", **knobs: Any) -> Measurement:
    fields = {"out_of_memory": OutOfMemory(phase=phase, stage=stage)}
    return measurement_of(factories.record(status=Status.OOM, fields=fields, **knobs))


def found(*measured: Measurement, limits: Limits | None = None) -> tuple[Shortage, ...]:
    return shortages(measured, varying_knobs([m.knobs for m in measured]), limits or Limits())


def changes(shortage: Shortage) -> list[tuple[str, object, int]]:
    return [(change.knob, change.value, len(change.cures)) for change in shortage.changes]


def change(shortage: Shortage, knob: str) -> Change:
    return next(one for one in shortage.changes if one.knob == knob)


def test_only_what_differs_in_one_knob_is_a_remedy() -> None:
    (shortage,) = found(
        ran_out(batch_size=8),
        ran(batch_size=8, vae_slicing="on"),
        ran(batch_size=8, dtype="bf16"),
        ran(batch_size=4, vae_slicing="on"),
        ran(batch_size=8, vae_slicing="on", dtype="bf16"),
    )
    assert changes(shortage) == [("dtype", "bf16", 1), ("vae_slicing", "on", 1)]


def test_of_smaller_batches_the_largest_is_the_remedy() -> None:
    (shortage,) = found(
        ran_out(batch_size=8), *(ran(batch_size=n) for n in (1, 2, 4)), ran(batch_size=16)
    )
    (cure,) = change(shortage, "batch_size").cures
    assert cure.cured.batch_size == 4
    assert cure.is_only


def test_another_prompt_size_or_sampler_is_none() -> None:
    (shortage,) = found(
        ran_out(height=128, steps=20, scheduler="ddim", prompt="a"),
        ran(height=64, steps=20, scheduler="ddim", prompt="a"),
        ran(height=128, steps=10, scheduler="ddim", prompt="a"),
        ran(height=128, steps=20, scheduler="euler", prompt="a"),
        ran(height=128, steps=20, scheduler="ddim", prompt="b"),
    )
    assert shortage.changes == ()
    assert len(shortage.helpless) == 1


def test_the_cost_is_told_against_the_fastest_single_change() -> None:
    (shortage,) = found(
        ran_out(batch_size=8),
        ran(0.5, batch_size=8, vae_slicing="on"),
        ran(0.6, batch_size=4),
        ran(0.505, batch_size=8, dtype="fp16"),
    )
    # 0.6 / 0.5 = 1.2; +- 2 % of 0.505 overlaps with +- 2 % of 0.5.
    assert change(shortage, "batch_size").ratio == pytest.approx(1.2)
    assert not change(shortage, "batch_size").is_as_fast
    assert change(shortage, "vae_slicing").ratio == pytest.approx(1.0)
    assert change(shortage, "dtype").ratio == pytest.approx(1.01)
    assert change(shortage, "dtype").is_as_fast


def test_what_is_the_only_change_for_a_configuration_has_no_part_in_the_ratio() -> None:
    (shortage,) = found(
        ran_out(batch_size=8),
        ran_out(batch_size=4),
        ran(2.0, batch_size=2),
        ran(1.0, batch_size=4, dtype="fp16"),
    )
    # Batch 8 has only batch 2; batch 4 has batch 2, twice as slow as its fp16.
    smaller = change(shortage, "batch_size")
    assert len(smaller.cures) == 2
    assert smaller.ratio == pytest.approx(2.0)
    assert not smaller.is_only


def test_a_remedy_keeps_to_the_memory_limit_too() -> None:
    measured = (
        ran_out(batch_size=8),
        ran(batch_size=8, vae_slicing="on", allocated_mib=900, rss_mib=None),
        ran(batch_size=4, allocated_mib=500, rss_mib=None),
    )
    (shortage,) = found(*measured, limits=Limits(memory_bytes=600 * MIB))
    assert changes(shortage) == [("batch_size", None, 1)]


def test_fidelity_before_the_change_is_known_from_another_batch_size() -> None:
    (shortage,) = found(
        ran_out(batch_size=8),
        ran(batch_size=8, dtype="fp16", fidelity=factories.fidelity(0.8)),
        ran(batch_size=1, fidelity=factories.fidelity(0.9)),
    )
    (cure,) = change(shortage, "dtype").cures
    assert cure.fidelity_before == 0.9
    assert cure.cured.fidelity_score == 0.8


def test_many_that_run_out_in_one_place_are_one_group_and_the_largest_comes_first() -> None:
    decoding = [ran_out(batch_size=n, dtype="fp32") for n in (4, 8, 16)]
    loading = ran_out(None, "loading", batch_size=1, dtype="bf16", offload="model")
    told = found(loading, *decoding, ran(batch_size=1))
    assert [(one.stage, len(one.members)) for one in told] == [("vae_decode", 3), (LOADING, 1)]
    assert told[0].shared == {"dtype": "fp32", "offload": "none"}
    assert told[0].batch_sizes == (4, 8, 16)


def test_what_was_predicted_not_to_fit_is_a_group_of_its_own() -> None:
    fields = {"predicted_fit": Fit.DOES_NOT_FIT}
    ruled_out = measurement_of(factories.record(status=Status.SKIPPED, fields=fields, batch_size=8))
    told = found(ruled_out, ran(batch_size=1))
    assert [one.origin for one in told] == [Origin.PREDICTED]
    assert changes(told[0]) == [("batch_size", None, 1)]


def test_what_was_not_swept_is_still_worth_a_try() -> None:
    (shortage,) = found(ran_out(batch_size=8), ran(batch_size=4))
    assert shortage.untried[0] == "vae_slicing on"
    assert "a smaller batch_size" not in shortage.untried


def test_nothing_ran_out_where_nothing_did() -> None:
    assert found(ran(batch_size=1), ran(batch_size=2)) == ()


def test_schedulers_with_options_are_told_apart() -> None:
    one = {"name": "euler", "timestep_spacing": "trailing"}
    other = {"name": "euler", "timestep_spacing": "leading"}
    (shortage,) = found(
        ran_out(scheduler=one, batch_size=8),
        ran(scheduler=other, batch_size=8, dtype="bf16"),
        ran(scheduler=one, batch_size=2),
    )
    assert changes(shortage) == [("batch_size", None, 1)]


def test_what_was_inferred_not_to_fit_is_a_group_of_its_own() -> None:
    told = found(
        ran_out(stage=None, batch_size=2),
        measurement_of(factories.inferred_oom(batch_size=4)),
        ran(batch_size=1),
    )
    assert [one.origin for one in told] == [Origin.MEASURED, Origin.INFERRED]
    assert [m.batch_size for m in told[1].members] == [4]
