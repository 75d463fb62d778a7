"""Straight lines through few points, none of whose parts is below zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from statistics import median


@dataclass(frozen=True, slots=True)
class Line:
    """``start + slope * x``, both parts 0 or more."""

    start: float
    slope: float

    def at(self, x: float) -> float:
        """The value at ``x``."""
        return self.start + self.slope * x

    def slope_share(self, x: float) -> float:
        """The share of the value at ``x`` that grows with ``x``; 1 where there is no value."""
        value = self.at(x)
        return self.slope * x / value if value > 0 else 1.0


def line_through(points: Sequence[tuple[float, float]], slope_share: float = 1.0) -> Line:
    """The line of least squared relative errors.

    Args:
        points: Pairs of x above 0 and a duration; at least one.
        slope_share: Share of the duration that grows with x, where all x are equal, so that the
            points do not tell it.
    """
    usable = [(x, y) for x, y in points if y > 0]
    if not usable:
        return Line(0.0, 0.0)
    if len({x for x, _ in usable}) == 1:
        x, level = usable[0][0], median(y for _, y in usable)
        return Line(level * (1 - slope_share), level * slope_share / x)
    weights = [1 / y**2 for _, y in usable]
    total = fsum(weights)
    mean_x = fsum(w * x for w, (x, _) in zip(weights, usable, strict=True)) / total
    mean_y = fsum(w * y for w, (_, y) in zip(weights, usable, strict=True)) / total
    spread = fsum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, usable, strict=True))
    common = fsum(
        w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, usable, strict=True)
    )
    slope = common / spread
    start = mean_y - slope * mean_x
    if slope < 0:
        return Line(mean_y, 0.0)
    if start < 0:
        above = fsum(w * x * y for w, (x, y) in zip(weights, usable, strict=True))
        return Line(0.0, above / fsum(w * x**2 for w, (x, _) in zip(weights, usable, strict=True)))
    return Line(start, slope)
