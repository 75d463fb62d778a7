"""Where what is exact turned to another value: status, peak memory, fidelity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sdbench.analysis.history_point import Point

MEMORY_TURN_RATIO = 0.01
"""A peak that differs by less from the one that it is held against is not told."""

FIDELITY_TURN = 0.01
"""A score that differs by less is not told: it is the finest that is printed."""

Value = Any
"""A word, a size in bytes or a score, by the metric."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A run whose value is another one than before.

    Attributes:
        position: Position of the run among all.
        metric: ``status``, ``peak_allocated`` (bytes) or ``fidelity`` (score).
        before: The value that held until then.
        after: The value from then on.
        has_new_conditions: Whether the conditions changed as well.
    """

    position: int
    metric: str
    before: Value
    after: Value
    has_new_conditions: bool


def turns(points: Sequence[Point | None], numbers: Sequence[int]) -> tuple[Turn, ...]:
    """The turns of one configuration, in order of time.

    A value is held against the last one that was told of the same conditions, so that a slow drift
    is told in the end; the first of new conditions against the last one of any.

    Args:
        points: What each run tells of the configuration.
        numbers: The conditions of each run.
    """
    found = [
        *_turns("status", points, numbers, lambda point: point.status, _differ),
        *_turns("peak_allocated", points, numbers, lambda p: p.peak_allocated_bytes, _peaks_differ),
        *_turns("fidelity", points, numbers, lambda point: point.fidelity, _scores_differ),
    ]
    return tuple(sorted(found, key=attrgetter("position")))


def _turns(
    metric: str,
    points: Sequence[Point | None],
    numbers: Sequence[int],
    value_of: Callable[[Point], Value | None],
    differ: Callable[[Value, Value], bool],
) -> Iterator[Turn]:
    held: dict[int, Value] = {}
    last: Value | None = None
    for position, point in enumerate(points):
        value = None if point is None else value_of(point)
        if value is None:
            continue
        number = numbers[position]
        before = held.get(number, last)
        if before is None or differ(before, value):
            if before is not None:
                yield Turn(position, metric, before, value, number not in held)
            held[number] = value
        last = held.setdefault(number, value)


def _differ(before: Value, after: Value) -> bool:
    return bool(before != after)


def _peaks_differ(before: Value, after: Value) -> bool:
    return abs(float(after) - float(before)) > MEMORY_TURN_RATIO * float(before)


def _scores_differ(before: Value, after: Value) -> bool:
    return abs(float(after) - float(before)) >= FIDELITY_TURN
