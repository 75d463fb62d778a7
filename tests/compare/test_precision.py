from __future__ import annotations

import math
import random
from statistics import fmean, median

import pytest

from sdbench.compare.effect import ALPHA, Effect, paired_effect
from sdbench.compare.precision import detectable_by_fresh_pairs, is_precise

MARGIN = 0.02
LEAST, MOST = 8, 16
JOBS = 1500


def effect_of(logs: list[float], most_degrees: int | None = None) -> Effect:
    found = paired_effect([math.exp(log) for log in logs], most_degrees)
    assert found is not None
    return found


def is_caught(draw: random.Random, log: float, spread: float) -> bool:
    """Whether a job calls it slower: a first look, then fresh pairs until these are precise."""
    if fmean(draw.gauss(log, spread) for _ in range(4)) <= math.log1p(MARGIN) / 2:
        return False
    fresh = [draw.gauss(log, spread) for _ in range(LEAST)]
    while len(fresh) < MOST and not is_precise(effect_of(fresh, LEAST - 1), MARGIN):
        fresh += [draw.gauss(log, spread) for _ in range(2)]
    return effect_of(fresh, LEAST - 1).p_above(MARGIN) < ALPHA


@pytest.mark.parametrize("spread", [0.003, 0.02, 0.06])
def test_what_a_first_look_says_would_be_found_is_found_four_times_out_of_five(
    spread: float,
) -> None:
    draw = random.Random(11)
    printed = median(
        detectable_by_fresh_pairs(
            effect_of([draw.gauss(0, spread) for _ in range(4)]), MARGIN, ALPHA, LEAST, MOST
        )
        for _ in range(JOBS)
    )
    caught = sum(is_caught(draw, math.log(printed), spread) for _ in range(JOBS)) / JOBS
    assert 0.75 < caught < 0.88
