from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from imagined import Imagined, evaluations, grid

from sdbench.derive.staged import BatchKind, StagedPlan
from sdbench.results.figure import Origin
from sdbench.results.record import Record, Status
from sdbench.suite.configuration import Configuration


def carried_out(plan: StagedPlan, machine: Imagined) -> tuple[dict[str, Record], list[BatchKind]]:
    """What a plan has measured, and in which kinds of batches."""
    records: dict[str, Record] = {}
    kinds = []
    while (batch := plan.next(records)) is not None:
        assert not records.keys() & {one.key for one in batch.configurations}
        records |= machine.measure(batch.configurations)
        kinds.append(batch.kind)
    return records, kinds


def errors(found: Mapping[str, Record], machine: Imagined) -> list[float]:
    """By what share derived latencies are off."""
    return [
        abs(one.derived_latency.call_s / machine.call_s(one.knobs) - 1)
        for one in found.values()
        if one.derived_latency is not None
    ]


def test_without_noise_few_tell_all_others_exactly() -> None:
    configurations, machine = grid(), Imagined()
    plan = StagedPlan(configurations)
    records, kinds = carried_out(plan, machine)
    found = plan.derived(records)
    assert kinds == [BatchKind.IDENTIFY, BatchKind.CHECK]
    assert plan.is_worthwhile
    assert len(records) == plan.first == 18
    assert len(found) == len(configurations) - 18
    assert max(errors(found, machine)) < 1e-9
    for one in found.values():
        told = one.derived_latency
        assert told is not None
        assert told.denoiser_evaluations == evaluations(one.knobs)
        assert math.fsum(told.stages_s.values()) == pytest.approx(told.call_s)
        assert one.is_derived
        assert one.is_answer
        assert one.images_per_call == one.knobs["batch_size"]
        assert one.peak_allocated_bytes.origin is Origin.DERIVED


def test_intervals_are_as_wide_as_what_was_held_out_says() -> None:
    """Noise of 2 %, in what tells and in what is told: the intervals hold about 95 %."""
    configurations = grid(batches=(1, 2, 4, 8, 16))
    machine = Imagined(noise=0.02)
    plan = StagedPlan(configurations)
    found = plan.derived(carried_out(plan, machine)[0])
    measured = machine.measure(configurations)
    held = [
        one.derived_latency.low_s <= measured[key].samples_s[0] <= one.derived_latency.high_s
        for key, one in found.items()
        if one.derived_latency is not None
    ]
    assert sum(held) / len(held) >= 0.9
    widths = {round(o.derived_latency.high_s / o.derived_latency.call_s, 9) for o in found.values()}  # type: ignore[union-attr]
    assert len(widths) == 1
    assert 1.02 < widths.pop() < 1.12


def test_a_setting_that_interacts_is_found_and_measured_closer() -> None:
    """One scheduler makes the denoiser slower in every cell but the one it is measured in."""

    def slower(knobs: Mapping[str, Any]) -> float:
        return 1.5 if knobs["scheduler"] == "ddim" and knobs["batch_size"] > 1 else 1.0

    machine = Imagined(slower=slower)
    plan = StagedPlan(grid())
    records, kinds = carried_out(plan, machine)
    assert BatchKind.REFINE in kinds
    assert max(errors(plan.derived(records), machine)) < 0.02
    assert any("ddim" in remark for remark in plan.remarks(records)) or kinds.count(
        BatchKind.REFINE
    )
    assert len(records) < len(grid())


def test_what_is_no_line_in_the_steps_is_measured_whole() -> None:
    def slower(knobs: Mapping[str, Any]) -> float:
        is_odd = knobs["scheduler"] == "ddim" and knobs["batch_size"] == 2
        return 1.0 if not is_odd else 3.0 if knobs["steps"] in (4, 12) else 1.0

    machine = Imagined(slower=slower)
    plan = StagedPlan(grid(steps=(2, 3, 4, 6, 8, 10, 12, 16)))
    records, _ = carried_out(plan, machine)
    suspects = [one for one in records.values() if slower(one.knobs) > 1]
    if suspects:
        near = [
            one
            for one in records.values()
            if (one.knobs["scheduler"], one.knobs["batch_size"]) == ("ddim", 2)
        ]
        assert len(near) == 8


def test_what_ran_out_rules_out_more_of_the_same_without_measuring() -> None:
    """At 350 MiB two pictures fit and four do not: eight are not tried."""
    machine = Imagined(capacity_mib=350)
    configurations = grid(batches=(1, 2, 4, 8))
    plan = StagedPlan(configurations)
    records: dict[str, Record] = {}
    while (batch := plan.next(records)) is not None:
        left = list(batch.configurations)
        while left:
            records |= machine.measure([left.pop(0)])
            left = list(plan.still_open(left, records))
    found = plan.derived(records)
    tried = {one.knobs["batch_size"] for one in records.values() if one.status is Status.OOM}
    inferred = [one for one in found.values() if one.is_inferred_oom]
    assert tried == {4}
    assert {one.knobs["batch_size"] for one in inferred} == {4, 8}
    assert len(inferred) + len([o for o in records.values() if o.status is Status.OOM]) == 48
    eight = next(one for one in inferred if one.knobs["batch_size"] == 8)
    assert eight.inferred_oom_key in records
    assert str(eight.reason) == (
        "inferred: the same settings with batch_size 4 ran out of memory, and need no more of it"
    )


def test_what_the_anchor_cannot_tell_is_measured() -> None:
    """The scheduler that was to tell a cell's terms is not supported there."""

    def fails(knobs: Mapping[str, Any]) -> Status | None:
        is_there = knobs["scheduler"] == "euler" and knobs["batch_size"] == 4
        return Status.UNSUPPORTED if is_there else None

    machine = Imagined(fails=fails)
    plan = StagedPlan(grid())
    records, _ = carried_out(plan, machine)
    found = plan.derived(records)
    assert len(records) + len(found) == len(grid())
    assert all(one.is_derived for one in found.values())
    failed = [one for one in records.values() if one.status is Status.UNSUPPORTED]
    assert len(failed) == 6


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been() -> None:
    plan, machine = StagedPlan(grid()), Imagined(noise=0.01)
    whole, _ = carried_out(plan, machine)
    half = dict(list(whole.items())[:7])
    batch = StagedPlan(grid()).next(half)
    assert batch is not None
    assert {one.key for one in batch.configurations} <= whole.keys() - half.keys()


def test_derived_records_of_before_are_no_evidence() -> None:
    plan, machine = StagedPlan(grid()), Imagined()
    records, _ = carried_out(plan, machine)
    found = plan.derived(records)
    again = plan.derived({**records, **found})
    assert again.keys() == found.keys()
    assert plan.next({**records, **found}) is None


def test_without_anything_measured_nothing_is_told() -> None:
    plan = StagedPlan(grid())
    assert plan.derived({}) == {}
    assert plan.remarks({}) == (
        "too few configurations checked what follows from others: nothing was derived",
    )


@pytest.mark.parametrize(
    ("configurations", "is_worthwhile"),
    [(grid(), True), (grid(steps=(2, 4)), False), (grid()[:3], False), ([], True)],
    ids=["a grid", "two steps each", "a handful", "nothing"],
)
def test_a_plan_is_worth_it_where_it_saves_half(
    configurations: list[Configuration], is_worthwhile: bool
) -> None:
    assert StagedPlan(configurations).is_worthwhile is is_worthwhile
