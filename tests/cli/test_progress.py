from __future__ import annotations

import errno
import io
import re
import sys
from pathlib import Path

import factories
import pytest
from rich.console import Console
from rich.progress import Progress

from sdbench.cli.progress import PlainProgress, TerminalProgress, progress_for
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


def test_fresh_rounds_are_announced_and_counted_by_themselves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = PlainProgress(CONFIGURATIONS)
    progress.begun(Path("results/x"), "CPU", planned=2, done=2)
    progress.again(1, number=1, rounds=2)
    progress.finished(CONFIGURATIONS[0], factories.record(steps=2))
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "measuring again: 1 configuration, fresh round 1 of 2"
    assert lines[3].startswith("[1/1] ok ")


def test_a_batch_says_why_and_its_configurations_are_counted_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = PlainProgress(CONFIGURATIONS)
    progress.begun(Path("results/x"), "CPU", planned=200, done=5)
    progress.batch("they tell the others", 2)
    progress.finished(CONFIGURATIONS[0], factories.record(steps=2))
    progress.finished(CONFIGURATIONS[1], factories.record(steps=4))
    progress.batch("one was not explained", 4)
    progress.finished(CONFIGURATIONS[0], factories.record(steps=2))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ok")[0] for line in lines[2:]] == [
        "next 2: they tell the others",
        "[6/7]",
        "[7/7]",
        "next 4: one was not explained",
        "[ 8/11]",
    ]


def test_what_was_not_measured_is_not_counted_and_has_no_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = PlainProgress(CONFIGURATIONS)
    progress.begun(Path("results/x"), "CPU", planned=2, done=0)
    told = factories.record(
        status=Status.SKIPPED, steps=2, fields={"inferred_oom_key": "of another"}
    )
    progress.finished(CONFIGURATIONS[0], told)
    progress.finished(CONFIGURATIONS[1], factories.record(steps=4))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("[1/2] ok ")


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


def test_a_line_leaves_throttled_samples_out_as_the_report_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    samples_s = (*factories.around(1.0), *factories.around(9.0))
    marks = (False,) * 6 + (True,) * 6
    record = factories.record(steps=2, samples_s=samples_s, fields={"is_throttled": marks})
    PlainProgress(CONFIGURATIONS).finished(CONFIGURATIONS[0], record)
    assert "1.00 s" in capsys.readouterr().out


class Broken(io.StringIO):
    """A terminal that has gone, or the end of a pipe whose reader has."""

    def __init__(self, error_number: int, is_terminal: bool) -> None:
        super().__init__()
        self.attempts = 0
        self._error_number = error_number
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def write(self, text: str) -> int:
        self.attempts += bool(text)
        raise OSError(self._error_number, "gone")


@pytest.mark.parametrize("error_number", [errno.EPIPE, errno.EIO])
@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_sweep_outlives_its_output(
    monkeypatch: pytest.MonkeyPatch, error_number: int, is_terminal: bool
) -> None:
    """`sdbench run ... | head -1` ended the sweep after its first line."""
    output = Broken(error_number, is_terminal)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setenv("TERM", "xterm")
    with progress_for(CONFIGURATIONS) as progress:
        progress.begun(Path("results/x"), "CPU", planned=2, done=0)
        attempts = output.attempts
        progress.phase(CONFIGURATIONS[0], "timing")
        progress.batch("they tell the others", 2)
        progress.again(2, number=1, rounds=1)
        progress.finished(CONFIGURATIONS[0], factories.record(steps=2))
        assert output.attempts == attempts > 0


def test_a_sweep_outlives_a_character_that_the_terminal_cannot_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    both = [Configuration(factories.knobs(prompt=prompt)) for prompt in ("a dog", "犬")]
    with progress_for(both) as progress:
        progress.begun(Path("results/x"), "CPU", planned=2, done=0)
        progress.finished(both[1], factories.record(prompt="犬"))


def test_what_ends_a_sweep_is_not_muted() -> None:
    with pytest.raises(OSError, match="the disk is full"), progress_for(CONFIGURATIONS):
        raise OSError(errno.ENOSPC, "the disk is full")


def test_on_a_narrow_terminal_a_batch_is_read_in_whole_words_and_its_bar_grows() -> None:
    terminal = io.StringIO()
    console = Console(file=terminal, force_terminal=True, width=40, color_system=None)
    why = "scheduler heun, dtype fp16 took +5.1% of what others tell: measured closer"
    with Progress(console=console, auto_refresh=False, transient=True) as bar:
        progress = TerminalProgress(CONFIGURATIONS, bar)
        progress.begun(Path("results/x"), "CPU", planned=500, done=0)
        progress.batch("they tell the others", 8)
        assert (bar.tasks[0].total, bar.tasks[0].completed) == (8, 0)
        progress.finished(CONFIGURATIONS[0], factories.record(steps=2))
        progress.batch(why, 3)
        assert (bar.tasks[0].total, bar.tasks[0].completed) == (4, 1)
        told_of = factories.record(
            status=Status.SKIPPED, steps=2, fields={"inferred_oom_key": "of another"}
        )
        progress.finished(CONFIGURATIONS[0], told_of)
        assert bar.tasks[0].completed == 2  # it goes on while pictures are drawn
        progress.batch(why, 3)
        assert (bar.tasks[0].total, bar.tasks[0].completed) == (4, 1)
    written = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    lines = [line.strip() for line in written.splitlines()]
    first = next(at for at, line in enumerate(lines) if "next 3: scheduler heun" in line)
    told = " ".join(lines[first : first + 3])
    assert all(len(line) <= 40 for line in lines[first + 1 : first + 3])
    assert why in told


def test_a_terminal_gets_the_same_lines_above_a_bar_that_is_drawn_on_events_only() -> None:
    terminal = io.StringIO()
    console = Console(file=terminal, force_terminal=True, width=60, color_system=None)
    with Progress(console=console, auto_refresh=False, transient=True) as bar:
        progress = TerminalProgress(CONFIGURATIONS, bar)
        progress.begun(Path("results/x"), "CPU", planned=2, done=0)
        progress.phase(CONFIGURATIONS[0], "timing")
        drawn = terminal.getvalue()
        progress.finished(CONFIGURATIONS[0], factories.record(steps=2))
        progress.again(2, number=1, rounds=1)
        assert (bar.tasks[0].total, bar.tasks[0].completed) == (2, 0)
        assert not bar.live.auto_refresh
    assert "timing" in drawn
    assert "[1/2] ok" in terminal.getvalue()
