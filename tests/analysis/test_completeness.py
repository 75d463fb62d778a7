from pathlib import Path

from factories import PIPELINE, info, record

from sdbench.analysis.completeness import completeness
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
