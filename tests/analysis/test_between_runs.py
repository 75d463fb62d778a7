from __future__ import annotations

import math
import random

import pytest

from sdbench.analysis.between_runs import Spread, pooled, spread_around


def test_the_spread_is_that_around_each_level():
    """Squares of -1, 1 and of -3, 3 sum to 20, of four values on two levels two are free."""
    assert spread_around([[-1.0, 1.0], [9.0, 15.0]]) is None
    spread = spread_around([[-1.0, 1.0, 0.0], [9.0, 15.0]])
    assert (spread.log_sd, spread.degrees) == (math.sqrt(20 / 3), 3)


def test_one_run_far_off_does_not_make_up_for_all_others():
    """One run of twice the time made the spread of all configurations 5 % in place of 1.5 %."""
    generator = random.Random(1)
    values = [generator.gauss(0, 0.015) for _ in range(40)]
    values[5] += math.log(2)
    spread = spread_around([values])
    assert spread.ratio == pytest.approx(0.015, rel=0.25)
    assert (spread.degrees, spread.left_out) == (38, 1)


def test_variances_are_pooled_by_their_degrees_of_freedom():
    """(3 x 0.01^2 + 6 x 0.02^2) / 9 = 0.0003."""
    both = pooled([Spread(0.01, 3, 1), Spread(0.02, 6)])
    assert both.log_sd == pytest.approx(math.sqrt(0.0003))
    assert (both.degrees, both.left_out) == (9, 1)


def test_nothing_is_pooled_from_nothing():
    assert pooled([]) is None
    assert spread_around([]) is None


def test_the_ratio_is_what_the_gates_take():
    """`compare` takes log1p of it again."""
    assert math.log1p(Spread(0.03, 3).ratio) == pytest.approx(0.03)
