"""What runs on a node, without Ray around it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sdbench import __version__
from sdbench.fleet import ray_worker
from sdbench.fleet.ray_worker import GpuWorker

SUITE = b"""
pipeline: {builtin: tiny}
fidelity: off
fixed: {steps: 2}
measure: {min_samples: 2, max_samples: 2, default: off, confirm_rounds: 0}
"""
SCRIPT = b"{name: Tesla T4, memory_bytes: 16000000000}"


def job(*arguments: str) -> dict[str, Any]:
    return {
        "suite_name": "suite",
        "suite_file": "suite.yaml",
        "files": {"suite.yaml": SUITE},
        "arguments": list(arguments),
        "earlier": None,
    }


def answers(worker: GpuWorker) -> list[dict[str, Any]]:
    """All answers up to the last of a shard."""
    found = [worker.poll()]
    while found[-1]["status"] == "running":
        found.append(worker.poll())
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_scripted_device_is_probed_by_its_script() -> None:
    answer = GpuWorker("10.0.0.1", SCRIPT).probe()

    assert answer["status"] == "ok"
    assert answer["gpu"]["node"] == "10.0.0.1"
    assert answer["gpu"]["name"] == "Tesla T4"
    assert answer["gpu"]["memory_bytes"] == 16_000_000_000


def test_a_shard_is_told_to_its_end_and_leaves_nothing(folder: Path) -> None:
    worker = GpuWorker("10.0.0.1", SCRIPT)

    assert worker.start(job("--shard", "1/1")) == {"status": "started"}
    told = answers(worker)

    assert told[-1]["status"] == "ended"
    assert told[-1]["exit_code"] == 0
    assert sum(len(one["lines"]) for one in told) == 1
    assert any(name.startswith("logs/") for one in told for name in one["files"])
    assert list(folder.iterdir()) == []


def test_the_notes_of_the_plan_come_also_where_pictures_are_too_many(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without them a staged shard would look as if it had been cut off."""
    monkeypatch.setattr(ray_worker, "_MAX_FILES_BYTES", -1)
    worker = GpuWorker("10.0.0.1", SCRIPT)

    worker.start(job("--shard", "1/1", "--budget", "10min"))
    told = answers(worker)

    assert [name for one in told for name in one["files"]] == ["plan.json"]
    assert any(name.startswith("logs/") for one in told for name in one["left_out"])


def test_a_command_line_that_fails_is_an_answer(folder: Path) -> None:
    worker = GpuWorker("10.0.0.1", SCRIPT)

    worker.start(job("--no-such-option"))
    told = answers(worker)

    assert told[-1]["exit_code"] == 2
    assert "--no-such-option" in told[-1]["log"]


def test_what_was_not_started_is_an_answer_too() -> None:
    assert GpuWorker("10.0.0.1").poll() == {"status": "failed", "reason": "no shard was started"}


def test_a_shard_sees_its_gpu_by_uuid_and_none_of_rays_limits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")

    environment = ray_worker._environment("GPU-1")

    assert environment["CUDA_VISIBLE_DEVICES"] == "GPU-1"
    assert "OMP_NUM_THREADS" not in environment


def leashed(parent: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sdbench.fleet.leash", str(parent), "--version"]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_leash_becomes_sdbench() -> None:
    assert __version__ in leashed(os.getpid()).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the request")
def test_the_leash_ends_at_once_where_its_parent_is_gone() -> None:
    assert leashed(1).returncode == -signal.SIGTERM
