"""`sdbench run --plan` and `--budget`: what is measured, what is said, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sdbench.analysis.recommend import recommend_for_run
from sdbench.cli.main import main
from sdbench.results.store import Run, find_runs, read_run

SUITE = """
name: staged
pipeline: {builtin: tiny}
axes:
  dtype: [fp32, fp16]
  scheduler: [euler, ddim, heun, lms]
  steps: [2, 4, 6, 8, 10, 12, 14, 16, 20, 24]
measure: {min_samples: 2, max_samples: 2, default: off, confirm_rounds: 1}
"""
ALL = 80
SMALL = SUITE.replace("[2, 4, 6, 8, 10, 12, 14, 16, 20, 24]", "[2, 4]")

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sdbench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Call:
    """Runs a command line in a folder with a suite and a device: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "device.json").write_text(json.dumps({"noise_ratio": 0.005}))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sdbench", "run", "suite.yaml", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return call


ON_DEVICE = ("--device", "scripted:device.json")


def newest() -> Run:
    return read_run(find_runs(Path("results"))[-1])


def kinds(run: Run) -> Counter[str]:
    return Counter("derived" if one.is_derived else one.status.value for one in run.latest.values())


def test_a_large_suite_is_measured_in_part_and_derived_in_part(sdbench: Call) -> None:
    code, output, _ = sdbench(*ON_DEVICE)
    run = newest()
    found = kinds(run)
    assert code == 0
    assert run.info.plan == "staged"
    assert found["ok"] + found["derived"] == ALL
    assert found["derived"] > ALL / 2
    assert f"{found['ok']} ok, {found['derived']} derived" in output
    assert "tell the others' latencies" in output
    assert "they follow from what was measured" in output
    assert run.plan_remarks[0] in output
    best = recommend_for_run(run).best.chosen
    assert best is not None
    assert (best.is_derived, best.confirmed_rounds) == (False, 1)


def test_an_exhaustive_plan_measures_all(sdbench: Call) -> None:
    code, output, _ = sdbench(*ON_DEVICE, "--plan", "exhaustive")
    assert code == 0
    assert kinds(newest()) == {"ok": ALL}
    assert "derived" not in output


def test_a_small_suite_is_measured_whole(sdbench: Call) -> None:
    Path("suite.yaml").write_text(SMALL)
    code, output, _ = sdbench(*ON_DEVICE)
    assert code == 0
    assert kinds(newest()) == {"ok": 16}
    assert "derive" not in output


def test_a_finished_run_is_resumed_without_a_round(sdbench: Call) -> None:
    sdbench(*ON_DEVICE)
    before = newest()
    code, output, _ = sdbench(*ON_DEVICE, "--resume")
    assert code == 0
    assert newest().records == before.records
    assert f"{ALL} configurations, {kinds(before)['ok']} of them measured earlier" in output


def test_a_budget_that_is_over_at_once_ends_with_what_was_measured(sdbench: Call) -> None:
    """The clock is the machine's, and not one round fits: the first is begun, for its load has
    shown nothing yet."""
    code, output, _ = sdbench(*ON_DEVICE, "--budget", "1ms")
    run = newest()
    assert run.is_stopped_by_budget
    assert run.info.budget_s == 0.001
    assert "not reached in the time given" in output
    assert code == (0 if run.records else 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--budget", "0"), "legal is a time with its unit, such as 250ms, 60s, 10min or 1h"),
        (("--budget", "0s"), "legal is a time with its unit"),
        (("--budget", "x"), "legal is a time with its unit"),
        (("--plan", "half"), "is not one of 'staged', 'exhaustive'"),
        (
            ("--plan", "staged", "--rounds", "3"),
            "--rounds 3 measures every configuration so often, and --plan staged leaves some out",
        ),
        (
            ("--budget", "1min", "--rounds", "3"),
            "--rounds 3 measures every configuration so often, and --budget leaves some out",
        ),
        (
            ("--plan", "exhaustive", "--budget", "1min"),
            "--plan exhaustive measures all, however long it takes",
        ),
    ],
)
def test_what_cannot_be_had_is_refused_in_a_sentence(
    sdbench: Call, arguments: tuple[str, ...], told: str
) -> None:
    code, _, errors = sdbench(*arguments)
    assert code == 2
    assert told in errors
    assert not Path("results").exists()


def test_a_killed_run_goes_on(sdbench: Call) -> None:
    """It hangs in the second load of what the plan measures first; seven are of the first load."""
    fault = {"fault": "hang", "knobs": {"dtype": "fp16"}}
    Path("device.json").write_text(json.dumps({"noise_ratio": 0.005, "faults": [fault]}))
    process = subprocess.Popen(
        [sys.executable, "-m", "sdbench", "run", "suite.yaml", *ON_DEVICE],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    next(line for line in process.stdout if line.startswith("[ 7/"))
    process.kill()
    process.communicate()
    before = newest()
    assert 7 <= len(before.records) < ALL
    Path("device.json").write_text(json.dumps({"noise_ratio": 0.005}))
    code, _, _ = sdbench(*ON_DEVICE, "--resume")
    run = newest()
    assert code == 0
    assert run.records[: len(before.records)] == before.records
    assert sum(kinds(run).values()) == ALL
    measured = Counter(one.key for one in run.records if one.samples_s and not one.round)
    assert set(measured.values()) == {1}
