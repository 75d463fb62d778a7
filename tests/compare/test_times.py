from __future__ import annotations

from typing import Any

import pytest

from sdbench.compare.comparison import Finding
from sdbench.compare.effect import paired_effect
from sdbench.compare.times import TimeTest, judge_times
from sdbench.compare.verdict import Verdict


def time_test(*ratios: float, **fields: Any) -> TimeTest:
    content: dict[str, Any] = {
        "metric": "latency",
        "margin": 0.02,
        "baseline_s": 1.0,
        "candidate_s": 1.0,
        "effect": paired_effect(ratios),
    }
    return TimeTest(**{**content, **fields})


SLOWER = (1.10, 1.11, 1.09, 1.10)
FASTER = (0.90, 0.91, 0.89, 0.90)
EQUAL = (1.001, 0.999, 1.0, 1.0)
NOISY = (0.9, 1.12, 0.93, 1.06)
BARELY = (1.055, 1.035, 1.075, 1.058)


def verdict_of(test: TimeTest) -> Finding:
    (finding,), _ = judge_times([test])
    return finding


@pytest.mark.parametrize(
    ("ratios", "verdict", "words"),
    [
        (SLOWER, Verdict.SLOWER, "10.0 % slower (8.7 to 11.3 %), beyond the margin of 2.0 %"),
        (FASTER, Verdict.FASTER, "10.0 % faster (8.7 to 11.3 %), beyond the margin of 2.0 %"),
        (EQUAL, Verdict.SAME, "within 2.0 % either way"),
        (NOISY, Verdict.AMBIGUOUS, "neither shown nor ruled out"),
    ],
)
def test_the_interval_against_the_margin_decides(
    ratios: tuple[float, ...], verdict: Verdict, words: str
) -> None:
    finding = verdict_of(time_test(*ratios))
    assert finding.verdict is verdict
    assert words in finding.reason
    assert finding.is_gated


def test_a_first_look_calls_nothing_slower() -> None:
    finding = verdict_of(time_test(*SLOWER, can_fail=False))
    assert finding.verdict is Verdict.AMBIGUOUS
    assert "no fresh pairs were measured" in finding.reason


def test_a_change_that_stands_alone_does_not_stand_among_many() -> None:
    assert verdict_of(time_test(*BARELY)).verdict is Verdict.SLOWER
    many, size = judge_times([time_test(*BARELY), *(time_test(*NOISY) for _ in range(19))])
    assert size == 20
    assert many[0].verdict is Verdict.AMBIGUOUS
    assert "chance does that among so many" in many[0].reason


def test_what_is_not_gated_takes_no_part_of_the_chance() -> None:
    shown = [time_test(*NOISY, margin=None) for _ in range(19)]
    findings, size = judge_times([time_test(*BARELY), *shown])
    assert size == 1
    assert findings[0].verdict is Verdict.SLOWER
    assert not findings[1].is_gated


def test_a_job_judged_one_by_one_gives_each_its_equal_part() -> None:
    (finding,), size = judge_times([time_test(*BARELY)], family_size=20)
    assert size == 20
    assert finding.verdict is Verdict.AMBIGUOUS
    (clear,), _ = judge_times([time_test(1.30, 1.301, 1.299, 1.30)], family_size=20)
    assert clear.verdict is Verdict.SLOWER


def test_a_first_look_at_many_calls_nothing_faster_by_chance() -> None:
    fast = (0.945, 0.965, 0.925, 0.942)
    alone = verdict_of(time_test(*fast, can_fail=False))
    many, _ = judge_times([time_test(*ratios, can_fail=False) for ratios in (fast, *[NOISY] * 19)])
    assert alone.verdict is Verdict.FASTER
    assert many[0].verdict is Verdict.AMBIGUOUS


def test_without_an_effect_it_is_missing_and_gated() -> None:
    finding = verdict_of(time_test(effect=None, missing="one pair"))
    assert (finding.verdict, finding.is_gated) == (Verdict.MISSING, True)
    assert finding.reason == "one pair"


def test_what_may_be_missing_fails_nothing() -> None:
    finding = verdict_of(time_test(effect=None, missing="one pair", may_be_missing=True))
    assert (finding.verdict, finding.is_gated) == (Verdict.MISSING, False)
