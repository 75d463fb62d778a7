from __future__ import annotations

import math
import random
from statistics import stdev

import pytest
from scipy import stats

from sdbench.compare.effect import (
    ALPHA,
    detectable_at,
    detectable_ratio,
    paired_effect,
    pairs_needed,
    unpaired_effect,
    usual_error,
)


def test_the_interval_of_pairs_is_students_t_on_log_ratios() -> None:
    ratios = [1.03, 1.08, 1.05, 1.01, 1.07]
    effect = paired_effect(ratios)
    assert effect is not None
    logs = [math.log(ratio) for ratio in ratios]
    low, high = stats.t.interval(0.95, 4, loc=sum(logs) / 5, scale=stdev(logs) / math.sqrt(5))
    assert effect.ratio == pytest.approx(math.exp(sum(logs) / 5))
    assert (effect.low, effect.high) == pytest.approx((math.exp(low), math.exp(high)))
    assert effect.units == 5


def test_one_pair_has_no_effect() -> None:
    assert paired_effect([1.1]) is None


def test_p_of_a_margin_is_that_of_a_one_sided_t_test() -> None:
    ratios = [1.03, 1.08, 1.05, 1.01, 1.07]
    effect = paired_effect(ratios)
    assert effect is not None
    logs = [math.log(ratio) for ratio in ratios]
    expected = stats.ttest_1samp(logs, math.log(1.02), alternative="greater").pvalue
    assert effect.p_above(0.02) == pytest.approx(expected)
    assert effect.p_below(0.02) > 0.99


def test_the_lower_end_clears_a_margin_just_where_the_test_rejects_it() -> None:
    rng = random.Random(1)
    for _ in range(300):
        effect = paired_effect([math.exp(rng.gauss(0.04, 0.03)) for _ in range(8)])
        assert effect is not None
        assert (effect.p_above(0.02) < 0.025) is (effect.low > 1.02)
        assert (effect.p_below(0.02) < 0.025) is (effect.high < 1 / 1.02)


def test_pairs_without_scatter_are_certain() -> None:
    slower, equal = paired_effect([1.05] * 4), paired_effect([1.0] * 4)
    assert slower is not None
    assert equal is not None
    assert slower.p_above(0.02) == pytest.approx(0, abs=1e-9)
    assert equal.p_above(0.02) == 1
    assert equal.is_within(0.02)


def test_processes_of_two_runs_are_held_apart_by_welch_where_runs_do_not_differ() -> None:
    before, after = [1.0, 1.02, 0.99, 1.01], [1.05, 1.11, 1.02]
    effect = unpaired_effect(before, after, between_runs=0.0)
    assert effect is not None
    logs = [[math.log(value) for value in side] for side in (before, after)]
    welch = stats.ttest_ind(logs[1], logs[0], equal_var=False).confidence_interval(0.95)
    assert (effect.low, effect.high) == pytest.approx((math.exp(welch.low), math.exp(welch.high)))
    assert effect.units == 3


def test_what_runs_differ_by_widens_the_interval() -> None:
    before, after = [1.0, 1.0, 1.0], [1.05, 1.05, 1.05]
    effect = unpaired_effect(before, after, between_runs=0.03)
    assert effect is not None
    half = 1.959964 * math.sqrt(2) * math.log(1.03)
    assert math.log(effect.high / effect.ratio) == pytest.approx(half, rel=1e-4)


def test_one_process_a_side_leaves_more_doubt_than_several() -> None:
    single = unpaired_effect([1.0], [1.08], between_runs=0.03)
    several = unpaired_effect([1.0, 1.001, 0.999], [1.08, 1.081, 1.079], between_runs=0.03)
    assert single is not None
    assert several is not None
    assert single.low < several.low < several.high < single.high


def test_a_single_process_is_taken_to_scatter_like_the_other_side() -> None:
    alone = unpaired_effect([1.0], [1.0, 1.1, 0.9], between_runs=0.0)
    assert alone is not None
    assert alone.low < 0.9
    assert alone.units == 1


def test_a_side_without_a_value_has_no_effect() -> None:
    assert unpaired_effect([], [1.0], 0.03) is None


