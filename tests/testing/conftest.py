from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from launchers import SCRIPTED, KeptLauncher
from plugin_sessions import Session, Write, write_suite

CONFTEST = """
def pytest_benchmark_generate_machine_info(config):
    return {"node": "test"}  # pytest-benchmark's own takes a second

def pytest_benchmark_generate_commit_info(config):
    return {"id": "test", "dirty": False}
"""

IMPORTED = """
sdbench.testing.suite_plugin sdbench.testing.check_plugin sdbench.tuning.applying
sdbench.tuning.local_worker sdbench.devices.cpu scipy.special
""".split()


@pytest.fixture
def script(pytester: pytest.Pytester) -> Write:
    """What the scripted device does, from now on."""

    def write(**values: Any) -> None:
        script = {"noise_ratio": 0.001, **values}
        (pytester.path / "device.json").write_text(json.dumps(script))

    return write


@pytest.fixture(scope="session")
def imported() -> None:
    """What a session inside imports it takes along when it ends; numpy and torch cannot come back.

    A pipeline of diffusers imports its parts only when it is made.
    """
    import tiny_pipelines  # not above: pytest reads this file whenever it starts in this checkout

    for name in IMPORTED:
        importlib.import_module(name)
    tiny_pipelines.shared()


@pytest.fixture(scope="session")
def launcher() -> Iterator[KeptLauncher]:
    """Starts workers for the scripted device; its server outlives sessions."""
    kept = KeptLauncher(SCRIPTED)
    yield kept
    kept.end()


@pytest.fixture
def session(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    script: Write,
    launcher: KeptLauncher,
    imported: None,
) -> Session:
    """A session of pytest in a folder with a suite, a script for the device, and no tests."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setattr("sdbench.testing.suite_run.launcher_for", lambda *_: launcher)
    pytester.makeconftest(CONFTEST)
    (pytester.path / "suites").mkdir()
    write_suite(pytester)
    script()

    def run(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)

    return run


@pytest.fixture
def measure(session: Session, pytester: pytest.Pytester) -> Session:
    """A session that measures the suite."""

    def run(*arguments: str) -> pytest.RunResult:
        device = f"--sdbench-device=scripted:{pytester.path / 'device.json'}"
        return session("--sdbench", "suites/ci.yaml", device, *arguments)

    return run
