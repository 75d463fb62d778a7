from __future__ import annotations

from typing import Any

import factories
import pytest

from sdbench.derive.memory import RanOut, derived_peaks
from sdbench.results.figure import Figure, Origin
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Record, Status
from sdbench.units import GIB, MIB


def ran_out(**knobs: Any) -> Record:
    return factories.record(status=Status.OOM, **knobs)


@pytest.mark.parametrize(
    ("knobs", "is_told"),
    [
        ({"batch_size": 4, "height": 512}, True),
        ({"batch_size": 8, "height": 512}, True),
        ({"batch_size": 4, "height": 768}, True),
        ({"batch_size": 4, "height": 512, "steps": 50, "scheduler": "ddim"}, True),
        ({"batch_size": 2, "height": 512}, False),
        ({"batch_size": 2, "height": 768}, False),
        ({"batch_size": 4}, False),
        ({"batch_size": 8, "height": 512, "dtype": "fp16"}, False),
        ({"batch_size": 8, "height": 512, "attention_slicing": "max"}, False),
    ],
)
def test_only_more_of_the_same_settings_is_ruled_out(knobs: dict[str, Any], is_told: bool) -> None:
    """Never across a knob that could need less, and never where a size is the pipeline's own."""
    known = RanOut([ran_out(batch_size=4, height=512, scheduler="euler", steps=4)])
    assert (known.evidence(factories.knobs(**knobs)) is not None) == is_told


def test_an_end_beside_which_more_has_fitted_rules_out_nothing() -> None:
    """Something else was on the device, or it ran out for a reason of its own."""
    fitted = factories.record(batch_size=8)
    assert RanOut([ran_out(batch_size=4), fitted]).evidence(factories.knobs(batch_size=16)) is None


@pytest.mark.parametrize(
    ("own_gib", "limit_gib", "is_told"),
    [(15, None, True), (8, None, False), (8, 8, True)],
    ids=["alone", "in company", "limited"],
)
def test_an_end_in_company_rules_out_nothing(
    own_gib: int, limit_gib: int | None, is_told: bool
) -> None:
    """Of 16 GiB half were held by others: alone, as much and more may fit."""
    moment = OutOfMemory(
        phase="memory",
        total_bytes=16 * GIB,
        free_bytes=GIB // 4,
        allocated_bytes=own_gib * GIB,
        limit_bytes=limit_gib and limit_gib * GIB,
    )
    failed = factories.record(status=Status.OOM, batch_size=4, fields={"out_of_memory": moment})
    evidence = RanOut([failed]).evidence(factories.knobs(batch_size=8))
    assert (evidence is not None) == is_told


def test_a_peak_is_the_largest_of_its_cell_and_says_where_it_is_from() -> None:
    some = [factories.record(allocated_mib=mib, rss_mib=None, steps=mib) for mib in (200, 210)]
    peaks = derived_peaks(some)
    allocated: Figure = peaks["peak_allocated_bytes"]
    assert allocated.value == 210 * MIB
    assert allocated.origin is Origin.DERIVED
    assert allocated.reason == "the largest of 2 measured with other steps or schedulers"
    assert peaks["peak_rss_bytes"] == some[0].peak_rss_bytes
    assert peaks["peak_rss_bytes"].value is None
