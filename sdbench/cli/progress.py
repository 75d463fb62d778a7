"""How a run goes, on a terminal and elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sdbench.knobs.registry import describe
from sdbench.results.record import Record, Status
from sdbench.run.session import RunListener
from sdbench.statistics import median_estimate
from sdbench.suite.configuration import Configuration, varying_knobs
from sdbench.units import format_bytes, format_seconds


class PlainProgress:
    """A line for each configuration as it ends."""

    def __init__(self, configurations: Sequence[Configuration]) -> None:
        self._names = varying_knobs(configurations)
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
        """Writes the configuration's line."""
        self._done += 1
        count = f"[{self._done:>{len(str(self._planned))}}/{self._planned}]"
        self.write(f"{count} {self.line(configuration, record)}")

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
        estimate = median_estimate(record.samples_s)
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

    def write(self, line: str) -> None:
        """Writes a line above the bar."""
        self._bar.console.print(line, markup=False, highlight=False, overflow="ignore", crop=False)


@contextmanager
def progress_for(configurations: Sequence[Configuration]) -> Iterator[RunListener]:
    """A bar on a terminal, plain lines elsewhere."""
    console = Console()
    if not console.is_terminal:
        yield PlainProgress(configurations)
        return
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as bar:
        yield TerminalProgress(configurations, bar)
