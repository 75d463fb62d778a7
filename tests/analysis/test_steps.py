"""Steps in series, held against simulations with fixed seeds."""

from __future__ import annotations

import math
import random
from itertools import combinations
from statistics import median

import pytest

from sdbench.analysis.steps import LEAST_POINTS, PENALTY, levels

NOISE = 0.03
STEP = math.log(1.1)


def noise(generator: random.Random, points: int) -> list[float]:
    return [generator.gauss(0, NOISE) for _ in range(points)]


def cuts(series: list[float]) -> list[int]:
    return [level.first for level in levels(series)[1:]]


@pytest.mark.parametrize("points", [6, 10, 25])
def test_pure_noise_has_a_step_in_at_most_two_percent_of_all_series(points: int) -> None:
    generator = random.Random(points)
    found = sum(bool(cuts(noise(generator, points))) for _ in range(500))
    assert found <= 10


@pytest.mark.parametrize(("points", "least"), [(20, 70), (30, 90), (60, 95)])
def test_a_step_of_ten_percent_in_three_percent_noise_is_found_where_it_is(
    points: int, least: int
) -> None:
    generator = random.Random(points)
    found = 0
    for _ in range(100):
        series = noise(generator, points)
        middle = points // 2
        series[middle:] = [value + STEP for value in series[middle:]]
        at = cuts(series)
        found += len(at) == 1 and abs(at[0] - middle) <= 1
    assert found >= least


@pytest.mark.parametrize("outlier", [0.2, 1.0, 5.0])
def test_a_single_outlier_is_no_step_wherever_it_lies(outlier: float) -> None:
    generator = random.Random(7)
    for points in (6, 12, 30):
        for _ in range(20):
            series = noise(generator, points)
            series[generator.randrange(points)] += outlier
            assert cuts(series) == []


def test_a_step_is_found_beside_an_outlier() -> None:
    series = noise(random.Random(3), 40)
    series[20:] = [value + STEP for value in series[20:]]
    series[5] += 0.5
    assert cuts(series) == [20]


def test_the_levels_are_medians_and_cover_the_series() -> None:
    series = [0.0, 0.01, -0.01, 0.0, 0.01, 1.0, 1.01, 0.99, 1.0, 1.02]
    first, second = levels(series)
    assert (first.first, first.end, second.first, second.end) == (0, 5, 5, 10)
    assert (first.value, second.value) == (0.0, 1.0)


def test_up_and_down_again_are_two_steps() -> None:
    series = [0.0, 0.001] * 5 + [0.3, 0.301] * 5 + [0.0, 0.001] * 5
    assert cuts(series) == [10, 20]


def test_rounding_in_a_series_without_noise_is_no_step() -> None:
    assert cuts([1.0] * 6 + [1.0001] * 6) == []
    assert cuts([1.0] * 6 + [1.05] * 6) == [6]


@pytest.mark.parametrize("points", range(2 * LEAST_POINTS))
def test_a_short_series_has_one_level_at_most(points: int) -> None:
    series = [float(value) for value in range(points)]
    assert len(levels(series)) == (1 if points else 0)


def test_the_least_criterion_of_all_ways_to_cut_a_series_is_found() -> None:
    """Of 12 points all cuts can be tried."""
    generator = random.Random(5)

    def deviation(part: list[float]) -> float:
        return sum(abs(value - median(part)) for value in part)

    for _ in range(20):
        series = noise(generator, 12)
        for at in (3, 7):
            series[at:] = [value + generator.gauss(0, 0.15) for value in series[at:]]
        tried = {}
        for count in range(4):
            for chosen in combinations(range(1, 12), count):
                ends = (*chosen, 12)
                parts = [series[a:b] for a, b in zip((0, *chosen), ends, strict=True)]
                if min(map(len, parts)) >= LEAST_POINTS:
                    fit = 12 * math.log(sum(map(deviation, parts)) + 12 * 1e-3)
                    tried[chosen] = fit + PENALTY * count * math.log(12)
        assert tuple(cuts(series)) == min(tried, key=tried.__getitem__)
