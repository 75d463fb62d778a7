"""How an A/B job goes, on standard error: standard output is for the comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from sdbench.analysis.wording import count
from sdbench.cli.progress import OUTPUT_FAILURES
from sdbench.compare.wording import signed_percent
from sdbench.results.record import Record
from sdbench.run.ab_listener import AbListener, Pair, Stage, StageKind
from sdbench.suite.configuration import Configuration


class AbProgress:
    """A line for each pair. Where its output fails, the job goes on without it.

    Args:
        most_pairs: Fresh pairs that a suspect gets at most.
        bar: Shows the rounds of a stage on a terminal, redrawn on events only; None elsewhere.
    """

    def __init__(self, most_pairs: int, bar: Progress | None = None) -> None:
        self._most_pairs = most_pairs
        self._pairs = 0
        self._bar = bar
        self._task = bar.add_task("starting", total=None) if bar else None
        self._is_muted = False

    def begun(self, folder: Path, device: str, configurations: Sequence[Configuration]) -> None:
        """Says where it runs and where the results go."""
        self._write(f"{device}: {count(len(configurations), 'configuration')} on two sides")
        self._write(f"into {folder}")

    def stage(self, stage: Stage) -> None:
        """Says what begins."""
        how_many = stage.configurations
        match stage.kind:
            case StageKind.SCREENING:
                self._pairs = stage.pairs
                what = f"screening: {count(how_many, 'configuration')}, {stage.pairs} pairs"
            case StageKind.CONFIRMING:
                self._pairs = stage.pairs
                what = f"{count(how_many, 'suspect')}: {stage.pairs} fresh pairs"
            case StageKind.SHARPENING:
                self._pairs = self._most_pairs
                what = f"{how_many} not told from noise yet: {stage.pairs} more pairs"
        self._write(f"{what} ({count(stage.rounds, 'round')})")
        self._draw(lambda bar, task: bar.reset(task, total=stage.rounds, completed=0))

    def pair(self, pair: Pair) -> None:
        """Writes the pair's line."""
        name = "pair" if pair.kind is StageKind.SCREENING else "fresh pair"
        of = "of at most" if pair.kind is StageKind.SHARPENING else "of"
        parts = [_changes(pair.changes)]
        if pair.control is not None:
            parts.append(f"control {signed_percent(pair.control - 1)}")
        if pair.failed:
            parts.append(f"{pair.failed} failed")
        self._write(f"{name} {pair.number} {of} {self._pairs}: {', '.join(parts)}")

    def phase(self, configuration: Configuration, phase: str) -> None:
        """Names the phase beside the bar."""
        self._draw(lambda bar, task: bar.update(task, description=phase))

    def finished(self, configuration: Configuration, record: Record) -> None:
        """Moves the bar."""
        self._draw(lambda bar, task: bar.update(task, advance=1))

    def note(self, text: str) -> None:
        """Writes it."""
        self._write(text)

    def _write(self, line: str) -> None:
        self._try(lambda: self._print(line))

    def _print(self, line: str) -> None:
        if self._bar is None:
            click.echo(line, err=True)
        else:
            console = self._bar.console
            console.print(line, markup=False, highlight=False, overflow="ignore", crop=False)

    def _draw(self, change: Callable[[Progress, TaskID], None]) -> None:
        if self._bar is not None and self._task is not None:
            bar, task = self._bar, self._task
            self._try(lambda: change(bar, task))
            self._try(bar.refresh)

    def _try(self, tell: Callable[[], None]) -> None:
        if self._is_muted:
            return
        try:
            tell()
        except OUTPUT_FAILURES:
            self._is_muted = True


def _changes(ratios: Sequence[float]) -> str:
    """The middle of all changes, and how far they reach."""
    if not ratios:
        return "nothing ran on both sides"
    middle = f"candidate {signed_percent(median(ratios) - 1)}"
    if len(ratios) == 1:
        return middle
    return f"{middle} ({signed_percent(min(ratios) - 1)} to {signed_percent(max(ratios) - 1)})"


@contextmanager
def ab_progress(most_pairs: int) -> Iterator[AbListener]:
    """Lines, and on a terminal a bar below them."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield AbProgress(most_pairs)
        return
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    bar = Progress(*columns, console=console, auto_refresh=False, transient=True)
    try:
        with suppress(*OUTPUT_FAILURES):
            bar.start()
        yield AbProgress(most_pairs, bar)
    finally:
        with suppress(*OUTPUT_FAILURES):
            bar.stop()
