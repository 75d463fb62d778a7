from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from launchers import SCRIPTED, KeptLauncher

from sdbench.results.record import Record
from sdbench.run.environment import worker_environment
from sdbench.run.launch import Launcher, SpawnLauncher
from sdbench.run.session import Order
from sdbench.suite.configuration import Configuration
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite

from .ab_runs import AbRecorder, Turns, without_fidelity

SUITE = """
name: scripted
pipeline: {{builtin: tiny}}
axes:
  dtype: [fp32, fp16]
  steps: [2, 4, 6]
measure: {measure}
"""
MEASURE = (
    "{warmup: 1, min_samples: 2, max_samples: 2, timeout: 60s, default: off, confirm_rounds: 0}"
)
"""The clock of what is measured is simulated; the timeout is real, and never reached."""


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., str]:
    """The word for a device that plays a script."""

    def write(**values: Any) -> str:
        path = tmp_path / "script.json"
        path.write_text(json.dumps(values))
        return f"scripted:{path}"

    return write


@pytest.fixture
def order(tmp_path: Path) -> Callable[..., Order]:
    """An order for six configurations of two loads, on a scripted device."""

    def make(device: str = "scripted", measure: str = MEASURE, **values: Any) -> Order:
        path = tmp_path / "suite.yaml"
        path.write_text(SUITE.format(measure=measure))
        suite = load_suite(path)
        return Order(
            suite=suite,
            configurations=configurations(suite),
            results=tmp_path / "results",
            device=device,
            **values,
        )

    return make


@pytest.fixture
def spawned() -> Iterator[Launcher]:
    spawn = SpawnLauncher(worker_environment(os.environ))
    yield spawn
    spawn.close()


@pytest.fixture
def launcher(spawned: Launcher) -> Launcher:
    return spawned


@pytest.fixture(scope="session")
def real() -> Iterator[KeptLauncher]:
    launcher = KeptLauncher()
    yield launcher
    launcher.end()


@pytest.fixture(scope="session")
def forked() -> Iterator[KeptLauncher]:
    """Workers for a scripted device, without torch."""
    launcher = KeptLauncher(SCRIPTED)
    yield launcher
    launcher.end()


class Recorder:
    """A listener that remembers what it is told."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.phases: list[str] = []
        self.notes: list[str] = []
        self.batches: list[tuple[str, int]] = []
        self.fresh_rounds: list[tuple[int, int, int]] = []
        self.done_before = 0

    def begun(self, folder: Path, device: str, planned: int, done: int) -> None:
        self.done_before = done

    def phase(self, configuration: Configuration, phase: str) -> None:
        self.phases.append(phase)

    def finished(self, configuration: Configuration, record: Record) -> None:
        self.records.append(record)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def again(self, count: int, number: int, rounds: int) -> None:
        self.fresh_rounds.append((count, number, rounds))

    def batch(self, why: str, count: int) -> None:
        self.batches.append((why, count))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def listener() -> AbRecorder:
    return AbRecorder()


@pytest.fixture
def plain(order: Callable[..., Order]) -> Order:
    """Two loads of three configurations each, without pictures to judge."""
    return without_fidelity(order())
