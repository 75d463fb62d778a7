"""Times: from ratios with intervals to verdicts, with the chance of a false alarm shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdbench.compare.comparison import Finding, Unit
from sdbench.compare.effect import ALPHA, Effect
from sdbench.compare.family import holm
from sdbench.compare.verdict import Verdict
from sdbench.compare.wording import interval, percent, slower_or_faster
from sdbench.suite.gates import LATENCY_MARGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTest:
    """One time of one configuration, before its verdict.

    Attributes:
        metric: Its name.
        margin: Its margin, or None where it is not gated.
        baseline_s: The baseline's value in seconds, or None without one.
        candidate_s: The candidate's.
        effect: The ratio with its interval, or None where too little was measured.
        missing: Why there is no effect; None where there is one.
        may_be_missing: Whether the suite lets it pass that there is no effect.
        can_fail: Whether a slower time may be called one: false for a first look, whose suspects
            are measured afresh.
        detectable_ratio: See `Finding.detectable_ratio`.
        units_needed: See `Finding.units_needed`.
    """

    metric: str
    margin: float | None
    baseline_s: float | None
    candidate_s: float | None
    effect: Effect | None
    missing: str | None = None
    may_be_missing: bool = False
    can_fail: bool = True
    detectable_ratio: float | None = None
    units_needed: int | None = None

    @property
    def tested_margin(self) -> float:
        """The margin that it is held against; of what is only shown, the usual one."""
        return LATENCY_MARGIN if self.margin is None else self.margin

    @property
    def is_gated(self) -> bool:
        """Whether it is held against a margin of the suite."""
        return self.margin is not None and self.effect is not None

    @property
    def is_in_family(self) -> bool:
        """Whether it can fail the job, so that it takes its part of the chance of false alarms."""
        return self.is_gated and self.can_fail


def judge_times(
    tests: Sequence[TimeTest], family_size: int | None = None
) -> tuple[tuple[Finding, ...], int]:
    """The findings of a whole job's times, and how many of them shared the chance of an alarm.

    Args:
        tests: All times of all configurations.
        family_size: Where the tests of a job are judged one by one: how many there are in all, so
            that each takes its equal part (Bonferroni); without it all are there (Holm).
    """
    families = {
        True: [index for index, test in enumerate(tests) if test.is_in_family],
        False: [index for index, test in enumerate(tests) if test.is_gated],
    }
    slower, faster = (
        _adjusted([_p(test, is_slower) for test in tests], family, family_size)
        for is_slower, family in families.items()
    )
    size = len(families[True]) if family_size is None else family_size
    findings = tuple(
        _finding(test, slower[index], faster[index]) for index, test in enumerate(tests)
    )
    return findings, size


def _adjusted(
    p_values: Sequence[float], family: Sequence[int], family_size: int | None
) -> list[float]:
    """The p-values, adjusted where they belong to the family."""
    own = [p_values[index] for index in family]
    if family_size is None:
        adjusted = holm(own)
    else:
        adjusted = tuple(min(1.0, family_size * value) for value in own)
    by_index = dict(zip(family, adjusted, strict=True))
    return [by_index.get(index, value) for index, value in enumerate(p_values)]


def _p(test: TimeTest, is_slower: bool) -> float:
    if test.effect is None:
        return 1.0
    margin = test.tested_margin
    return test.effect.p_above(margin) if is_slower else test.effect.p_below(margin)


def _finding(test: TimeTest, p_slower: float, p_faster: float) -> Finding:
    verdict, reason = _verdict(test, p_slower, p_faster)
    return Finding(
        metric=test.metric,
        unit=Unit.SECONDS,
        verdict=verdict,
        reason=reason,
        is_gated=test.margin is not None
        and not (verdict is Verdict.MISSING and test.may_be_missing),
        baseline=test.baseline_s,
        candidate=test.candidate_s,
        margin=test.margin,
        effect=test.effect,
        detectable_ratio=test.detectable_ratio,
        units_needed=test.units_needed if verdict is Verdict.AMBIGUOUS else None,
    )


def _verdict(test: TimeTest, p_slower: float, p_faster: float) -> tuple[Verdict, str]:
    effect, margin = test.effect, test.tested_margin
    if effect is None:
        assert test.missing is not None
        return Verdict.MISSING, test.missing
    beyond = f"beyond the margin of {percent(margin)}"
    if p_slower < ALPHA and test.can_fail:
        return Verdict.SLOWER, f"{slower_or_faster(effect)}, {beyond}"
    if p_faster < ALPHA:
        return Verdict.FASTER, f"{slower_or_faster(effect)}, {beyond}"
    if effect.is_within(margin):
        return Verdict.SAME, f"within {percent(margin)} either way ({interval(effect)})"
    return Verdict.AMBIGUOUS, _doubt(test, effect)


def _doubt(test: TimeTest, effect: Effect) -> str:
    margin, told = percent(test.tested_margin), slower_or_faster(effect)
    is_slower = effect.p_above(test.tested_margin) < ALPHA
    is_faster = effect.p_below(test.tested_margin) < ALPHA
    if is_slower and not test.can_fail:
        return f"{told} at first look, which may be chance: no fresh pairs were measured"
    if is_slower or is_faster:
        return f"{told}: beyond {margin} by itself, but chance does that among so many comparisons"
    return f"{told}: a change beyond {margin} is neither shown nor ruled out"
