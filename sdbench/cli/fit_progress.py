"""How a search goes, on standard error: standard output is for the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from sdbench.cli.progress import MutedOnFailure, PlainProgress
from sdbench.knobs.registry import describe
from sdbench.results.record import Record, Status
from sdbench.results.table import accepted_samples
from sdbench.run.session import RunListener
from sdbench.statistics import median_estimate
from sdbench.suite.configuration import Configuration
from sdbench.units import format_bytes, format_seconds


class FitProgress(PlainProgress):
    """A line for each round as it ends, naming what differs from the wanted configuration.

    Args:
        wanted: The wanted configuration.
        bar: Shows the phase on a terminal, redrawn on events only; None elsewhere.
    """

    def __init__(self, wanted: Configuration, bar: Progress | None = None) -> None:
        super().__init__([wanted])
        self._wanted = wanted
        self._bar = bar
        self._task = bar.add_task("starting", total=None) if bar else None

    def begun(self, folder: Path, device: str, planned: int, done: int) -> None:
        """Says where it runs and where the results go."""
        self.write(f"{device}: into {folder}")

    def phase(self, configuration: Configuration, phase: str) -> None:
        """Names the phase."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=f"{phase}: {self._change(configuration)}")
            self._bar.refresh()

    def batch(self, why: str, count: int) -> None:
        """Says nothing: a search measures all that it asks for."""

    def write(self, line: str) -> None:
        """Writes a line at once."""
        if self._bar is not None:
            console = self._bar.console
            console.print(line, markup=False, highlight=False, overflow="ignore", crop=False)
        else:
            click.echo(line, err=True)

    def finished(self, configuration: Configuration, record: Record) -> None:
        """Writes the round's line, without a count: how many there will be is not known."""
        change = self._change(configuration)
        if record.status is not Status.OK:
            reason, _, _ = (record.reason or "").partition(";")
            self.write(f"{record.status.value:<11} {change}: {reason}")
            return
        estimate = median_estimate(accepted_samples(record))
        latency = format_seconds(estimate.point, estimate.half_width)
        memory = record.peak_allocated_bytes.value
        allocated = format_bytes(None if memory is None else int(memory))
        self.write(f"{record.status.value:<11} {latency:>8}  {allocated:>9}  {change}")

    def _changed(self, configuration: Configuration) -> dict[str, object]:
        wanted = self._wanted.knobs
        return {name: v for name, v in configuration.knobs.items() if v != wanted[name]}

    def _change(self, configuration: Configuration) -> str:
        return describe(configuration.knobs, self._changed(configuration)) or "as wanted"


@contextmanager
def fit_progress(wanted: Configuration) -> Iterator[RunListener]:
    """Lines, and on a terminal the phase below them."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield MutedOnFailure(FitProgress(wanted))
        return
    columns = SpinnerColumn(), TextColumn("{task.description}")
    bar = Progress(*columns, console=console, auto_refresh=False, transient=True)
    try:
        with suppress(OSError, UnicodeError):
            bar.start()
        yield MutedOnFailure(FitProgress(wanted, bar))
    finally:
        with suppress(OSError, UnicodeError):
            bar.stop()
