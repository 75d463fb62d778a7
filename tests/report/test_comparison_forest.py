"""Where the intervals of a comparison are drawn."""

from __future__ import annotations

import math
from dataclasses import replace

import comparisons as ready
import pytest
from comparisons import comparison, effect, row, time

from sdbench.compare.verdict import Verdict
from sdbench.report.comparison_forest import MOST_LINES, Forest, forest
from sdbench.report.comparison_view import comparison_view


def drawn(*rows) -> Forest:
    return forest(comparison_view(comparison(*rows)))


def test_equal_changes_lie_equally_far_from_the_middle_on_both_sides() -> None:
    longer = time(Verdict.SLOWER, 1.25, 1.2, 1.3)
    shorter = time(Verdict.FASTER, 1 / 1.25, 1 / 1.3, 1 / 1.2)
    first, second = drawn(row(longer, steps=4), row(shorter, steps=10)).lines
    assert first.x - 50 == pytest.approx(50 - second.x, abs=0.002)
    assert first.low_x - 50 == pytest.approx(50 - second.high_x, abs=0.002)


def test_the_point_lies_within_its_interval_and_the_band_around_the_middle() -> None:
    for line in drawn(*ready.regression().rows).lines:
        assert 0 <= line.low_x < line.x < line.high_x <= 100
        below, above = line.band_x
        assert 50 - below == pytest.approx(above - 50, abs=0.002)


def test_the_positions_are_those_of_the_axis() -> None:
    # The farthest end is 9 % longer, so that the axis ends at 1.06 * ln 1.09 on both sides.
    (line,) = drawn(row(ready.SLOWER, steps=4)).lines
    reach = 1.06 * math.log(1.09)
    assert line.x == pytest.approx(50 + 50 * math.log(1.071) / reach, abs=0.001)
    assert line.band_x[1] == pytest.approx(50 + 50 * math.log(1.02) / reach, abs=0.001)
    assert line.seen_x == pytest.approx(50 + 50 * math.log(1.034) / reach, abs=0.001)


def test_the_interval_of_two_pairs_leaves_room_for_the_others_and_says_that_it_goes_on() -> None:
    wild = time(Verdict.AMBIGUOUS, 1.05, 0.2, 6.0)
    first, second = drawn(row(wild, steps=4), row(time(), steps=10)).lines
    assert (first.is_cut_low, first.is_cut_high) == (True, True)
    assert (first.low_x, first.high_x) == (0.0, 100.0)
    assert (second.is_cut_low, second.is_cut_high) == (False, False)
    assert second.high_x - second.low_x > 4


def test_the_ticks_are_round_and_in_order_with_zero_in_the_middle() -> None:
    ticks = drawn(row(ready.SLOWER, steps=4)).ticks
    assert [label for _, label in ticks] == ["-5 %", "0", "+5 %"]
    assert [x for x, _ in ticks] == sorted(x for x, _ in ticks)
    assert (50, "0") in ticks


@pytest.mark.parametrize("ratio", [1.0, 1.001, 1.02, 1.5, 30.0, 2000.0, 0.01])
def test_every_size_of_change_has_an_axis(ratio: float) -> None:
    found = drawn(row(time(Verdict.AMBIGUOUS, ratio, ratio * 0.999, ratio * 1.001), steps=4))
    assert any(label == "0" for _, label in found.ticks)
    assert all(0 <= x <= 100 for x, _ in found.ticks)


def test_only_gated_times_with_an_interval_are_lines_and_the_gravest_come_first() -> None:
    found = drawn(
        row(time(metric="load", margin=None), ready.absent(), ready.MORE, steps=4),
        row(time(), time(metric="stage:denoiser", margin=0.05), steps=10),
        row(ready.SLOWER, steps=20),
    )
    assert [(line.name, line.metric) for line in found.lines] == [
        ("20 steps", "latency"),
        ("10 steps", "latency"),
        ("10 steps", "stage denoiser"),
    ]


def test_each_line_is_told_in_words() -> None:
    (line,) = drawn(row(ready.SLOWER, steps=4)).lines
    assert line.words == (
        "4 steps, latency: SLOWER, +7.1 % (5.2 to 9.0 %), margin 2.0 %, slowdowns seen from 3.4 % "
        "on"
    )


def test_what_lies_beyond_the_axis_or_is_not_known_has_no_mark() -> None:
    unknown = time(detectable_ratio=None)
    beyond = time(detectable_ratio=9.0)
    endless = time(detectable_ratio=math.inf)
    rows = [row(one, steps=n) for n, one in enumerate((unknown, beyond, endless), start=4)]
    assert [line.seen_x for line in drawn(*rows).lines] == [None, None, None]


def test_of_a_large_suite_the_gravest_are_drawn_and_the_others_counted() -> None:
    rows = [row(time(), name=str(index)) for index in range(MOST_LINES + 5)]
    found = drawn(*rows, row(ready.SLOWER, name="slow"))
    assert (len(found.lines), found.left_out) == (MOST_LINES, 6)
    assert found.lines[0].name == "slow"


def test_an_interval_without_width_is_a_point() -> None:
    exact = replace(time(), effect=effect(1.0, 1.0, 1.0))
    (line,) = drawn(row(exact, steps=4)).lines
    assert line.low_x == line.x == line.high_x == 50
