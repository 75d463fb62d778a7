"""What two runs of one suite answer under the same sets of limits.

The limits come from quantiles of the exhaustive run's figures, so that each leaves out a part. They
are of tensor bytes: on a CPU the memory figure that counts for a user is what the worker's process
holds, and that hangs on what ran in it before, which is not the same in the two runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeVar

from sdbench.analysis.feasibility import obstacle
from sdbench.analysis.measurement import Measurement, measurements
from sdbench.analysis.objective import figure_of
from sdbench.analysis.recommend import recommend
from sdbench.results.store import Run
from sdbench.statistics import quantile
from sdbench.suite.model import Limits, Objective
from sdbench.units import MIB, format_bytes

FIDELITY_SHARES = (0.25, 0.5, 0.75, 0.9)
MEMORY_SHARES = (0.25, 0.5, 0.75)
BATCH_SHARE = 0.5
"""Where the limits lie among the figures of the configurations that were measured."""

_SCORE_STEP, _MEMORY_STEP = 0.01, MIB // 8
"""Limits are round, so that those which differ by a few latents are one."""

_ROUNDING = 1e-9

_ALLOCATED = "peak_allocated_bytes"

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a run.

    Attributes:
        limits: What the recommendation must keep to.
        steps: The number of steps that it is to have, where no fidelity is asked for: then only
            configurations of equal steps compete. None where a fidelity is.
    """

    limits: Limits
    steps: int | None = None

    def __str__(self) -> str:
        limits = self.limits
        parts = (
            f"steps {self.steps}" if self.steps else "",
            f"fidelity >= {limits.fidelity:.2f}" if limits.fidelity is not None else "",
            f"memory <= {format_bytes(limits.memory_bytes)}" if limits.memory_bytes else "",
            f"batch_size <= {limits.batch_size}" if limits.batch_size else "",
        )
        return ", ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class Answers:
    """What both runs recommend.

    Attributes:
        question: What was asked.
        staged: The staged run's choice; None where it has none.
        best: The exhaustive run's choice; None where nothing keeps to the limits.
        keeps_to_limits: Whether the staged run's choice does so by the exhaustive run's figures;
            None where there is none.
    """

    question: Question
    staged: Measurement | None
    best: Measurement | None
    keeps_to_limits: bool | None

    @property
    def is_same(self) -> bool:
        """Whether both say the same, nothing included."""
        return _key(self.staged) == _key(self.best)

    @property
    def is_lacking(self) -> bool:
        """Whether one says that there is nothing, and the other one names something."""
        return (self.staged is None) != (self.best is None)


def by_tensor_bytes(run: Run) -> tuple[Measurement, ...]:
    """What a run knows of each configuration, its memory by tensor bytes alone."""
    return tuple(
        replace(m, memory={name: f for name, f in m.memory.items() if name == _ALLOCATED})
        for m in measurements(run)
    )


def questions(measured: Iterable[Measurement]) -> tuple[Question, ...]:
    """Sets of limits, drawn from what was measured; always the same for the same figures.

    With each fidelity limit each memory limit or none, with and without a limit of the batch; and
    without one each number of steps, with every second memory limit and without.
    """
    timed = [m for m in measured if m.is_timed]
    scores = [m.pessimistic_fidelity for m in timed if m.pessimistic_fidelity is not None]
    peaks = [m.peak_memory_bytes for m in timed if m.peak_memory_bytes is not None]
    batches = [m.batch_size for m in timed if m.batch_size is not None]
    fidelities = _quantiles([_below(score) for score in scores], FIDELITY_SHARES)
    memories = [None, *_quantiles([_above(peak) for peak in peaks], MEMORY_SHARES)]
    batch_limits = [None, *(_quantiles(batches, (BATCH_SHARE,)))]
    steps = sorted({s for m in timed if isinstance(s := m.knobs.get("steps"), int)})
    with_fidelity = [
        Question(Limits(fidelity=fidelity, memory_bytes=memory, batch_size=batch))
        for fidelity, memory, batch in product(fidelities, memories, batch_limits)
    ]
    by_steps = [
        Question(Limits(memory_bytes=memory), count)
        for count, memory in product(steps, memories[::2])
    ]
    return (*with_fidelity, *by_steps)


def answers(
    staged: Sequence[Measurement], exhaustive: Sequence[Measurement], asked: Iterable[Question]
) -> list[Answers]:
    """What both runs recommend for each question that the exhaustive one has an answer to."""
    truth = {m.key: m for m in exhaustive}
    found = []
    for question in asked:
        ours, best = _answer(staged, question), _answer(exhaustive, question)
        if ours is None and best is None:
            continue
        keeps = None if ours is None else obstacle(truth[ours.key], question.limits) is None
        found.append(Answers(question, ours, best, keeps))
    return found


def _answer(measured: Sequence[Measurement], question: Question) -> Measurement | None:
    """The recommendation, or the one for a number of steps."""
    advice = recommend(measured, question.limits, Objective())
    if question.steps is None:
        return advice.best.chosen
    return next(
        (one.chosen for one in advice.by_work if one.work.get("steps") == question.steps), None
    )


def seconds_per_image(m: Measurement) -> float | None:
    """What is minimised, as the run has it; None where that is not known."""
    estimate = figure_of(m, Objective().minimize)
    return None if estimate is None else estimate.point


def _quantiles(values: Sequence[_Number], shares: Iterable[float]) -> list[_Number]:
    """Values at these shares, each once; none of no values."""
    return list(dict.fromkeys(quantile(values, share) for share in shares)) if values else []


def _below(score: float) -> float:
    """The round limit that a score just keeps to."""
    return math.floor(score / _SCORE_STEP + _ROUNDING) * _SCORE_STEP


def _above(peak_bytes: int) -> int:
    """The round limit that a peak just keeps to, with its headroom."""
    return math.ceil(peak_bytes * (1 + Limits().headroom_ratio) / _MEMORY_STEP) * _MEMORY_STEP


def _key(m: Measurement | None) -> str | None:
    return None if m is None else m.key
