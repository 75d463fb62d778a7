"""Staged runs: what is measured, derived and stored, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from typing import Any

import pytest

from sdbench.analysis.completeness import completeness
from sdbench.derive.staged import Batch, BatchKind
from sdbench.results.plan_file import EXHAUSTIVE, STAGED
from sdbench.results.record import Record, Status
from sdbench.results.store import Run

from .staged_runs import ALL, MEASURED, WHY, Doubting, EulerTells, StagedRuns, kinds, where


def test_few_are_measured_and_the_rest_is_derived(staged: StagedRuns) -> None:
    run = staged()
    assert kinds(run) == {"ok": MEASURED, "derived": ALL - MEASURED}
    assert (run.info.plan, len(run.info.planned_keys)) == (STAGED, ALL)
    assert completeness(run).is_complete
    assert run.plan_remarks == (f"{MEASURED} measured",)
    assert staged.listener.batches == [
        (WHY, MEASURED),
        ("they follow from what was measured", ALL - MEASURED),
    ]
    assert staged.listener.notes == [f"{MEASURED} measured"]


def test_a_plan_that_saves_little_measures_all_and_says_so(staged: StagedRuns) -> None:
    run = staged(planner=lambda asked: EulerTells(asked, is_worthwhile=False))
    assert kinds(run) == {"ok": ALL}
    assert run.info.plan == EXHAUSTIVE
    assert run.plan_notes is None
    assert "all are measured: 8 would have to be, to derive the others" in staged.listener.notes


@pytest.mark.parametrize("values", [{"plan": EXHAUSTIVE}, {"rounds": 2}, {"is_staged": False}])
def test_an_exhaustive_run_measures_all(staged: StagedRuns, values: dict[str, Any]) -> None:
    run = staged(**values)
    assert kinds(run) == {"ok": ALL}
    assert run.info.plan == EXHAUSTIVE


def test_a_load_serves_all_of_a_batch_that_it_can(staged: StagedRuns) -> None:
    """The plan's own order alternates between two loads."""

    class Alternating(EulerTells):
        def next(self, records: Mapping[str, Record]) -> Batch | None:
            batch = super().next(records)
            return batch and replace(
                batch,
                configurations=tuple(
                    sorted(batch.configurations, key=lambda one: str(one.knobs["steps"]))
                ),
            )

    run = staged(planner=Alternating)
    assert [one.knobs["dtype"] for one in run.records[:MEASURED]] == ["fp32"] * 4 + ["fp16"] * 4


def test_a_batch_begins_with_what_the_loaded_pipeline_serves(staged: StagedRuns) -> None:
    run = staged(tops=lambda run: (*where(run, dtype="fp32"), *where(run, dtype="fp16")))
    types = [one.knobs["dtype"] for one in run.records if one.status is Status.OK]
    assert types == ["fp32"] * 4 + ["fp16"] * 4 + ["fp16"] * 8 + ["fp32"] * 8


def test_the_best_of_what_is_derived_is_measured(staged: StagedRuns) -> None:
    run = staged(tops=lambda run: where(run, scheduler="ddim", steps=2))
    assert kinds(run) == {"ok": MEASURED + 2, "derived": ALL - MEASURED - 2}
    assert staged.listener.batches[2] == ("among the best, and only derived so far", 2)


def test_what_comes_up_when_the_best_are_known_is_measured_too(staged: StagedRuns) -> None:
    """The tops are named once: their frontier would let in others without an end."""

    def later(run: Run) -> list[str]:
        heun, ddim = where(run, scheduler="heun", steps=2), where(run, scheduler="ddim", steps=2)
        return heun if run.latest[ddim[0]].status is Status.OK else []

    named: list[Run] = []

    def tops(run: Run) -> list[str]:
        named.append(run)
        return where(run, scheduler="ddim", steps=2)

    run = staged(tops=tops, leaders=later)
    assert len(named) == 1
    assert {run.latest[key].status for key in where(run, steps=2)} == {Status.OK}


def test_a_leader_that_is_derived_is_measured_before_its_fresh_rounds(staged: StagedRuns) -> None:
    """What comes up as late as that is not one of those that were measured as the best."""
    run = staged(leaders=lambda run: where(run, scheduler="ddim", steps=2)[:1])
    (key,) = where(run, scheduler="ddim", steps=2, dtype="fp32")
    assert [one.round for one in run.records if one.key == key] == [0, 0, 1]
    assert run.rounds[key].swept.status is Status.OK
    assert run.rounds[key].confirmed == 1
    assert staged.listener.batches[-1] == (
        "the recommendation rests on them, and they are only derived so far",
        1,
    )


