"""How far runs of one build differ under the same conditions, which two stored runs cannot tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from sdbench.statistics import outlier_marks

LEAST_DEGREES = 3
"""Degrees of freedom below which no spread is told: those of four runs on one level."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A spread from run to run.

    Attributes:
        log_sd: Standard deviation of the logarithm of a run's latency around its level. What the
            processes of a run differ by is part of it, so that it errs on the careful side.
        degrees: Degrees of freedom: runs less levels.
        left_out: Runs that lie so far from their level that they are no such noise
            (`sdbench.statistics.outlier_marks`): one of them would make up for all the others.
    """

    log_sd: float
    degrees: int
    left_out: int = 0

    @property
    def ratio(self) -> float:
        """The spread as a share (0.03 = 3 %), as the suite's ``gates.between_runs`` takes it."""
        return math.expm1(self.log_sd)


def spread_around(levels: Iterable[Sequence[float]]) -> Spread | None:
    """The spread of values around the means of the levels that they lie on.

    Args:
        levels: For each level the logarithms of its values.

    Returns:
        None below `LEAST_DEGREES`.
    """
    values_of = list(levels)
    far = iter(outlier_marks([one - median(values) for values in values_of for one in values]))
    squares, degrees, left_out = 0.0, 0, 0
    for values in values_of:
        kept = [value for value in values if not next(far)]
        left_out += len(values) - len(kept)
        if kept:
            mean = fmean(kept)
            squares += sum((value - mean) ** 2 for value in kept)
            degrees += len(kept) - 1
    if degrees < LEAST_DEGREES:
        return None
    return Spread(math.sqrt(squares / degrees), degrees, left_out)


def pooled(spreads: Sequence[Spread]) -> Spread | None:
    """One spread from those of several configurations: variances by their degrees of freedom.

    Configurations of one run have much of its luck in common, so that it is less certain than its
    degrees of freedom say.
    """
    degrees = sum(one.degrees for one in spreads)
    if not degrees:
        return None
    variance = sum(one.log_sd**2 * one.degrees for one in spreads) / degrees
    return Spread(math.sqrt(variance), degrees, sum(one.left_out for one in spreads))
