"""Ratios of estimates, and the geometric mean of ratios, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sdbench.statistics import Estimate


def ratio(numerator: Estimate, denominator: Estimate) -> Estimate:
    """A ratio of two independent medians above 0.

    The interval combines the two in logarithms: the distance of its lower end is the root of the
    sum of the squares of the numerator's distance downwards and the denominator's upwards. Source:
    Zou and Donner, Statistics in Medicine 27 (2008) 1693, "MOVER". It is as confident as the less
    confident of the two.
    """
    return _estimate(
        math.log(numerator.point / denominator.point),
        math.hypot(_below(numerator), _above(denominator)),
        math.hypot(_above(numerator), _below(denominator)),
        (numerator, denominator),
    )


def geometric_mean(ratios: Sequence[Estimate]) -> Estimate:
    """The geometric mean of independent ratios: of these ratios, not of others that might be taken.

    Raises:
        ValueError: There is none.
    """
    if not ratios:
        raise ValueError("a mean needs at least one ratio")
    number = len(ratios)
    return _estimate(
        math.fsum(math.log(one.point) for one in ratios) / number,
        math.hypot(*map(_below, ratios)) / number,
        math.hypot(*map(_above, ratios)) / number,
        ratios,
    )


def inverse(estimate: Estimate) -> Estimate:
    """One over an estimate above 0."""
    return Estimate(
        1 / estimate.point,
        1 / estimate.high,
        1 / estimate.low,
        estimate.confidence,
        estimate.sample_count,
    )


def is_told_from_one(estimate: Estimate) -> bool:
    """Whether a ratio is known to differ from 1; with a single sample nothing is known."""
    return estimate.has_interval and not estimate.low <= 1 <= estimate.high


def _below(estimate: Estimate) -> float:
    return math.log(estimate.point / estimate.low)


def _above(estimate: Estimate) -> float:
    return math.log(estimate.high / estimate.point)


def _estimate(log: float, below: float, above: float, of: Sequence[Estimate]) -> Estimate:
    return Estimate(
        math.exp(log),
        math.exp(log - below),
        math.exp(log + above),
        min(one.confidence for one in of),
        min(one.sample_count for one in of) if all(one.has_interval for one in of) else 1,
    )
