"""Estimates from samples. Pure: values in, values out, no torch and no numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

CONFIDENCE = 0.95
"""Nominal confidence of every interval."""

MAD_TO_SIGMA = 1.4826
"""Makes the median absolute deviation an estimator of a normal distribution's sigma."""

OUTLIER_SIGMAS = 10.0
"""A sample is an outlier when it is further from the median than this many such sigmas."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval.

    Attributes:
        point: The value.
        low: Lower end of the interval.
        high: Upper end of the interval.
        confidence: Confidence that the interval really has (1.0 = 100 %).
        sample_count: Samples that it rests on; 0 of one that follows from other estimates.
    """

    point: float
    low: float
    high: float
    confidence: float
    sample_count: int

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    @property
    def relative_half_width(self) -> float:
        """Half the width of the interval as a share of the value."""
        return self.half_width / self.point if self.point else math.inf

    @property
    def has_interval(self) -> bool:
        """Whether its interval is known: that of a single sample is not."""
        return self.sample_count != 1

    @property
    def is_confident(self) -> bool:
        """Whether the interval has the nominal confidence."""
        return self.confidence >= CONFIDENCE

    def scaled(self, factor: float) -> Estimate:
        """The estimate in another unit."""
        return Estimate(
            self.point * factor,
            self.low * factor,
            self.high * factor,
            self.confidence,
            self.sample_count,
        )

    def overlaps(self, other: Estimate) -> bool:
        """Whether the two intervals have a value in common."""
        return self.low <= other.high and other.low <= self.high


def median_estimate(samples: Sequence[float]) -> Estimate:
    """The median with its distribution-free interval from order statistics.

    The interval from the k-th smallest to the k-th largest of n samples holds the median with
    probability 1 - 2 P(B < k), B binomial (n, 1/2). k is the largest that keeps `CONFIDENCE`.
    Below six samples none does (five give 93.75 %): the interval is then their whole range, with
    the confidence that it has. Source: Conover, Practical Nonparametric Statistics, section 3.2.

    Raises:
        ValueError: There is no sample.
    """
    if not samples:
        raise ValueError("an estimate needs at least one sample")
    ordered = sorted(samples)
    count = len(ordered)
    tail = 0.5**count
    confidence = max(0.0, 1 - 2 * tail)
    rank = 1
    while rank < (count + 1) // 2:
        tail += math.comb(count, rank) * 0.5**count
        if 1 - 2 * tail < CONFIDENCE:
            break
        confidence = 1 - 2 * tail
        rank += 1
    return Estimate(median(ordered), ordered[rank - 1], ordered[-rank], confidence, count)


def quantile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least ``share`` of the samples do not exceed (nearest rank).

    It is held against limits, so it is never below what was seen: the p95 of fewer than twenty
    samples is the largest of them.

    Args:
        samples: At least one sample.
        share: Above 0.0, up to 1.0 (the largest).
    """
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def outlier_marks(samples: Sequence[float]) -> tuple[bool, ...]:
    """For each sample, whether it lies more than `OUTLIER_SIGMAS` from the median.

    With a median absolute deviation of zero (most samples equal) nothing is marked: the scale
    of the noise is then unknown.
    """
    if not samples:
        return ()
    centre = median(samples)
    mad = median([abs(sample - centre) for sample in samples])
    bound = OUTLIER_SIGMAS * MAD_TO_SIGMA * mad
    return tuple(mad > 0 and abs(sample - centre) > bound for sample in samples)
