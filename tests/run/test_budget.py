"""A budget begins nothing that is not expected to end within it. The clock is a number."""

from __future__ import annotations

import factories
import pytest

from sdbench.run.budget import Budget
from sdbench.suite.configuration import Configuration


class Clock:
    """A time that goes on only where it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def configuration(**values: object) -> Configuration:
    return Configuration(factories.knobs(**values))


SINGLE = configuration(dtype="fp32", steps=4)
SINGLE_TOO = configuration(dtype="fp32", steps=8)
HALF = configuration(dtype="fp16", steps=4)


def test_without_a_time_there_is_no_end(clock: Clock) -> None:
    budget = Budget(None, clock)
    budget.begin()
    clock.now_s += 1e9
    assert budget.allows(SINGLE)
    assert not budget.is_limited
    assert not budget.has_refused


def test_time_counts_from_the_beginning_on(clock: Clock) -> None:
    budget = Budget(10.0, clock)
    clock.now_s += 60
    assert budget.elapsed_s == 0
    budget.begin()
    clock.now_s += 4
    assert (budget.elapsed_s, budget.left_s()) == (4.0, 6.0)


def test_what_took_longest_in_a_load_is_expected_of_its_others(clock: Clock) -> None:
    """Of 10 s, 5 are left, and 4 beside a reserve of a tenth."""
    budget = Budget(10.0, clock)
    budget.begin()
    clock.now_s += 5
    budget.took(SINGLE, since_s=0.0, load_s=None)
    assert budget.allows(SINGLE_TOO)
    assert not budget.allows(SINGLE_TOO, reserved_ratio=0.1)
    assert budget.allows(HALF, reserved_ratio=0.1)
    assert budget.has_refused


def test_a_load_is_paid_once(clock: Clock) -> None:
    budget = Budget(10.0, clock)
    budget.begin()
    clock.now_s += 8
    budget.took(SINGLE, since_s=0.0, load_s=6.5)
    assert budget.allows(SINGLE_TOO)
    clock.now_s += 1
    assert not budget.allows(SINGLE_TOO)


def test_several_are_expected_to_take_their_sum(clock: Clock) -> None:
    budget = Budget(10.0, clock)
    budget.begin()
    clock.now_s += 3
    budget.took(SINGLE, since_s=0.0, load_s=None)
    assert budget.allows(SINGLE, SINGLE_TOO)
    assert not budget.allows(SINGLE, SINGLE_TOO, SINGLE)


def test_where_no_time_is_left_nothing_is_begun(clock: Clock) -> None:
    budget = Budget(10.0, clock)
    budget.begin()
    clock.now_s += 10
    assert not budget.allows(HALF)
    assert budget.allows()
