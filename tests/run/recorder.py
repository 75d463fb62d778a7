"""A listener for tests of runs."""

from __future__ import annotations

from pathlib import Path

from sdbench.results.record import Record
from sdbench.suite.configuration import Configuration


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
