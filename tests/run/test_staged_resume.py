"""Staged runs that were cut off, or are asked for otherwise when they go on."""

from __future__ import annotations

from collections import Counter

import pytest

from sdbench.analysis.completeness import completeness
from sdbench.results.plan_file import EXHAUSTIVE
from sdbench.results.record import Record, Status
from sdbench.results.store import Run
from sdbench.suite.configuration import Configuration

from .recorder import Recorder
from .staged_runs import ALL, MEASURED, Doubting, StagedRuns, cut, kinds, where


def test_a_run_that_goes_on_begins_with_what_failed(staged: StagedRuns) -> None:
    wrong = {"scheduler": "euler", "steps": 4, "dtype": "fp16"}
    staged(faults=[{"fault": "error", "knobs": wrong}])
    run = staged(resume=True)
    assert [one.status for one in staged.measured] == [Status.OK]
    assert staged.listener.batches[0] == ("without an answer so far", 1)
    assert completeness(run).is_complete


@pytest.mark.parametrize("kept", [0, 3, 8, 13, 24, 25])
def test_a_killed_run_goes_on_where_it_stopped(staged: StagedRuns, kept: int) -> None:
    """8 are measured, then 16 derived, then two of these measured."""

    def tops(run: Run) -> list[str]:
        return where(run, scheduler="ddim", steps=2)

    whole = staged(tops=tops)
    assert len(whole.records) == 26
    (whole.folder / "plan.json").unlink()
    cut(whole, kept)
    run = staged(tops=tops, resume=True)
    assert run.records[:kept] == whole.records[:kept]
    assert kinds(run) == kinds(whole)
    assert Counter(one.key for one in run.records) == Counter(one.key for one in whole.records)


def test_a_finished_run_has_nothing_to_go_on_with(staged: StagedRuns) -> None:
    """Its frontier would let in others each time, as the best of it came to be measured."""
    before = staged(tops=lambda run: where(run, scheduler="ddim", steps=2))
    run = staged(tops=lambda run: where(run, scheduler="heun"), resume=True)
    assert run.records == before.records
    assert staged.listener.records == []
    assert run.plan_remarks == before.plan_remarks


def test_a_staged_run_can_be_made_exhaustive(staged: StagedRuns) -> None:
    staged()
    run = staged(plan=EXHAUSTIVE, resume=True)
    assert kinds(run) == {"ok": ALL}
    assert len(staged.measured) == ALL - MEASURED


def test_a_run_goes_on_as_it_was_begun(staged: StagedRuns) -> None:
    cut(staged(plan=EXHAUSTIVE), 4)
    assert kinds(staged(resume=True)) == {"ok": ALL}


def test_an_interrupted_run_can_be_read_and_goes_on(staged: StagedRuns) -> None:
    class Interrupting(Recorder):
        def finished(self, configuration: Configuration, record: Record) -> None:
            super().finished(configuration, record)
            if len(self.records) == MEASURED + 3:
                raise KeyboardInterrupt

    run = staged(listener=Interrupting())
    assert staged.outcome is not None
    assert staged.outcome.stopped == "interrupted"
    assert kinds(run) == {"ok": MEASURED, "derived": 3}
    assert run.plan_notes is not None
    assert not run.plan_notes.is_finished
    run = staged(resume=True)
    assert kinds(run) == {"ok": MEASURED, "derived": ALL - MEASURED}
    assert len(run.records) == ALL


@pytest.mark.parametrize("kept", [8, 9])
def test_a_run_that_goes_on_looks_a_second_time_once(staged: StagedRuns, kept: int) -> None:
    whole = staged(planner=Doubting)
    (whole.folder / "plan.json").unlink()
    cut(whole, kept)
    run = staged(planner=Doubting, resume=True)
    assert len(staged.measured) == 9 - kept
    assert Counter(one.key for one in run.records) == Counter(one.key for one in whole.records)
