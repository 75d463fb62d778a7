"""What a staged run is made of: the plan that it follows, and where it is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sdbench.derive.staged import Batch
from sdbench.results.record import Record
from sdbench.results.store import Run, RunWriter
from sdbench.run.budget import Budget
from sdbench.run.confirm import ConfirmListener, Leaders
from sdbench.run.controller import Completion, Controller
from sdbench.run.judge import Judge
from sdbench.suite.configuration import Configuration


class Plans(Protocol):
    """Says what to measure next; `sdbench.derive.staged.StagedPlan` does."""

    @property
    def first(self) -> int:
        """How many are measured before anything is refined."""

    @property
    def is_worthwhile(self) -> bool:
        """Whether few enough are measured; otherwise all are."""

    def next(self, records: Mapping[str, Record]) -> Batch | None:
        """What to measure next, given what was measured, by key; None where no more is needed."""

    def still_open(
        self, configurations: Sequence[Configuration], records: Mapping[str, Record]
    ) -> tuple[Configuration, ...]:
        """Those of a batch that still need measuring, after something in it ran out of memory."""

    def derived(self, records: Mapping[str, Record]) -> dict[str, Record]:
        """Records of what was not measured and can be told, by key."""

    def usual_call_s(self, records: Mapping[str, Record]) -> dict[str, float]:
        """What was measured as it would be at the machine's usual pace: a call's seconds by key."""

    def remarks(self, records: Mapping[str, Record]) -> tuple[str, ...]:
        """What a reader should know of how well it was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """What makes a run a staged one.

    Attributes:
        planner: Makes the plan for configurations, which come in the order of the run.
        tops: Keys of the best of what is derived, to measure in a first pass.
        leaders: Keys of what the recommendation rests on: what comes up there after that pass is
            measured too, if it is derived.
        disputed: Keys of those whose order the machine's pace decided, given a run, and what calls
            would take at its usual pace: they are measured once more.
        clock: Tells the time in seconds, for the budget.
    """

    planner: Callable[[Sequence[Configuration]], Plans]
    tops: Leaders
    leaders: Leaders
    disputed: Callable[[Run, Mapping[str, float]], Sequence[str]]
    clock: Callable[[], float] = time.monotonic


class StagedListener(ConfirmListener, Protocol):
    """Told how it goes."""

    def batch(self, why: str, count: int) -> None:
        """So many more configurations come, for a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a run is measured.

    Attributes:
        controller: What measures.
        writer: Where the records go.
        judge: What judges pictures.
        complete: Adds to a record what is known only beside others.
        listener: Told how it goes.
        budget: The time that there is.
    """

    controller: Controller
    writer: RunWriter
    judge: Judge
    complete: Completion
    listener: StagedListener
    budget: Budget
