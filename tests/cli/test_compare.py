"""``sdbench compare``: what it prints, what it writes, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import ab_jobs
import pytest
from factories import PIPELINE, around, record, run

from sdbench.cli.main import main
from sdbench.results.record import Record
from sdbench.suite.gates import Gates
from sdbench.suite.model import Suite

Call = Callable[..., tuple[int, str, str]]

SUITE = Suite(name="ci", fixed={"pipeline": PIPELINE}, gates=Gates(between_runs=0.001))
"""Runs of it differ so little from time to time that 10 % are seen."""


def rounds(
    factor: float = 1.0, count: int = 4, growth_mib: int = 0, steps: tuple[int, ...] = (4, 10)
) -> Iterator[Record]:
    """Rounds of two configurations, each in a worker of its own; the longer one may be slower."""
    for number in range(count):
        for each in steps:
            is_changed = each == 10
            seconds = each * (factor if is_changed else 1) * (1 + 0.001 * (number % 2))
            yield record(
                steps=each,
                samples_s=around(seconds),
                allocated_mib=200 + (growth_mib if is_changed else 0),
                fields={"round": number, "worker": f"worker-{each}-{number}"},
            )


def stored(folder: Path, name: str, torch: str = "2.13.0", **fields) -> Path:
    """A run in a folder of its name: its path."""
    place = folder / name
    place.mkdir()
    fingerprint = {"device": "Test CPU", "torch": torch}
    return run(place, list(rounds(**fields)), suite=SUITE, fingerprint=fingerprint).folder


def ab_job(folder: Path, name: str, factor: float, control_factor: float = 1.0) -> None:
    """A finished A/B job whose candidate takes ``factor`` of the time."""
    folder.mkdir(exist_ok=True)
    sides = (list(rounds(told, count=12)) for told in (1.0, factor))
    control = list(rounds(control_factor, count=12, steps=(10,)))
    ab_jobs.ab_job(
        folder, *sides, control=control, gates=SUITE.gates, control_key=control[0].key, name=name
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs, and of A/B jobs under ``jobs``."""
    folder = tmp_path_factory.mktemp("runs")
    stored(folder, "base")
    stored(folder, "same")
    stored(folder, "slow", factor=1.1)
    stored(folder, "fat", growth_mib=64)
    stored(folder, "torch", torch="2.14.0", factor=1.1)
    stored(folder, "less", steps=(4,))
    jobs = folder / "jobs"
    ab_job(jobs, "2026-01-01-cpu-ab", 1.0)
    ab_job(jobs, "2026-01-02-cpu-ab", 1.1)
    ab_job(folder, "alarming", 1.1, control_factor=1.1)
    return folder