def test_what_failed_is_an_answer_and_what_it_would_tell_is_measured(staged: StagedRuns) -> None:
    """Its mates of other schedulers are told by nothing else."""
    faults = [{"fault": "error", "knobs": {"scheduler": "euler", "steps": 4, "dtype": "fp16"}}]
    run = staged(faults=faults)
    assert kinds(run) == {"ok": MEASURED - 1 + 2, "error": 1, "derived": ALL - MEASURED - 2}
    assert ("nothing tells of them", 2) in staged.listener.batches
    assert max(Counter(one.key for one in staged.measured).values()) == 1
    assert not completeness(run).is_complete


def test_what_needs_no_less_than_what_ran_out_is_not_tried(staged: StagedRuns) -> None:
    faults = [{"fault": "oom", "knobs": {"dtype": "fp16", "scheduler": "euler", "steps": 4}}]
    run = staged(faults=faults)
    assert kinds(run) == {"ok": 4 + 1, "oom": 1, "derived": 8, "inferred": 10}
    assert completeness(run).is_complete


def test_a_second_look_stands_in_place_of_the_first(staged: StagedRuns) -> None:
    run = staged(planner=Doubting)
    key = run.info.planned_keys[0]
    first, second = (one for one in run.records if one.key == key)
    assert (first.round, second.round) == (0, 0)
    assert first.first_look_s is None
    assert second.first_look_s == median(first.samples_s)
    assert any("which was in doubt: measured once more" in note for note in second.notes)
    assert run.latest[key] == run.rounds[key].settled == second
    assert kinds(run) == {"ok": MEASURED, "derived": ALL - MEASURED}
    assert ("once more", 1) in staged.listener.batches


def test_whose_order_the_pace_decided_is_measured_side_by_side(staged: StagedRuns) -> None:
    """One was measured, and the other one derived; they are asked about once more, and left."""
    seen: list[Mapping[str, float]] = []

    def disputed(run: Run, usual_call_s: Mapping[str, float]) -> list[str]:
        seen.append(usual_call_s)
        (told,) = where(run, scheduler="ddim", steps=2, dtype="fp32")
        (known,) = where(run, scheduler="euler", steps=8, dtype="fp32")
        return [known, told]

    run = staged(disputed=disputed)
    (told,) = where(run, scheduler="ddim", steps=2, dtype="fp32")
    (known,) = where(run, scheduler="euler", steps=8, dtype="fp32")
    assert [one.key for one in staged.measured[-2:]] == [known, told]
    assert run.latest[known].first_look_s is not None
    assert run.latest[told].first_look_s is None
    assert not run.latest[told].is_derived
    assert len(seen) == 2
    assert len(seen[0]) == MEASURED
    why = "which of them is better was decided by the machine's pace: side by side"
    assert staged.listener.batches[2] == (why, 2)
    assert len(run.records) == ALL + 2


def test_a_plan_that_asks_for_ever_for_the_same_is_left_at_that(staged: StagedRuns) -> None:
    class Stubborn(EulerTells):
        def next(self, records: Mapping[str, Record]) -> Batch | None:
            return Batch(BatchKind.REFINE, self.all[:1], "once more")

    run = staged(planner=Stubborn)
    assert "the plan asks again for what was measured: it is left at that" in staged.listener.notes
    assert staged.listener.batches[0] == ("once more", 1)
    assert completeness(run).is_complete


def test_derived_ones_are_synced_together(
    staged: StagedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr(
        "sdbench.results.store.RunWriter.append_all",
        lambda writer, records: written.append(len(list(records))),
    )
    staged()
    assert written == [1] * MEASURED + [ALL - MEASURED]


def test_pictures_of_derived_ones_are_drawn_and_judged(staged: StagedRuns) -> None:
    run = staged(pipeline="emoji", fidelity="{prompts: [a dog, a cat], reference_steps: 4}")
    told = [one for one in run.latest.values() if one.is_derived]
    assert len(told) == ALL - MEASURED
    assert all(one.fidelity.score is not None for one in told)
