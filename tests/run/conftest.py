from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from launchers import SCRIPTED, KeptLauncher

from sdbench.run.environment import worker_environment
from sdbench.run.launch import Launcher, SpawnLauncher
from sdbench.run.order import Order
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite

from .ab_runs import AbRecorder, Turns, without_fidelity
from .recorder import Recorder
from .staged_runs import StagedRuns

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


@pytest.fixture
def staged(tmp_path: Path, forked: KeptLauncher, script: Callable[..., str]) -> StagedRuns:
    return StagedRuns(tmp_path, forked, script)
