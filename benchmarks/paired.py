"""The ratio of two things measured in turn, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from sdbench.statistics import median_estimate

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio with its interval (1.0 = equal)."""

    point: float
    low: float
    high: float
    pairs: int

    def __str__(self) -> str:
        return f"{self.point:.4f} [{self.low:.4f}, {self.high:.4f}] from {self.pairs} pairs"


def median_ratio(first_s: Sequence[float], second_s: Sequence[float]) -> Ratio:
    """How many times as long the second takes, in the middle: the median of the pairs' ratios.

    For many pairs: spikes of a shared machine do not move it, and its interval from order
    statistics asks nothing of the noise.
    """
    estimate = median_estimate([b / a for a, b in zip(first_s, second_s, strict=True)])
    return Ratio(estimate.point, estimate.low, estimate.high, estimate.sample_count)


def paired_ratio(first_s: Sequence[float], second_s: Sequence[float]) -> Ratio:
    """How many times as long the second takes: Student's t on the pairs' log-ratios.

    For few pairs, where order statistics have no interval yet.
    """
    logs = [math.log(b / a) for a, b in zip(first_s, second_s, strict=True)]
    count = len(logs)
    mean = sum(logs) / count
    variance = sum((log - mean) ** 2 for log in logs) / (count - 1)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * math.sqrt(variance / count)
    return Ratio(math.exp(mean), math.exp(mean - half), math.exp(mean + half), count)
