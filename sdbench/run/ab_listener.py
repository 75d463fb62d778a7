"""What whoever waits for an A/B job is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from sdbench.run.controller import Progress
from sdbench.suite.configuration import Configuration


class StageKind(Enum):
    """What pairs are for."""

    SCREENING = "screening"
    """A first look at everything."""
    CONFIRMING = "confirming"
    """Fresh pairs of what looks slower."""
    SHARPENING = "sharpening"
    """More of them, where the interval is still too wide."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Pairs that are to come.

    Attributes:
        kind: What they are for.
        configurations: How many configurations they are of, the control aside.
        pairs: How many pairs.
        rounds: Rounds that they take in all.
    """

    kind: StageKind
    configurations: int
    pairs: int
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A pair that has ended.

    Attributes:
        kind: What it was for.
        number: Its number from 1: among those of the first look, or among fresh ones.
        changes: How many times as long a call took on the candidate, for each configuration that
            ran on both sides.
        control: The same of the control; None where it did not run.
        failed: Configurations that have failed on a side so far.
    """

    kind: StageKind
    number: int
    changes: tuple[float, ...]
    control: float | None
    failed: int


class AbListener(Progress, Protocol):
    """Told how a job goes."""

    def begun(self, folder: Path, device: str, configurations: Sequence[Configuration]) -> None:
        """The folder is there, and nothing is measured yet."""

    def stage(self, stage: Stage) -> None:
        """Pairs begin."""

    def pair(self, pair: Pair) -> None:
        """A pair has ended."""
