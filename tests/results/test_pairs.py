from __future__ import annotations

import math

import pytest

from sdbench.results.pairs import pair_ratio

DRIFT = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""A machine that gets slower and slower."""


def test_neighbouring_calls_are_compared_where_they_took_turns() -> None:
    """What changes for all calls, however much, is no difference."""
    after = [1.05 * one for one in DRIFT]
    assert pair_ratio(DRIFT, after, in_turns=True) == pytest.approx(1.05)


def test_one_call_that_something_else_met_counts_little() -> None:
    assert pair_ratio(DRIFT, (*DRIFT[:-1], 900.0), in_turns=True) == pytest.approx(1.0)


def test_of_an_even_number_the_middle_two_count_by_their_geometric_mean() -> None:
    """So that the sides can change places."""
    forth = pair_ratio((1.0, 1.0), (1.0, 4.0), in_turns=True)
    back = pair_ratio((1.0, 4.0), (1.0, 1.0), in_turns=True)
    assert forth == pytest.approx(2.0)
    assert back == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("before", "in_turns"),
    [((1.0, 2.0, 3.0), False), ((1.0, 2.0, 3.0, 2.0), True), ((0.0, 2.0, 3.0), True)],
    ids=["workers one after the other", "a call was set aside", "a call without time"],
)
def test_without_neighbours_medians_are_compared(before: tuple[float, ...], in_turns: bool) -> None:
    after = (9.0, 4.0, 1.0)
    assert pair_ratio(before, after, in_turns) == pytest.approx(2.0)


@pytest.mark.parametrize("before", [(), (0.0, 0.0)])
def test_there_is_no_ratio_without_a_time(before: tuple[float, ...]) -> None:
    assert pair_ratio(before, (1.0, 1.0), in_turns=True) is None
    assert pair_ratio((1.0, 1.0), before, in_turns=True) is None


def test_the_ratio_is_finite_and_as_near_as_floats_allow() -> None:
    ratio = pair_ratio((1e-9, 1e-9), (1e-9, 1e-9), in_turns=True)
    assert ratio is not None
    assert math.isclose(ratio, 1.0)
