from __future__ import annotations

from pathlib import Path

import factories
import pytest

from sdbench.results.plan_file import PLAN_FILE, PlanNotes, read_plan_notes, write_plan_notes
from sdbench.results.store import RunFolderError, read_run

NOTES = PlanNotes(
    remarks=("8 held-out ones were off by 1%",),
    is_finished=True,
    stopped_by_budget=True,
    elapsed_s=61.5,
)


def test_notes_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_plan_notes(tmp_path, NOTES)
    assert read_plan_notes(tmp_path) == NOTES
    assert [path.name for path in tmp_path.iterdir()] == [PLAN_FILE]


def test_later_notes_take_the_place_of_earlier_ones(tmp_path: Path) -> None:
    write_plan_notes(tmp_path, NOTES)
    write_plan_notes(tmp_path, PlanNotes())
    assert read_plan_notes(tmp_path) == PlanNotes()


def test_a_run_tells_them(tmp_path: Path) -> None:
    folder = factories.run(tmp_path, [factories.record(steps=4)]).folder
    assert read_run(folder).plan_notes is None
    assert (read_run(folder).plan_remarks, read_run(folder).is_stopped_by_budget) == ((), False)
    write_plan_notes(folder, NOTES)
    run = read_run(folder)
    assert run.plan_remarks == NOTES.remarks
    assert run.is_stopped_by_budget


def test_damaged_notes_are_named(tmp_path: Path) -> None:
    folder = factories.run(tmp_path, [factories.record(steps=4)]).folder
    (folder / PLAN_FILE).write_text('{"remarks": 3}')
    with pytest.raises(RunFolderError, match=r"plan\.json is damaged: remarks: .*; without that"):
        read_run(folder)
