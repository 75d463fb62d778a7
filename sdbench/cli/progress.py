"""How a run goes, on a terminal and elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sdbench.knobs.registry import describe, varying_knobs
from sdbench.results.record import Record, Status
from sdbench.results.table import accepted_samples
from sdbench.run.session import RunListener
from sdbench.statistics import median_estimate
from sdbench.suite.configuration import Configuration
from sdbench.units import format_bytes, format_seconds

OUTPUT_FAILURES = (OSError, UnicodeError)
"""A closed pipe, a terminal that is gone, a character that its encoding lacks."""


class MutedOnFailure:
    """Tells a listener how a run goes until its output fails: the sweep goes on without it."""

    def __init__(self, listener: RunListener) -> None:
        self._listener: RunListener | None = listener

    def begun(self, folder: Path, device: str, planned: int, done: int) -> None:
        """Hands on that a run has begun."""
        self._tell(lambda listener: listener.begun(folder, device, planned, done))

    def phase(self, configuration: Configuration, phase: str) -> None:
        """Hands on that a phase has begun."""
        self._tell(lambda listener: listener.phase(configuration, phase))

    def finished(self, configuration: Configuration, record: Record) -> None:
        """Hands on that a configuration has its record."""
        self._tell(lambda listener: listener.finished(configuration, record))

    def note(self, text: str) -> None:
        """Hands on a note."""
        self._tell(lambda listener: listener.note(text))

    def again(self, count: int, number: int, rounds: int) -> None:
        """Hands on that a fresh round begins."""
        self._tell(lambda listener: listener.again(count, number, rounds))

    def batch(self, why: str, count: int) -> None:
        """Hands on that more come."""
        self._tell(lambda listener: listener.batch(why, count))

    def _tell(self, tell: Callable[[RunListener], None]) -> None:
        if self._listener is None:
            return
        try:
            tell(self._listener)
        except OUTPUT_FAILURES:
            self._listener = None


class PlainProgress:
    """A line for each configuration as it ends."""

    def __init__(self, configurations: Sequence[Configuration]) -> None:
        self._names = varying_knobs([item.knobs for item in configurations])
        self._planned = self._done = 0

    def begun(self, folder: Path, device: str, planned: int, done: int) -> None:
        """Says where it runs and where the results go."""
        self._planned, self._done = planned, done
        earlier = f", {done} of them measured earlier" if done else ""
        self.write(f"{device}: {planned} configurations{earlier}")
        self.write(f"into {folder}")

    def phase(self, configuration: Configuration, phase: str) -> None:
        """Says nothing."""

    def finished(self, configuration: Configuration, record: Record) -> None:
        """Writes the configuration's line; of what follows from others there may be thousands.

        Nor do these count: some are measured after all, and none twice.
        """
        if record.is_derived or record.is_inferred_oom:
            return
        self._done += 1
        count = f"[{self._done:>{len(str(self._planned))}}/{self._planned}]"
        self.write(f"{count} {self.line(configuration, record)}")

    def note(self, text: str) -> None:
        """Writes it."""
        self.write(text)

    def again(self, count: int, number: int, rounds: int) -> None:
        """Says what is measured again, and counts anew."""
        self._planned, self._done = count, 0
        configurations = f"{count} configuration{'s' if count > 1 else ''}"
        self.write(f"measuring again: {configurations}, fresh round {number} of {rounds}")

    def batch(self, why: str, count: int) -> None:
        """Says how many more come and why; how many there will be is known to their end alone."""
        self._planned = self._done + count
        self.write(f"next {count}: {why}")

    def write(self, line: str) -> None:
        """Writes a line at once."""
        click.echo(line)
        sys.stdout.flush()

    def line(self, configuration: Configuration, record: Record) -> str:
        """Status, latency of a call, memory and settings; or the reason that there are none."""
        settings = describe(configuration.knobs, self._names)
        if record.status is not Status.OK:
            reason, _, _ = (record.reason or "").partition(";")
            return f"{record.status.value:<11} {settings}: {reason}"
        estimate = median_estimate(accepted_samples(record))
        latency = format_seconds(estimate.point, estimate.half_width)
        memory = record.peak_allocated_bytes.value
        allocated = format_bytes(None if memory is None else int(memory))
        return f"{record.status.value:<11} {latency:>8}  {allocated:>9}  {settings}"


class TerminalProgress(PlainProgress):
    """The same lines above a bar with the time left.

    It is redrawn on events only: a redraw in a timed window would disturb what is timed.
    """

    def __init__(self, configurations: Sequence[Configuration], bar: Progress) -> None:
        super().__init__(configurations)
        self._bar = bar
        self._task = bar.add_task("starting", total=None)

    def begun(self, folder: Path, device: str, planned: int, done: int) -> None:
        """Starts the bar."""
        super().begun(folder, device, planned, done)
        self._bar.reset(self._task, total=planned, completed=done)
        self._bar.refresh()

    def phase(self, configuration: Configuration, phase: str) -> None:
        """Names the phase beside the bar."""
        self._bar.update(self._task, description=phase)
        self._bar.refresh()

    def finished(self, configuration: Configuration, record: Record) -> None:
        """Writes the line and moves the bar."""
        super().finished(configuration, record)
        self._bar.update(self._task, advance=1)
        self._bar.refresh()

    def again(self, count: int, number: int, rounds: int) -> None:
        """Starts the bar anew."""
        super().again(count, number, rounds)
        self._bar.reset(self._task, total=count, completed=0, description="starting")
        self._bar.refresh()

    def batch(self, why: str, count: int) -> None:
        """Makes the bar as long as what is known to come, and takes back what was only derived."""
        super().batch(why, count)
        self._bar.update(self._task, total=self._planned, completed=self._planned - count)
        self._bar.refresh()

    def write(self, line: str) -> None:
        """Writes a line above the bar."""
        self._bar.console.print(line, markup=False, highlight=False, overflow="ignore", crop=False)


class _Console(Console):
    """Raises a broken pipe as it is, where rich would end the program."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


@contextmanager
def progress_for(configurations: Sequence[Configuration]) -> Iterator[RunListener]:
    """A bar on a terminal, plain lines elsewhere."""
    console = _Console()
    if not console.is_terminal:
        yield MutedOnFailure(PlainProgress(configurations))
        return
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    bar = Progress(*columns, console=console, auto_refresh=False, transient=True)
    progress = TerminalProgress(configurations, bar)
    try:
        with suppress(*OUTPUT_FAILURES):
            bar.start()
        yield MutedOnFailure(progress)
    finally:
        with suppress(*OUTPUT_FAILURES):
            bar.stop()


@contextmanager
def prediction_progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error where that is a terminal; takes how many are done, and of how many.

    Standard output is left to what is predicted.
    """
    console = _Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, of: None
        return
    columns = (TextColumn("predicting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("predicting", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
