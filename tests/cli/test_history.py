"""``sdbench history``, and the history in ``sdbench report``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from factories import record
from histories import run_of, runs_of, written

from sdbench.cli.main import main

Call = Callable[..., tuple[int, str, str]]

NO_TORCH = """
import sys
from sdbench.cli.main import main

sys.argv = ["sdbench", "history", "results"]
try:
    main()
except SystemExit as ended:
    print("ended", ended.code or 0, *sorted({"torch", "diffusers"} & set(sys.modules)))
"""


@pytest.fixture
def sdbench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Call:
    """Runs a command line in a folder that has three runs of a suite."""
    for run in runs_of([1.0, 1.01, 1.02]):
        written(run, tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sdbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return call


@pytest.mark.parametrize(
    "runs",
    [
        ["results"],
        ["results/nightly"],
        ["results/nightly/run-000", "results/nightly/run-001", "results/nightly/run-002"],
        ["results", "results/nightly/run-001"],
    ],
)
def test_runs_are_named_one_by_one_or_by_their_folder(sdbench: Call, runs: list[str]) -> None:
    code, output, errors = sdbench("history", *runs)
    assert (code, errors) == (0, "")
    assert output.startswith("nightly: 3 runs from 2026-01-01 to 2026-01-03, for reading, not for")


@pytest.mark.parametrize(
    ("arguments", "file", "beginning"),
    [
        (["-o", "h.html"], "h.html", "<!doctype html>"),
        (["-o", "h.md"], "h.md", "### History of nightly"),
        (["-o", "h.json"], "h.json", '{\n  "schema": 1'),
        (["-o", "h.txt"], "h.txt", "nightly: 3 runs"),
        (["-o", "h.txt", "--format", "markdown"], "h.txt", "### History of nightly"),
    ],
)
def test_the_ending_says_the_format_unless_it_is_given(
    sdbench: Call, arguments: list[str], file: str, beginning: str
) -> None:
    assert sdbench("history", "results", *arguments) == (0, f"wrote {file}\n", "")
    assert Path(file).read_text(encoding="utf-8").startswith(beginning)


def test_other_formats_are_printed_too(sdbench: Call) -> None:
    code, output, _ = sdbench("history", "results", "--format", "json")
    assert code == 0
    assert len(json.loads(output)["runs"]) == 3


def test_an_unknown_ending_is_refused(sdbench: Call) -> None:
    code, _, errors = sdbench("history", "results", "-o", "history.pdf")
    assert code == 2
    assert "ends in none of .txt, .json, .html" in errors


def test_runs_of_two_suites_are_refused_and_listed(sdbench: Call, tmp_path: Path) -> None:
    written(run_of(9, [record()], suite="weekly"), tmp_path / "results")
    code, output, errors = sdbench("history", "results")
    assert (code, output) == (2, "")
    assert "these runs are of nightly (3 runs), weekly (1 run)" in errors


def test_one_run_is_no_history(sdbench: Call) -> None:
    code, _, errors = sdbench("history", "results/nightly/run-000")
    assert code == 3
    assert "a history needs at least 2 runs, and there is 1" in errors


def test_a_folder_without_runs_is_said(sdbench: Call, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, errors = sdbench("history", "results", "empty")
    assert code == 3
    assert "empty is neither a run nor a folder of runs" in errors


def test_the_sides_of_an_ab_job_are_no_history(sdbench: Call, tmp_path: Path) -> None:
    """Baseline, candidate and control of one job looked like three runs in order."""
    (tmp_path / "results" / "nightly" / "ab.json").write_text("{}")
    code, _, errors = sdbench("history", "results/nightly")
    assert code == 3
    assert "is an A/B job: see `sdbench compare results/nightly`" in errors


def test_the_history_imports_no_torch(sdbench: Call, tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", NO_TORCH],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.splitlines()[-1] == "ended 0"


def test_a_report_shows_the_history_of_its_suite(sdbench: Call) -> None:
    last = "results/nightly/run-002"
    assert sdbench("report", last, "--history", "results")[0] == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert '<h2 id="over-time">Over time</h2>' in page
    assert "over 3 runs." in page


def test_a_report_adds_its_own_run_to_the_history(sdbench: Call) -> None:
    first, last = "results/nightly/run-000", "results/nightly/run-002"
    assert sdbench("report", last, "--history", first)[0] == 0
    assert "over 2 runs." in Path("report.html").read_text(encoding="utf-8")


def test_a_report_without_a_history_has_no_such_section(sdbench: Call) -> None:
    assert sdbench("report", "results")[0] == 0
    assert "Over time" not in Path("report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments", [["results", "--format", "markdown"], ["results", "results/nightly/run-000"]]
)
def test_a_history_is_a_section_of_the_page_of_one_run(sdbench: Call, arguments: list[str]) -> None:
    code, _, errors = sdbench("report", *arguments, "--history", "results")
    assert code == 2
    assert "--history is a section of the page of one run" in errors


@pytest.mark.parametrize("format_name", ["pytest-benchmark", "bencher", "github-action-benchmark"])
def test_what_other_programs_read_is_json_that_only_the_format_says(
    sdbench: Call, format_name: str
) -> None:
    export = ("export", "results", "-o", "run.json")
    assert sdbench(*export)[0] == 0
    assert "records" in json.loads(Path("run.json").read_text())
    assert sdbench(*export, "--format", format_name) == (0, "wrote run.json\n", "")
    assert "records" not in json.loads(Path("run.json").read_text())
    code, _, errors = sdbench("export", "results", "-o", f"run.{format_name}")
    assert code == 2
    assert "give --format" in errors


def test_the_command_offers_every_format_of_export() -> None:
    from sdbench.cli.export import OTHER_FORMATS, OWN_FORMATS
    from sdbench.report.export import FORMATS

    assert [*OWN_FORMATS, *OTHER_FORMATS] == list(FORMATS)
