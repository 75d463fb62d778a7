"""``sdbench ab`` from end to end: real workers of two installations, on a scripted device."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import venvs
from launchers import SCRIPTED, KeptLauncher

import sdbench as package
from sdbench.cli.ab_progress import AbProgress
from sdbench.cli.main import main
from sdbench.results.ab import AbJob, read_ab_job

SUITE = """
name: small
pipeline: {builtin: tiny}
fixed: {steps: 2}
axes:
  scheduler: [euler, ddim]
measure: {warmup: 1, min_samples: 2, max_samples: 2, default: off}
"""
SHORT = ("--device", "scripted", "--pairs", "2", "--confirm-pairs", "2", "--most-pairs", "2")

SLOWER = """
from sdbench.devices.scripted import ScriptedDevice

as_fast = ScriptedDevice.advance
ScriptedDevice.advance = lambda self, duration_s: as_fast(self, 1.1 * duration_s)
"""
"""A ``sitecustomize`` in whose installation everything takes 10 % longer."""

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Workers are forked without torch: a Python for each would take most of a test's time."""
    started: list[KeptLauncher] = []

    def launcher_for(
        device: str, environment: Mapping[str, str], python: str, folder: Path
    ) -> KeptLauncher:
        started.append(KeptLauncher(SCRIPTED, environment, python, folder))
        return started[-1]

    monkeypatch.setattr("sdbench.run.ab_sides.launcher_for", launcher_for)
    yield
    for launcher in started:
        launcher.end()


