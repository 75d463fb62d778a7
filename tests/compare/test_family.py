from __future__ import annotations

import random

import pytest

from sdbench.compare.family import holm


def test_one_test_keeps_its_p_value() -> None:
    assert holm([0.02]) == (0.02,)


def test_none_gives_none() -> None:
    assert holm([]) == ()


def test_adjusted_p_values_are_those_of_the_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


def test_adjusted_p_values_keep_the_order_and_end_at_one() -> None:
    assert holm([0.9, 0.8]) == (1.0, 1.0)


def test_among_many_true_null_hypotheses_any_alarm_is_as_rare_as_the_level() -> None:
    rng = random.Random(3)
    alarms = sum(min(holm([rng.random() for _ in range(20)])) < 0.025 for _ in range(4000))
    assert 0.015 < alarms / 4000 < 0.035
