from __future__ import annotations

import random

import pytest

from sdbench.statistics import Estimate, median_estimate, outlier_marks, quantile


@pytest.mark.parametrize(
    ("count", "rank", "confidence"),
    [
        # The interval goes from the rank-th smallest to the rank-th largest of 1..count, with
        # confidence 1 - 2 P(B < rank), B binomial (count, 1/2). P(B = k) = C(count, k) / 2^count.
        (1, 1, 0.0),  # 1 - 2/2
        (2, 1, 0.5),  # 1 - 2/4
        (5, 1, 0.9375),  # 1 - 2/32: below 0.95, yet the whole range is all there is
        (6, 1, 0.96875),  # 1 - 2/64; rank 2 would have 1 - 2 * 7/64 = 0.78
        (9, 2, 0.9609375),  # 1 - 2 * (1 + 9)/512; rank 3 would have 1 - 2 * 46/512 = 0.82
        # 1 - 2 * (1 + 15 + 105 + 455)/32768; rank 5 would have 1 - 2 * 1941/32768 = 0.88
        (15, 4, 1 - 1152 / 32768),
        # sum of C(30, k) for k < 10 is 22964087; with k = 10 it is 53009102, and 0.90
        (30, 10, 1 - 2 * 22964087 / 2**30),
    ],
)
def test_the_interval_of_the_median_lies_between_hand_derived_ranks(
    count: int, rank: int, confidence: float
) -> None:
    samples = [float(value) for value in range(1, count + 1)]
    random.Random(0).shuffle(samples)

    estimate = median_estimate(samples)

    assert (estimate.low, estimate.high) == (rank, count + 1 - rank)
    assert estimate.point == (count + 1) / 2
    assert estimate.confidence == pytest.approx(confidence, abs=1e-12)
    assert estimate.sample_count == count


@pytest.mark.parametrize("count", range(1, 31))
def test_an_estimate_is_confident_from_six_samples_on(count: int) -> None:
    assert median_estimate(range(count)).is_confident is (count >= 6)


@pytest.mark.parametrize("count", range(6, 31))
def test_at_least_95_of_100_intervals_hold_the_median(count: int) -> None:
    """Latencies are skewed, so the samples are exponential; their median is ln 2.

    With 4000 repetitions one standard deviation of the share is sqrt(.95 * .05 / 4000) = 0.0034.
    """
    draw = random.Random(count)
    true_median, repetitions = 0.6931471805599453, 4000
    held = 0
    for _ in range(repetitions):
        estimate = median_estimate([draw.expovariate(1) for _ in range(count)])
        held += estimate.low <= true_median <= estimate.high
    assert held / repetitions >= 0.95 - 2 * 0.0034


def test_no_samples_make_no_estimate() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        median_estimate([])


def test_the_width_of_an_estimate_is_a_share_of_its_point() -> None:
    estimate = Estimate(point=2.0, low=1.5, high=3.0, confidence=0.95, sample_count=6)
    assert estimate.half_width == 0.75
    assert estimate.relative_half_width == 0.375
    assert estimate.scaled(1000) == Estimate(2000, 1500, 3000, 0.95, 6)


def test_an_estimate_of_zero_has_no_relative_width() -> None:
    assert median_estimate([0.0] * 6).relative_half_width == float("inf")


def test_estimates_overlap_where_their_intervals_share_a_value() -> None:
    left, touching, right = (Estimate(low, low, low + 1, 0.95, 6) for low in (0.0, 1.0, 2.5))
    assert left.overlaps(touching)
    assert touching.overlaps(left)
    assert not left.overlaps(right)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.25, 10.0),  # 0.25 * 4 = 1: the first
        (0.3, 20.0),  # 1.2, so the second is the first that 30 % do not exceed
        (0.5, 20.0),
        (0.95, 40.0),  # 3.8: the fourth
        (1.0, 40.0),
    ],
)
def test_a_quantile_is_a_sample_and_never_below_what_was_seen(
    share: float, expected: float
) -> None:
    """Interpolated, the p95 of six calls was below the slowest of them."""
    assert quantile([40.0, 10.0, 30.0, 20.0], share) == expected


def test_every_quantile_of_one_sample_is_that_sample() -> None:
    assert [quantile([3.0], share) for share in (0.0, 0.5, 1.0)] == [3.0, 3.0, 3.0]


def test_a_sample_is_an_outlier_past_ten_sigma() -> None:
    # Median 5, absolute deviations 4 3 2 1 0 1 2 3 and a large one: the MAD is 2, a sigma 2.9652,
    # and the bound 5 + 29.652.
    samples = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert outlier_marks([*samples, 34.6]) == (False,) * 9
    assert outlier_marks([*samples, 34.7]) == (False,) * 8 + (True,)


def test_a_sample_may_be_an_outlier_for_being_too_small() -> None:
    assert outlier_marks([100.0, 101.0, 102.0, 103.0, 1.0]) == (False,) * 4 + (True,)


def test_nothing_is_an_outlier_where_most_samples_are_equal() -> None:
    """The median absolute deviation is zero there, and says nothing of the noise's scale."""
    assert outlier_marks([1.0, 1.0, 1.0, 1.0, 99.0]) == (False,) * 5


def test_no_samples_have_no_outliers() -> None:
    assert outlier_marks([]) == ()