@pytest.fixture
def sdbench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], runs: Path, tmp_path: Path
) -> Call:
    """Runs a command line in an empty folder; ``@name`` is a run, or a folder of runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        given = [str(runs / one[1:]) if one.startswith("@") else one for one in arguments]
        monkeypatch.setattr(sys, "argv", ["sdbench", "compare", *given])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return call


@pytest.mark.parametrize(
    ("candidate", "options", "code", "answer"),
    [
        ("same", (), 0, "No regression found; slowdowns from "),
        ("slow", (), 1, "1 regression: 10 steps is 10.0 % slower ("),
        ("fat", (), 1, "1 regression: 10 steps: allocated memory grew by 64.0 MiB (+32.0 %)"),
        ("less", (), 3, "Incomplete: 1 configuration that only the baseline was asked for"),
        ("torch", (), 0, "Advisory: the two runs were measured under other conditions: torch "),
        ("torch", ("--accept", "torch"), 1, "1 regression: 10 steps is 10.0 % slower ("),
        ("torch", ("--require-same-machine",), 4, "Environment unfit: the two runs were measured"),
        ("same", ("--require-same-machine",), 0, "No regression found; "),
        ("slow", ("--advisory",), 0, "Advisory: it was asked for (--advisory), so nothing fails."),
        ("less", ("--advisory",), 3, "Incomplete: "),
    ],
)
def test_the_exit_code_says_what_was_found(
    sdbench: Call, candidate: str, options: tuple[str, ...], code: int, answer: str
) -> None:
    found, output, errors = sdbench("@base", f"@{candidate}", *options)
    assert (found, errors) == (code, "")
    assert output.startswith(answer)
    assert f"exit code {code}: " in output.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Missing argument 'BASELINE'"),
        (("@base", "@base"), "both sides are the same run: "),
        (("@base",), "is no A/B job, and holds none: name a second run"),
        (("@base", "@jobs/2026-01-01-cpu-ab"), "is an A/B job, which holds both sides"),
        (("@alarming", "--accept", "torch"), "are about two runs; an A/B job is one machine"),
        (("@base", "@same", "--accept", "torhc"), "did you mean 'torch'? legal: device, torch, "),
        (("@base", "@same", "-o", "found.pdf"), "'found.pdf' is not legal: legal is a file that "),
        (("@base", "@same", "-o", "nowhere/found.md"), "there is no folder "),
        (("@base", "@same", "--format", "yaml"), "'yaml' is not one of 'text', 'markdown',"),
        (("@base", "@same", "--gates", "missing.yaml"), "missing.yaml"),
    ],
)
def test_wrong_usage_is_told_with_what_is_legal(
    sdbench: Call, arguments: tuple[str, ...], told: str
) -> None:
    code, output, errors = sdbench(*arguments)
    assert (code, output) == (2, "")
    assert told in " ".join(errors.split())


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_read(sdbench: Call) -> None:
    code, _, errors = sdbench("no-run", "no-other", "-o", "nowhere/found.md")
    assert code == 2
    assert "no-run" not in errors


def test_a_run_that_is_not_there_is_missing_data(sdbench: Call) -> None:
    code, _, errors = sdbench("@base", "no-run")
    assert code == 3
    assert "no-run is neither a run nor a folder of runs" in errors


def test_the_gates_of_another_suite_hold(sdbench: Call) -> None:
    Path("loose.yaml").write_text(
        "pipeline: {builtin: tiny}\ngates: {latency: 20%, between_runs: 0.1%}\n"
    )
    assert sdbench("@base", "@slow", "--gates", "loose.yaml")[0] == 0


def test_a_job_is_shown_again(sdbench: Call) -> None:
    code, output, _ = sdbench("@jobs/2026-01-01-cpu-ab")
    assert code == 0
    assert output.startswith("No regression found; ")
    assert "The baseline against itself, as a control: SAME" in output


def test_of_a_folder_of_jobs_the_newest_is_taken(sdbench: Call) -> None:
    code, output, _ = sdbench("@jobs")
    assert code == 1
    assert output.startswith("1 regression: 10 steps is 10.0 % slower (")
    assert "8 fresh pairs" in output


def test_no_side_of_a_job_is_taken_for_the_newest_run_of_a_folder(sdbench: Call) -> None:
    code, _, errors = sdbench("@base", "@jobs")
    assert code == 3
    assert "holds no runs, but A/B jobs" in errors


def test_a_control_that_alarms_ends_with_an_unfit_environment(sdbench: Call) -> None:
    code, output, _ = sdbench("@alarming")
    assert code == 4
    assert output.startswith("Environment unfit: the baseline against itself is 10.0 % slower")


def test_files_are_written_in_the_format_of_their_ending(sdbench: Call) -> None:
    names = ("a.txt", "a.md", "a.xml", "a.json", "a.html")
    options = [word for name in names for word in ("-o", name)]
    code, output, _ = sdbench("@base", "@slow", *options, "--format", "markdown")
    assert code == 1
    assert output == Path("a.md").read_text(encoding="utf-8")
    assert Path("a.txt").read_text().startswith("1 regression: ")
    assert ET.parse("a.xml").getroot()[0].get("failures") == "1"
    assert json.loads(Path("a.json").read_text())["exit_code"] == 1
    assert Path("a.html").read_text().startswith("<!doctype html>")


def test_annotations_are_printed_and_the_summary_is_added_to(
    sdbench: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    code, output, _ = sdbench("@base", "@slow", "--format", "github")
    assert code == 1
    assert output.startswith("::error title=sdbench%3A ci::1 regression: 10 steps is 10.0 %25 ")
    assert Path("summary.md").read_text(encoding="utf-8").startswith("### ci on Test CPU")


def test_a_summary_that_cannot_be_written_costs_the_summary_alone(
    sdbench: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "nowhere/summary.md")
    code, output, errors = sdbench("@base", "@slow", "--format", "github")
    assert (code, output[:8]) == (1, "::error ")
    assert errors.startswith("cannot write the step's summary: ")


def test_a_reader_who_leaves_changes_neither_the_exit_code_nor_the_files(
    runs: Path, tmp_path: Path
) -> None:
    """A pipe into `head` under `pipefail` would otherwise end with 1, which is a regression."""
    paths = [str(runs / "base"), str(runs / "same")]
    command = [sys.executable, "-m", "sdbench", "compare", *paths, "-o", str(tmp_path / "a.md")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, "")
    assert (tmp_path / "a.md").exists()