@pytest.mark.parametrize(("count", "k"), [(4, 2.08), (6, 1.42), (8, 1.15), (12, 0.89), (16, 0.75)])
def test_the_detectable_change_has_the_published_factors(count: int, k: float) -> None:
    """k(n) = (t.975 + t.8) / sqrt(n), of a spread that is known."""
    spread = 0.05
    found = detectable_at(spread / math.sqrt(count), count - 1, margin=0.0, alpha=ALPHA)
    assert math.log(found) / spread == pytest.approx(k, abs=0.012)


@pytest.mark.parametrize(("degrees", "factor"), [(3, 1.126), (7, 1.050), (15, 1.023)])
def test_an_estimated_error_is_put_right_by_the_median_of_chi_squared(
    degrees: int, factor: float
) -> None:
    """Medians from a table: 2.366, 6.346 and 14.339; sqrt(3 / 2.366) = 1.126."""
    assert usual_error(0.02, degrees) == pytest.approx(0.02 * factor, rel=1e-3)


def test_an_error_that_is_assumed_is_not_put_right() -> None:
    assert usual_error(0.02, math.inf) == 0.02


def test_the_usual_error_of_a_few_pairs_is_too_small_as_often_as_too_large() -> None:
    rng, spread, small = random.Random(7), 0.03, 0
    for _ in range(4000):
        effect = paired_effect([math.exp(rng.gauss(0, spread)) for _ in range(4)])
        assert effect is not None
        small += usual_error(effect.log_error, effect.degrees) < spread / 2
    assert small / 4000 == pytest.approx(0.5, abs=0.025)


def test_a_change_of_the_detectable_size_is_found_four_times_out_of_five() -> None:
    rng, spread, found, sizes = random.Random(2), 0.03, 0, []
    for _ in range(2000):
        noise = [rng.gauss(0, spread) for _ in range(8)]
        effect = paired_effect([math.exp(one) for one in noise])
        assert effect is not None
        sizes.append(detectable_ratio(effect, 0.02))
    size = sorted(sizes)[1000]
    for _ in range(2000):
        moved = [math.log(size) + rng.gauss(0, spread) for _ in range(8)]
        effect = paired_effect([math.exp(one) for one in moved])
        assert effect is not None
        found += effect.p_above(0.02) < 0.025
    assert 0.77 < found / 2000 < 0.84


def test_the_pairs_that_would_tell_are_enough_with_the_same_noise() -> None:
    effect = paired_effect([1.00, 1.08, 1.02, 1.06])
    assert effect is not None
    needed = pairs_needed(effect, 0.02)
    assert needed is not None
    again = paired_effect([1.00, 1.08, 1.02, 1.06] * needed)
    assert again is not None
    assert again.p_above(0.02) < 0.025
    assert 4 < needed < 100


def test_what_lies_on_its_margin_no_number_of_pairs_tells() -> None:
    effect = paired_effect([math.exp(math.log(1.02) + step) for step in (-0.05, 0.05)])
    assert effect is not None
    assert pairs_needed(effect, 0.02) is None


def test_pairs_that_were_added_for_precision_keep_the_degrees_of_their_least_number() -> None:
    """With those of all pairs the interval of a rule that stops when it is narrow is too narrow."""
    rng, held = random.Random(5), {None: 0, 7: 0}
    for _ in range(3000):
        logs = [rng.gauss(0.0, 0.035) for _ in range(8)]
        while len(logs) < 16 and stdev(logs) / math.sqrt(len(logs)) * 2.365 > math.log(1.02):
            logs += [rng.gauss(0.0, 0.035) for _ in range(2)]
        for most_degrees in held:
            effect = paired_effect([math.exp(one) for one in logs], most_degrees)
            assert effect is not None
            held[most_degrees] += effect.low <= 1 <= effect.high
    assert 0.94 < held[7] / 3000 < 0.97
    assert held[None] < held[7]


def test_what_many_comparisons_hide_takes_more_pairs_than_it_has() -> None:
    effect = paired_effect([1.04, 1.06, 1.05, 1.07, 1.04, 1.05])
    assert effect is not None
    assert effect.p_above(0.02) < 0.025
    alpha = 0.025 / 1000
    assert effect.p_above(0.02) > alpha
    alone, among_many = pairs_needed(effect, 0.02), pairs_needed(effect, 0.02, alpha)
    assert alone == 7
    assert among_many is not None
    assert among_many > 7
