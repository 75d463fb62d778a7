from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from factories import around, derived, inferred_oom, record, run

from sdbench.analysis.how_measured import HowMeasured, how_measured
from sdbench.analysis.measurement import measurements
from sdbench.analysis.recommend import recommend_for_run
from sdbench.results.plan_file import PlanNotes, write_plan_notes
from sdbench.results.record import Record, Status
from sdbench.results.store import read_run


def told(
    folder: Path, records: list[Record], notes: PlanNotes | None = None, **fields: Any
) -> HowMeasured | None:
    run(folder, records, **fields)
    if notes is not None:
        write_plan_notes(folder / "run", notes)
    found = read_run(folder / "run")
    return how_measured(found, measurements(found), recommend_for_run(found))


def test_a_run_in_which_all_was_measured_says_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, [record(steps=10), record(status=Status.OOM)]) is None


def test_what_was_measured_and_what_follows_is_counted(tmp_path: Path) -> None:
    records = [
        record(batch_size=4, status=Status.OOM),
        record(samples_s=around(1.0)),
        derived(2.0, dtype="bf16"),
        derived(3.0, dtype="fp16"),
        inferred_oom(batch_size=8),
    ]
    how = told(
        tmp_path,
        records,
        PlanNotes(remarks=("off by 1 %",), is_finished=True),
        plan="staged",
        missing=["x"],
    )
    assert how is not None
    assert (how.measured, how.derived, how.inferred, how.not_reached) == (2, 2, 1, 1)
    assert how.sentences == (
        "2 of 6 configurations were measured, 2 derived from these, 1 inferred to run out of "
        "memory and 1 not reached.",
        "Off by 1 %.",
        "What is recommended was measured.",
    )


def test_a_budget_says_whether_it_ended_the_run(tmp_path: Path) -> None:
    for name, notes in {
        "ended": PlanNotes(stopped_by_budget=True, elapsed_s=61.0),
        "done": PlanNotes(elapsed_s=50.0, is_finished=True),
        "resumed": PlanNotes(elapsed_s=90.0, is_finished=True),
    }.items():
        (tmp_path / name).mkdir()
        how = told(tmp_path / name, [record()], notes, budget_s=60.0, missing=["x"])
        assert how is not None
        assert how.is_stopped_by_budget is (name == "ended")
        sentence = {
            "ended": "Its budget of 60.0 s ended the run before its plan was done: with more time "
            "(--resume) the answer may change.",
            "done": "Its plan was done after 50.0 s of its budget of 60.0 s.",
            "resumed": "Its plan was done after 90.0 s in all, its budget of 60.0 s among them.",
        }[name]
        assert sentence in how.sentences


def test_an_answer_that_is_derived_or_has_derived_ties_says_so(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    how = told(tmp_path / "one", [record(samples_s=around(2.0)), derived(1.0, dtype="bf16")])
    assert how is not None
    assert how.certainty == ("What is recommended was not measured: its latency is derived.",)
    (tmp_path / "two").mkdir()
    tied = [record(samples_s=around(1.0)), derived(1.01, dtype="bf16", allocated_mib=400)]
    how = told(tmp_path / "two", tied)
    assert how is not None
    assert how.certainty[1:] == ("Of its ties 1 is derived, and may be faster or slower than it.",)


@pytest.mark.parametrize("notes", [None, PlanNotes(), PlanNotes(is_finished=True)])
def test_a_run_that_was_cut_off_says_that_its_answer_may_change(
    tmp_path: Path, notes: PlanNotes | None
) -> None:
    how = told(tmp_path, [record()], notes, plan="staged", missing=["x"])
    assert how is not None
    sentence = "Its plan is not done: when it goes on (--resume) the answer may change."
    is_done = notes is not None and notes.is_finished
    assert (how.is_done, sentence in how.sentences) == (is_done, not is_done)


def test_a_run_of_which_all_was_measured_later_is_done(tmp_path: Path) -> None:
    """As with `--resume --plan exhaustive` after an interrupt, or after the end of a budget."""
    notes = PlanNotes(stopped_by_budget=True, elapsed_s=61.0)
    how = told(tmp_path, [record()], notes, plan="staged", budget_s=60.0)
    assert how is not None
    assert how.is_done
    assert not how.is_stopped_by_budget
    assert not any("budget" in sentence for sentence in how.sentences)  # its time is not known
