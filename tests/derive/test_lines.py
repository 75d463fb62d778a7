from __future__ import annotations

import pytest

from sdbench.derive.lines import line_through


def test_two_points_give_the_line_through_them() -> None:
    line = line_through([(2, 1.2), (6, 3.2)])  # 0.2 + 0.5 x
    assert (line.start, line.slope) == pytest.approx((0.2, 0.5))
    assert line.at(16) == pytest.approx(8.2)


def test_nothing_takes_less_than_no_time() -> None:
    """A start below zero is noise: the line then begins at zero, with the mean relative slope."""
    line = line_through([(2, 1.0), (6, 3.6)])  # -0.3 + 0.65 x
    # Weights 1 and 1 / 3.6^2: (2 * 1.0 / 1 + 6 * 3.6 / 12.96) / (4 / 1 + 36 / 12.96) = 0.541
    assert (line.start, line.slope) == pytest.approx((0.0, 3.66667 / 6.77778), rel=1e-4)
    assert line_through([(2, 3.0), (6, 1.0)]).slope == 0.0


def test_one_x_tells_no_slope_but_the_share_that_is_known_from_elsewhere() -> None:
    assert line_through([(4, 2.0), (4, 2.2)]).slope == pytest.approx(2.1 / 4)
    line = line_through([(4, 2.0)], slope_share=0.75)
    assert (line.start, line.slope) == pytest.approx((0.5, 0.375))
    assert line.slope_share(4) == pytest.approx(0.75)


def test_what_takes_no_time_has_no_line() -> None:
    assert line_through([(4, 0.0), (8, 0.0)]).at(12) == 0.0
