from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any
from zlib import crc32

import pytest
from imagined import SCHEDULERS, Imagined, evaluations, grid

from sdbench.derive.cells import cell_key
from sdbench.derive.design import design
from sdbench.derive.staged import BatchKind, StagedPlan
from sdbench.results.figure import Origin
from sdbench.results.record import Record, Status
from sdbench.suite.configuration import Configuration


def carried_out(plan: StagedPlan, machine: Imagined) -> tuple[dict[str, Record], list[BatchKind]]:
    """What a plan has measured, and in which kinds of batches."""
    records: dict[str, Record] = {}
    kinds = []
    while (batch := plan.next(records)) is not None:
        kinds.append(batch.kind)
        assert len(kinds) < 1000
        if batch.kind is BatchKind.AGAIN:
            records |= machine.look_again(batch.configurations, records)
            continue
        assert not records.keys() & {one.key for one in batch.configurations}
        records |= machine.measure(batch.configurations)
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
    assert kinds[2:5] == [BatchKind.AGAIN, BatchKind.AGAIN, BatchKind.REFINE]
    assert max(errors(plan.derived(records), machine)) < 0.02
    assert len(records) < len(grid())


def test_what_was_disturbed_when_it_was_measured_is_measured_once_more_and_no_closer() -> None:
    (odd, *_) = design(grid()).held_out
    machine = Imagined(disturbed=lambda knobs: 1.4 if knobs == odd.knobs else 1.0)
    plan = StagedPlan(grid())
    records, kinds = carried_out(plan, machine)
    assert kinds == [BatchKind.IDENTIFY, BatchKind.CHECK, BatchKind.AGAIN]
    assert machine.measured.count(odd.key) == 2
    assert len(machine.measured) <= plan.first + 2
    assert max(errors(plan.derived(records), machine)) < 1e-9


def test_what_tells_others_is_measured_once_more_where_they_contradict_it() -> None:
    """The one that was disturbed is none of those that are off, and so has them measured too."""
    checked = {(one.knobs["scheduler"], one.knobs["batch_size"]) for one in design(grid()).held_out}
    odd = next(
        one
        for one in design(grid()).identifying
        if (one.knobs["scheduler"], one.knobs["batch_size"]) in checked and one.knobs["steps"] > 2
    )
    machine = Imagined(disturbed=lambda knobs: 1.4 if knobs == odd.knobs else 1.0)
    plan = StagedPlan(grid())
    records, kinds = carried_out(plan, machine)
    assert BatchKind.AGAIN in kinds
    assert BatchKind.REFINE not in kinds
    assert machine.measured.count(odd.key) == 2
    assert max(errors(plan.derived(records), machine)) < 1e-9


def test_an_odd_pace_is_seen_where_no_check_falls() -> None:
    """One that tells others was disturbed, and nothing that is held out is of its cell."""
    configurations = grid(batches=tuple(range(1, 13)))
    checked = {one.knobs["batch_size"] for one in design(configurations).held_out}
    assert len(checked) < 12
    odd = next(
        one
        for one in design(configurations).identifying
        if one.knobs["batch_size"] not in {1, *checked}
    )
    machine = Imagined(disturbed=lambda knobs: 1.4 if knobs == odd.knobs else 1.0)
    plan = StagedPlan(configurations)
    records, kinds = carried_out(plan, machine)
    assert kinds == [BatchKind.IDENTIFY, BatchKind.CHECK, BatchKind.AGAIN]
    assert machine.measured.count(odd.key) == 2
    assert max(errors(plan.derived(records), machine)) < 1e-9


def test_what_was_measured_has_a_latency_at_the_usual_pace_of_its_cell() -> None:
    machine = Imagined(noise=0.2)
    plan = StagedPlan(grid())
    records, _ = carried_out(plan, machine)
    usual_call_s = plan.usual_call_s(records)
    assert usual_call_s.keys() == {key for key, one in records.items() if one.samples_s}
    by_batch: dict[int, list[float]] = {}
    for key, call_s in usual_call_s.items():
        ratio = call_s / machine.call_s(records[key].knobs)
        by_batch.setdefault(records[key].knobs["batch_size"], []).append(ratio)
    assert max(max(some) / min(some) for some in by_batch.values()) < 1.05


def test_on_a_wandering_machine_a_pace_is_no_setting_that_interacts() -> None:
    machine = Imagined(noise=0.15)
    _, kinds = carried_out(StagedPlan(grid(batches=(1, 2, 3, 4, 6, 8))), machine)
    assert BatchKind.REFINE not in kinds


def test_a_second_look_is_not_taken_at_cells_that_nobody_doubts() -> None:
    """The scheduler that tells all cells is off in one of them."""
    configurations = grid(batches=(1, 2, 3, 4, 5, 6, 7, 8))
    identifying = design(configurations).identifying
    anchor = identifying[0].knobs["scheduler"]
    odd = next(one for one in design(configurations).held_out if one.knobs["scheduler"] == anchor)
    machine = Imagined(slower=lambda knobs: 1.5 if knobs == odd.knobs else 1.0)
    records, kinds = carried_out(StagedPlan(configurations), machine)
    assert BatchKind.AGAIN in kinds
    again = [one for one in identifying if records[one.key].first_look_s is not None]
    cells = {one.knobs["batch_size"] for one in again}
    assert len(cells) <= 3
    assert len(again) < len(identifying) / 2


