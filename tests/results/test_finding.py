"""Which runs, and which A/B job, a path names."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdbench.results.ab import AB_FILE
from sdbench.results.finding import ab_job_at, runs_at
from sdbench.results.store import RUN_FILE, RunFolderError


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results of two suites: runs of two days, and an A/B job after them."""
    job = "ci/2026-01-03-cpu-ab"
    for run in ("ci/2026-01-02-cpu", "demo/2026-01-01-cpu", f"{job}/baseline", f"{job}/candidate"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / RUN_FILE).touch()
    (tmp_path / job / AB_FILE).touch()
    return tmp_path


def test_a_run_names_itself(results: Path) -> None:
    run = results / "ci" / "2026-01-02-cpu"
    assert runs_at(run) == (run,)


def test_a_folder_names_all_runs_below_it_the_oldest_first(results: Path) -> None:
    assert [run.name for run in runs_at(results)] == ["2026-01-01-cpu", "2026-01-02-cpu"]
    assert [run.name for run in runs_at(results / "ci")] == ["2026-01-02-cpu"]


def test_the_sides_of_a_job_are_no_runs_of_a_folder(results: Path) -> None:
    """Of a folder with nothing but jobs, the history was that of their sides."""
    (results / "ci" / "2026-01-02-cpu" / RUN_FILE).unlink()
    for folder in (results / "ci", results / "ci" / "2026-01-03-cpu-ab"):
        with pytest.raises(RunFolderError, match="holds no runs, but A/B jobs"):
            runs_at(folder)


def test_a_job_is_found_by_its_folder_or_by_that_around_it(results: Path) -> None:
    job = results / "ci" / "2026-01-03-cpu-ab"
    assert ab_job_at(job) == ab_job_at(results / "ci") == job
    assert ab_job_at(results / "demo") is None
