from __future__ import annotations

import pytest

from sdbench.report.sparkline import CHANGED, FAILED, GAP, sparkline


def test_bars_rise_with_the_values():
    assert sparkline([1.0, 1.5, 2.0], 10) == "▁▅█"


def test_noise_looks_like_noise():
    assert sparkline([1.0, 1.01, 1.005], 10) == "▁▁▁"


def test_a_longer_series_has_the_median_of_several_values_a_bar():
    """Eight values in four bars: an outlier of two in one shows, the rest does not move."""
    assert sparkline([1, 1, 1, 1, 2, 2, 2, 2], 4) == "▁▁██"
    assert len(sparkline([1.0] * 500, 37)) == 37


def test_gaps_failures_and_changes_of_conditions_are_marked():
    values = [1.0, None, None, 2.0]
    assert sparkline(values, 10, failed={2}, changed={3}) == f"▁{GAP}{FAILED}{CHANGED}█"


def test_changes_that_leave_no_room_are_left_out():
    assert sparkline([1.0, 2.0], 2, changed={1}) == "▁█"


@pytest.mark.parametrize("values", [[], [None, None], [0.0, 0.0]])
def test_a_series_without_a_range_is_a_line_too(values):
    assert len(sparkline(values, 10)) == len(values)