@pytest.fixture
def command(
    forked: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Call:
    """Runs a command line in a folder with a suite: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite.yaml").write_text(SUITE)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sdbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    return call


def the_job(folder: Path) -> AbJob:
    (job,) = (folder / "results" / "small").glob("*-ab")
    return read_ab_job(job)


def as_json(output: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(output)
    return told


def test_a_candidate_that_takes_longer_is_slower(command: Call, tmp_path: Path) -> None:
    """Its search path reaches the candidate alone; fresh pairs decide."""
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "sitecustomize.py").write_text(SLOWER)
    own_path = f"PYTHONPATH={tmp_path / 'planted'}"
    planted = ("--candidate-env", own_path, "--control", "scheduler ddim")
    code, output, errors = command("ab", "suite.yaml", *SHORT, *planted, "-o", "job.md")
    assert code == 1
    assert "SLOWER" in output
    assert "SLOWER" in Path("job.md").read_text(encoding="utf-8")
    assert "screening: 2 configurations, 2 pairs" in errors
    assert "2 suspects: 2 fresh pairs" in errors
    assert "fresh pair 2 of 2: candidate +10.0 %" in errors
    job = the_job(tmp_path)
    assert job.info.is_finished
    assert job.info.candidate.variables == {"PYTHONPATH": "…/planted"}
    assert job.info.baseline.variables == {}
    assert job.info.in_turns
    assert str(tmp_path) not in (job.folder / "ab.json").read_text(encoding="utf-8")
    assert command("compare", str(job.folder))[0] == 1


def test_workers_take_turns_where_they_are_told_to(command: Call, tmp_path: Path) -> None:
    code, _, _ = command("ab", "suite.yaml", *SHORT, "--alternate", "workers")
    assert code == 0
    assert not the_job(tmp_path).info.in_turns


def test_two_virtual_environments_are_measured_each_with_its_own_sdbench(
    command: Call, tmp_path: Path
) -> None:
    """Called in a checkout, both sides imported the checkout."""
    (tmp_path / "sdbench").symlink_to(Path(package.__file__).parent)
    for name, version in (("main", "1.0.0"), ("change", "2.0.0")):
        venvs.venv(tmp_path / "venvs" / name, sdbench=venvs.other_sdbench(version))
    sides = ("--baseline", "venvs/main", "--candidate", "venvs/change/bin/python")
    code, output, _ = command("ab", "suite.yaml", *SHORT, *sides, "--format", "json")
    assert code == 0
    job = the_job(tmp_path)
    runs = {"1.0.0": job.baseline, "2.0.0": job.candidate}
    assert {version: run.info.fingerprint["sdbench"] for version, run in runs.items()} == {
        version: version for version in runs
    }
    told = as_json(output)
    assert (told["baseline"]["source"], told["candidate"]["source"]) == ("main", "change")
    assert told["candidate"]["facts"]["sdbench"] == "2.0.0"
    assert job.info.notes[:1] != ("both sides are the same: this is an A/A run",)


def test_a_setting_of_one_side_alone_is_compared(command: Call, tmp_path: Path) -> None:
    """The running installation is both sides; fp16 is faster on a scripted device.

    The device's script is found, though workers run elsewhere.
    """
    (tmp_path / "script.yaml").write_text("name: Another device")
    code, output, errors = command(
        *("ab", "suite.yaml", *SHORT, "--candidate-set", "fixed.dtype=fp16"),
        *("--device", "scripted:script.yaml", "--control", "none", "--format", "json"),
    )
    assert code == 0
    assert "pair 1 of 2: candidate -4" in errors
    rows = as_json(output)["configurations"]
    assert [row["findings"][1]["metric"] for row in rows] == ["latency", "latency"]
    assert [row["findings"][1]["verdict"] for row in rows] == ["FASTER", "FASTER"]
    job = the_job(tmp_path)
    assert job.control is None
    assert job.baseline.info.device == "Another device"


def test_both_sides_alike_is_said_to_be_an_a_a_run_and_a_secret_is_written_nowhere(
    command: Call, tmp_path: Path
) -> None:
    secret = ("--baseline-env", "HF_TOKEN=hf_abc", "--candidate-env", "HF_TOKEN=hf_abc")
    code, output, errors = command("ab", "suite.yaml", *SHORT, *secret, "--control", "none")
    assert code == 0
    assert "both sides are the same: this is an A/A run" in errors
    assert "oth sides are the same: this is an A/A run" in output
    assert the_job(tmp_path).info.notes[0] == "both sides are the same: this is an A/A run"
    files = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert len(files) > 4
    assert not any(b"hf_abc" in path.read_bytes() for path in files)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--candidate-set", "fixed.scheduler=ddim"],
            "--candidate-set: fixed.scheduler: is an axis of the suite (euler, ddim)",
        ),
        (["--baseline-set", "fixed.dtyp=fp16"], "unknown knob: did you mean 'dtype'?"),
        (["--baseline-set", "dtype=fp16"], "write fixed.dtype=fp16"),
        (
            ["--baseline-set", "fixed.dtype=fp61"],
            "--baseline-set: fixed.dtype: 'fp61' is not legal",
        ),
        (["--baseline-set", "fixed.steps=[1, 2]"], "[1, 2] is a list"),
        (["--baseline-set", "fixed.steps={"], "'{' is no value in YAML"),
        (["--candidate-env", "HF_HOME"], "'HF_HOME' is not NAME=VALUE"),
        (["--pairs", "3"], "must be even"),
        (["--alternate", "sides"], "is not one of 'calls', 'workers'"),
        (["--confirm-pairs", "8", "--most-pairs", "6"], "--most-pairs 6 is less than"),
        (["--control", "steps 5"], "no configuration of the suite is 'steps 5'"),
        (["--candidate", "nowhere"], "nowhere is no Python"),
        (["-o", "job.doc"], "job.doc"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_code_2(
    command: Call, tmp_path: Path, arguments: list[str], words: str
) -> None:
    code, output, errors = command("ab", "suite.yaml", "--device", "scripted", *arguments)
    assert (code, output) == (2, "")
    assert words in errors
    assert not (tmp_path / "results").exists()


def test_a_virtual_environment_without_sdbench_is_refused(command: Call, tmp_path: Path) -> None:
    venvs.bare_venv(tmp_path / "change")
    code, _, errors = command("ab", "suite.yaml", "--candidate", "change")
    assert code == 2
    assert "sdbench: change has no sdbench" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_job_says_how_to_look_at_it(
    command: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """As by Ctrl-C, or by a runner that cancels its job."""
    monkeypatch.setattr(AbProgress, "finished", lambda *_: signal.raise_signal(number))
    before = signal.getsignal(signal.SIGTERM)
    try:
        code, output, errors = command("ab", "suite.yaml", *SHORT)
    finally:
        signal.signal(signal.SIGTERM, before)
    job = the_job(tmp_path)
    relative = job.folder.relative_to(tmp_path)
    assert (code, output) == (3, "")
    assert f"interrupted; look at what there is with: sdbench compare {relative}" in errors
    assert "Traceback" not in errors
    assert not job.info.is_finished
