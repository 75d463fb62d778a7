"""Staged runs whose time is limited: what comes first, and what is left out."""

from __future__ import annotations

from sdbench.analysis.completeness import completeness
from sdbench.results.plan_file import EXHAUSTIVE
from sdbench.results.record import Record, Status
from sdbench.results.store import Run
from sdbench.suite.configuration import Configuration

from .recorder import Recorder
from .staged_runs import (
    ALL,
    MEASURED,
    Clock,
    EulerTells,
    StagedRuns,
    kinds,
    where,
)


class Ticking(Recorder):
    """A listener for which each round, and each derived one, takes a second."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def finished(self, configuration: Configuration, record: Record) -> None:
        super().finished(configuration, record)
        self._clock.now_s += 1


def test_a_budget_stops_a_sweep_a_fifth_before_its_end(staged: StagedRuns) -> None:
    """Of 8 s, 6.4 are for the sweep: after six rounds of a second there is no second left."""
    run = staged(listener=Ticking(staged.clock), budget_s=8.0)
    assert run.info.budget_s == 8.0
    assert kinds(run) == {"ok": 6, "derived": 2 * 6}
    assert run.is_stopped_by_budget
    assert completeness(run).is_complete
    assert completeness(run).summary == (
        "24 configurations: 6 ok, 12 derived, 6 not reached in the time given"
    )


def test_what_no_time_is_left_for_is_counted_once(staged: StagedRuns) -> None:
    """What the plan asked for, and could not have, is not among what nothing tells of."""
    run = staged(listener=Ticking(staged.clock), budget_s=8.0)
    notes = [note for note in staged.listener.notes if note.startswith("no time is left for")]
    counts = [note.split()[5] for note in notes if " more: " in note]
    assert sum(map(int, counts)) == ALL - len(run.latest)


def test_a_run_whose_time_was_over_goes_on_with_the_rest(staged: StagedRuns) -> None:
    staged(listener=Ticking(staged.clock), budget_s=8.0)
    run = staged(resume=True)
    assert kinds(run) == {"ok": MEASURED, "derived": ALL - MEASURED}
    assert not run.is_stopped_by_budget
    assert len(staged.measured) == MEASURED - 6


def test_a_run_that_goes_on_to_measure_all_is_not_stopped_by_its_budget(staged: StagedRuns) -> None:
    """What its plan noted no longer holds: holes would pass for what time did not suffice for."""
    staged(listener=Ticking(staged.clock), budget_s=8.0)
    run = staged(plan=EXHAUSTIVE, resume=True)
    assert kinds(run) == {"ok": ALL}
    assert not run.is_stopped_by_budget
    assert run.plan_remarks == ()


def test_with_a_budget_the_plan_comes_first_also_where_it_saves_little(staged: StagedRuns) -> None:
    run = staged(
        planner=lambda asked: EulerTells(asked, is_worthwhile=False),
        listener=Ticking(staged.clock),
        budget_s=15.0,
    )
    measured = [one.knobs["scheduler"] for one in run.records if one.status is Status.OK]
    assert measured == ["euler"] * MEASURED + ["ddim"] * 4
    assert kinds(run) == {"ok": 12, "derived": 12}


def test_with_time_enough_such_a_plan_measures_all(staged: StagedRuns) -> None:
    run = staged(
        planner=lambda asked: EulerTells(asked, is_worthwhile=False),
        listener=Ticking(staged.clock),
        budget_s=100.0,
    )
    assert kinds(run) == {"ok": ALL}
    assert not run.is_stopped_by_budget


def test_what_is_left_of_a_budget_is_for_fresh_rounds_and_a_part_of_one_is_none(
    staged: StagedRuns,
) -> None:
    """8 rounds and 16 derived ones take 24 s; then two leaders take a second each."""

    def leaders(run: Run) -> list[str]:
        return where(run, scheduler="euler", steps=2)

    run = staged(listener=Ticking(staged.clock), leaders=leaders, budget_s=26.5)
    assert sum(one.round == 1 for one in run.records) == 2
    (run.folder / "plan.json").unlink()
    run = staged(listener=Ticking(staged.clock), leaders=leaders, budget_s=25.5)
    assert sum(one.round == 1 for one in run.records) == 0
    assert "no time is left for fresh round 1 of 1" in staged.listener.notes[-1]
    assert run.is_stopped_by_budget


def test_pictures_that_time_does_not_suffice_for_are_drawn_when_a_run_goes_on(
    staged: StagedRuns,
) -> None:
    fidelity = "{prompts: [a dog, a cat], reference_steps: 4}"
    run = staged(pipeline="emoji", fidelity=fidelity, listener=Ticking(staged.clock), budget_s=13.0)
    told = [one for one in run.latest.values() if one.is_derived]
    judged = [one for one in told if one.fidelity.score is not None]
    assert 0 < len(judged) < len(told) == ALL - MEASURED
    run = staged(pipeline="emoji", fidelity=fidelity, resume=True)
    assert all(one.fidelity.score is not None for one in run.latest.values())
    assert len(staged.listener.records) == len(told) - len(judged)
