"""What the fixture ``sdbench`` adds to a session, once a test uses it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import cast

import pytest

from sdbench.testing.check import Checker, Surroundings
from sdbench.testing.playback import (
    BENCHMARK,
    Benchmark,
    Playback,
    is_available,
    is_disabled,
    timed_by,
)
from sdbench.testing.summary import Line, write

_CLOCK = pytest.StashKey[Playback]()
_PLUGIN = pytest.StashKey["CheckPlugin"]()


def begin(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Prepares tests that use the fixture, before pytest-benchmark looks at them."""
    plugin = config.stash.setdefault(_PLUGIN, CheckPlugin())
    if not config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(plugin, "sdbench-checks")
    if not is_available(config):
        return
    for item in items:
        clock = item.stash.setdefault(_CLOCK, Playback())
        timed_by(item, clock)
        names: list[str] = item.fixturenames  # type: ignore[attr-defined]
        if BENCHMARK not in names:
            names.append(BENCHMARK)


def checker_for(request: pytest.FixtureRequest) -> Checker:
    """The fixture's value, for one test."""
    config, item = request.config, request.node
    if _CLOCK not in item.stash:  # no argument of the test or of its fixtures, but asked for later
        if BENCHMARK in item.funcargs:
            pytest.fail("ask for the fixture sdbench before benchmark, which it times by a clock")
        begin(config, [item])
    folder = config.invocation_params.dir
    baseline, results = (config.getoption(name) for name in ("sdbench_baseline", "sdbench_results"))
    benchmark: Benchmark | None = None
    is_timed = not (is_disabled(config) or "PYTEST_XDIST_WORKER" in os.environ)
    if is_available(config):
        benchmark = cast(Benchmark, request.getfixturevalue(BENCHMARK))
        is_timed = benchmark.enabled
    thrown_away: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    return Checker(
        Surroundings(
            node_id=item.nodeid,
            benchmark=benchmark,
            clock=item.stash.get(_CLOCK, Playback()),
            is_timed=is_timed,
            results=folder / results if results else thrown_away.mktemp("sdbench"),
            baseline=folder / baseline if baseline else None,
            command_line=("pytest", *map(str, config.invocation_params.args)),
            report=config.stash[_PLUGIN].lines.append,
        )
    )


class CheckPlugin:
    """The hooks of a session with tests that use the fixture."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What was measured, and what that means."""
        if self.lines:
            write(terminalreporter, "sdbench checks", self.lines)