def test_where_many_schedulers_were_measured_a_second_look_is_at_the_doubted_one_alone() -> None:
    """It is off in the cell in which all of them identify something."""
    configurations = grid(steps=tuple(range(2, 18)), batches=(1, 2))
    first = design(configurations)
    odd = next(
        one
        for one in first.held_out
        if cell_key(one.knobs) == first.home and one.knobs["scheduler"] != SCHEDULERS[0]
    )
    machine = Imagined(slower=lambda knobs: 1.5 if knobs == odd.knobs else 1.0)
    records, kinds = carried_out(StagedPlan(configurations), machine)
    assert BatchKind.AGAIN in kinds
    again = [one for one in first.identifying if records[one.key].first_look_s is not None]
    assert {one.knobs["scheduler"] for one in again} == {odd.knobs["scheduler"]}
    assert {cell_key(one.knobs) for one in again} == {first.home}


def test_of_two_schedulers_that_disagree_both_are_looked_at_again() -> None:
    configurations = grid(schedulers=("euler", "ddim"), steps=tuple(range(2, 26)), batches=(1, 2))
    first = design(configurations)
    odd = next(one for one in first.held_out if cell_key(one.knobs) == first.home)
    machine = Imagined(slower=lambda knobs: 1.5 if knobs == odd.knobs else 1.0)
    records, _ = carried_out(StagedPlan(configurations), machine)
    again = [one for one in first.identifying if records[one.key].first_look_s is not None]
    at_home = {one.knobs["scheduler"] for one in again if cell_key(one.knobs) == first.home}
    assert at_home == {"euler", "ddim"}


def test_what_is_no_line_in_the_steps_is_measured_whole() -> None:
    """One number of steps takes three times as long, and a check falls on it."""
    configurations = grid(steps=(2, 3, 4, 6, 8, 10, 12, 16))
    odd = design(configurations).held_out[0].knobs

    def slower(knobs: Mapping[str, Any]) -> float:
        return 3.0 if knobs == odd else 1.0

    machine = Imagined(slower=slower)
    records, _ = carried_out(StagedPlan(configurations), machine)
    place = odd["scheduler"], odd["batch_size"]
    near = [
        one
        for one in records.values()
        if (one.knobs["scheduler"], one.knobs["batch_size"]) == place
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


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("guidance_scale", (1.0, 3.0, 5.0)),
        ("strength", (0.35, 0.6, 0.8)),
        ("pipeline", ({"builtin": "tiny"}, {"builtin": "emoji"})),
    ],
)
def test_what_changes_the_evaluations_is_told_apart(name: str, values: tuple[Any, ...]) -> None:
    steps = (4, 6, 8, 10, 12, 16, 20)
    configurations = [one for value in values for one in grid(steps=steps, **{name: value})]
    plan, machine = StagedPlan(configurations), Imagined()
    records, _ = carried_out(plan, machine)
    found = plan.derived(records)
    assert len(records) + len(found) == len(configurations)
    assert len(records) < 0.4 * len(configurations)
    assert max(errors(found, machine)) < 1e-9


def test_what_heun_takes_is_told_by_no_single_number_of_steps() -> None:
    """Its second one ended badly where all were to be measured."""

    def fails(knobs: Mapping[str, Any]) -> Status | None:
        is_there = (knobs["scheduler"], knobs["steps"], knobs["batch_size"]) == ("heun", 8, 1)
        return Status.UNSTABLE if is_there else None

    plan, machine = StagedPlan(grid()), Imagined(fails=fails)
    records, kinds = carried_out(plan, machine)
    found = plan.derived(records)
    assert max(errors(found, machine)) < 1e-9
    assert len(records) <= plan.first + 5
    assert len(records) + len(found) == len(grid())
    assert kinds[-1] in (BatchKind.CHECK, BatchKind.REFINE)


@pytest.mark.parametrize("seed", range(25))
def test_any_grid_comes_to_an_end_with_one_answer_for_each(seed: int) -> None:
    """With holes, failures and too little memory; what is derived without noise is exact."""
    draw = random.Random(seed)
    kinds = (Status.ERROR, Status.UNSTABLE, Status.TIMEOUT, Status.UNSUPPORTED)
    ends = {one: draw.choice(kinds) for one in range(100) if draw.random() < 0.05 * (seed % 3)}
    configurations = [
        one
        for dtype in draw.sample(["fp16", "fp32", "bf16"], draw.randint(1, 3))
        for scale in draw.choice([(5.0,), (1.0, 5.0)])
        for one in grid(
            draw.sample(SCHEDULERS, draw.randint(1, 4)),
            draw.sample(range(1, 40), draw.randint(1, 7)),
            draw.sample((1, 2, 4, 8), draw.randint(1, 4)),
            dtype=dtype,
            guidance_scale=scale,
        )
        if draw.random() > 0.3 * (seed % 2)
    ]
    machine = Imagined(
        fails=lambda knobs: ends.get(crc32(str(knobs).encode()) % 100),
        capacity_mib=draw.choice([1e6, 350]),
    )
    plan = StagedPlan(configurations)
    records: dict[str, Record] = {}
    while (batch := plan.next(records)) is not None:
        left = list(batch.configurations)
        assert left
        assert batch.kind is not BatchKind.AGAIN, "there is no noise"
        while left:
            records |= machine.measure([left.pop(0)])
            left = list(plan.still_open(left, records))
    found = plan.derived(records)
    assert len(machine.measured) == len(set(machine.measured))
    assert not found.keys() & records.keys()
    is_checked = any("as a check" in remark for remark in plan.remarks(records))
    if is_checked:
        assert found.keys() | records.keys() == {one.key for one in configurations}
    for one in found.values():
        if one.derived_latency is not None:
            assert one.derived_latency.denoiser_evaluations == evaluations(one.knobs)


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
