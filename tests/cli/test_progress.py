from __future__ import annotations

import io
from pathlib import Path

import factories
import pytest
from rich.console import Console
from rich.progress import Progress

from sdbench.cli.progress import PlainProgress, TerminalProgress
from sdbench.results.record import Status
from sdbench.suite.configuration import Configuration

CONFIGURATIONS = [Configuration(factories.knobs(steps=steps)) for steps in (2, 4)]


def test_a_line_says_status_latency_memory_and_what_varies(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = PlainProgress(CONFIGURATIONS)
    progress.begun(Path("results/x"), "CPU", planned=2, done=0)
    record = factories.record(steps=2, samples_s=factories.around(1.0), allocated_mib=200)
    progress.finished(CONFIGURATIONS[0], record)
    # 1.0 s +- 2 %: the interval's leading digit is the second decimal.
    assert capsys.readouterr().out.splitlines() == [
        "CPU: 2 configurations",
        "into results/x",
        "[1/2] ok            1.00 s    200 MiB  steps 2",
    ]


def test_a_line_of_a_failure_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress(CONFIGURATIONS)
    progress.begun(Path("results/x"), "CPU", planned=2, done=1)
    record = factories.record(
        status=Status.UNSUPPORTED, steps=4, fields={"reason": "it does not fit; these do"}
    )
    progress.finished(CONFIGURATIONS[1], record)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "CPU: 2 configurations, 1 of them measured earlier"
    assert lines[-1] == "[2/2] unsupported steps 4: it does not fit"


def test_a_terminal_gets_the_same_lines_above_a_bar_that_is_drawn_on_events_only() -> None:
    terminal = io.StringIO()
    console = Console(file=terminal, force_terminal=True, width=60, color_system=None)
    with Progress(console=console, auto_refresh=False, transient=True) as bar:
        progress = TerminalProgress(CONFIGURATIONS, bar)
        progress.begun(Path("results/x"), "CPU", planned=2, done=0)
        progress.phase(CONFIGURATIONS[0], "timing")
        drawn = terminal.getvalue()
        progress.finished(CONFIGURATIONS[0], factories.record(steps=2))
        assert not bar.live.auto_refresh
    assert "timing" in drawn
    assert "[1/2] ok" in terminal.getvalue()
