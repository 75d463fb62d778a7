from pathlib import Path

from factories import PIPELINE, derived, inferred_oom, info, record, run

from sdbench.analysis.completeness import completeness
from sdbench.results.plan_file import PlanNotes, write_plan_notes
from sdbench.results.record import Status
from sdbench.results.store import RunWriter, read_run
from sdbench.suite.model import Suite

SUITE = Suite(name="test-fit", fixed={"pipeline": PIPELINE})


def test_what_a_search_ran_beyond_its_plan_counts_too(tmp_path: Path) -> None:
    """It plans what is wanted alone, and "1 configurations: 1 ok, 2 oom" was said of it."""
    wanted, tried, found = (
        record(steps=4, status=Status.OOM),
        record(steps=3, status=Status.OOM),
        record(steps=2),
    )
    with RunWriter.create(tmp_path / "run", info(SUITE, [wanted.key])) as writer:
        for one in (wanted, tried, found, found):
            writer.append(one)
    state = completeness(read_run(tmp_path / "run"))
    assert state.summary == "3 configurations (2 beyond the plan): 1 ok, 2 oom"
    assert (state.planned, state.unplanned, state.missing) == (1, 2, 0)
    assert state.is_complete


def test_fresh_rounds_are_counted_and_what_fails_in_them_is_no_success(tmp_path: Path) -> None:
    one, other = record(steps=4), record(steps=2)
    fresh = record(steps=4, fields={"round": 1})
    failed = record(steps=2, status=Status.ERROR, fields={"round": 1})
    with RunWriter.create(tmp_path / "run", info(SUITE, [one.key, other.key])) as writer:
        for each in (one, other, fresh, failed):
            writer.append(each)
    state = completeness(read_run(tmp_path / "run"))
    assert state.summary == "2 configurations: 1 ok, 1 error; 1 measured again"
    assert not state.is_complete


def test_a_budget_that_ended_a_run_is_an_answer(tmp_path: Path) -> None:
    done = record(steps=4)
    with RunWriter.create(tmp_path / "run", info(SUITE, [done.key, "another"])) as writer:
        writer.append(done)
    write_plan_notes(tmp_path / "run", PlanNotes(stopped_by_budget=True))
    state = completeness(read_run(tmp_path / "run"))
    assert state.summary == "2 configurations: 1 ok, 1 not reached in the time given"
    assert state.is_complete


def test_a_budget_within_which_nothing_was_timed_is_none(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "run", info(SUITE, ["one", "another"])):
        pass
    write_plan_notes(tmp_path / "run", PlanNotes(stopped_by_budget=True))
    assert not completeness(read_run(tmp_path / "run")).is_complete


def test_what_follows_from_measured_ones_is_an_answer(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        [
            record(steps=4),
            derived(steps=8),
            derived(steps=9),
            record(status=Status.OOM, batch_size=4),
            inferred_oom(batch_size=8),
        ],
    )
    state = completeness(found)
    assert state.summary == ("5 configurations: 1 ok, 1 oom, 2 derived, 1 inferred out of memory")
    assert (state.derived, state.inferred) == (2, 1)
    assert state.is_complete
