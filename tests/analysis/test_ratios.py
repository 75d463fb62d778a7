import math

import pytest

from sdbench.analysis.ratios import geometric_mean, inverse, is_told_from_one, ratio
from sdbench.statistics import Estimate


def estimate(point, factor=1.0, count=6):
    return Estimate(point, point / factor, point * factor, 0.96875, count)


def test_a_ratio_combines_both_intervals_in_logarithms():
    # ln 1.03 and ln 1.04 combine to their root of squares.
    found = ratio(estimate(6.0, 1.03), estimate(2.0, 1.04))
    width = math.hypot(math.log(1.03), math.log(1.04))
    assert found.point == pytest.approx(3.0)
    assert math.log(found.high / 3) == pytest.approx(width)
    assert math.log(3 / found.low) == pytest.approx(width)
    assert (found.confidence, found.sample_count) == (0.96875, 6)


def test_an_uneven_interval_pulls_the_ratio_to_its_own_side():
    up = Estimate(1.0, 1.0, 2.0, 0.97, 6)
    assert (ratio(up, estimate(1.0)).low, ratio(up, estimate(1.0)).high) == pytest.approx((1, 2))
    assert (ratio(estimate(1.0), up).low, ratio(estimate(1.0), up).high) == pytest.approx((0.5, 1))


def test_a_mean_is_of_factors_and_narrows_with_their_number():
    # The geometric mean of 2 and 8 is 4; of two equal half-widths it has one over the root of two.
    found = geometric_mean([estimate(2.0, 1.1), estimate(8.0, 1.1)])
    assert found.point == pytest.approx(4.0)
    assert math.log(found.high / 4) == pytest.approx(math.log(1.1) / math.sqrt(2))
    with pytest.raises(ValueError, match="at least one"):
        geometric_mean([])


def test_an_inverse_swaps_the_ends():
    found = inverse(Estimate(2.0, 1.0, 4.0, 0.97, 6))
    assert (found.point, found.low, found.high) == (0.5, 0.25, 1.0)


def test_only_an_interval_of_more_than_one_sample_tells_a_ratio_from_1():
    assert is_told_from_one(estimate(1.2, 1.1))
    assert not is_told_from_one(estimate(1.05, 1.1))
    assert not is_told_from_one(estimate(1.2, 1.0, count=1))


def test_a_single_sample_beside_a_derived_value_leaves_no_interval():
    derived, single = Estimate(1.0, 0.9, 1.1, 0.95, 0), Estimate(2.0, 2.0, 2.0, 0.0, 1)
    assert not ratio(single, derived).has_interval
    assert ratio(derived, derived).has_interval
