"""How much slower one side is than the other: a ratio with its interval, from few repetitions.

The unit of repetition is the process, not the call: calls of one process share what the process
happened to get, and twenty of them taken for independent ones give a false alarm nearly always.
Times vary by factors, so all is done in logarithms; below twenty or so units the interval is that
of Student's t, since a percentile bootstrap is too narrow and ranks cannot reach the level.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

ALPHA = 0.025
"""Chance of calling something slower that is exactly as slow as its margin allows: the upper half
of what a 95 % interval leaves out."""

POWER = 0.8
"""Chance with which a change of the smallest detectable size is found."""

MOST_UNITS = 1000
"""More pairs than this are not worth naming."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The ratio of candidate to baseline (1.05: the candidate takes 5 % longer).

    Attributes:
        ratio: The ratio.
        low: Lower end of its 95 % interval.
        high: Upper end.
        units: Pairs, or processes of the side that has fewer.
        log_error: Standard error of the ratio's logarithm.
        degrees: Degrees of freedom of that error; infinite where it is assumed, not estimated.
    """

    ratio: float
    low: float
    high: float
    units: int
    log_error: float
    degrees: float

    @property
    def log(self) -> float:
        """The ratio's logarithm."""
        return math.log(self.ratio)

    def p_above(self, margin: float) -> float:
        """One-sided p-value of the candidate being slower by more than a margin (0.02 = 2 %)."""
        return self._p(self.log - math.log1p(margin))

    def p_below(self, margin: float) -> float:
        """One-sided p-value of the baseline being slower by more than a margin."""
        return self._p(-math.log1p(margin) - self.log)

    def is_within(self, margin: float) -> bool:
        """Whether the whole interval lies within a margin on both sides."""
        return math.log(self.low) >= -math.log1p(margin) and self.high <= 1 + margin

    def _p(self, distance: float) -> float:
        if self.log_error == 0:
            return 0.0 if distance > 0 else 1.0
        return _t_above(distance / self.log_error, self.degrees)


def paired_effect(ratios: Sequence[float], most_degrees: int | None = None) -> Effect | None:
    """The effect from pairs that were measured one right after the other.

    Args:
        ratios: How many times as long the candidate took, for each pair.
        most_degrees: Degrees of freedom at most, where pairs were added until the interval was
            narrow: such a rule ends when chance has made it narrow, and with those of its least
            number of pairs the interval keeps its confidence (simulated: 94.6 % and more, against
            93.7 % without). None where the number of pairs was fixed.

    Returns:
        Student's t interval of the mean log-ratio, exponentiated; None for fewer than two pairs,
        which say nothing about how much pairs differ.
    """
    if len(ratios) < 2:
        return None
    logs = [math.log(ratio) for ratio in ratios]
    count = len(logs)
    degrees = count - 1 if most_degrees is None else min(count - 1, most_degrees)
    return _effect(fmean(logs), stdev(logs) / math.sqrt(count), degrees, count)


def unpaired_effect(
    baseline: Sequence[float], candidate: Sequence[float], between_runs: float
) -> Effect | None:
    """The effect from processes of two runs that were measured at two times.

    The variance of the difference is that of each side's processes (Welch) plus that between
    runs of one build, which two runs cannot tell and which is therefore assumed. Source of the
    degrees of freedom: Satterthwaite, Biometrics 2 (1946) 110.

    Args:
        baseline: A value for each process, above 0.
        candidate: The same of the other side.
        between_runs: Standard deviation of one build's times from run to run (0.03 = 3 %).

    Returns:
        The ratio of geometric means with its interval; None without a value on a side, or where one
        process on each is all that is known. With a
        single process on a side its variance is taken to be the other's, and with one on both
        sides nothing but ``between_runs`` is known, so that it stands for the processes too.
    """
    if not baseline or not candidate:
        return None
    sides = [[math.log(value) for value in side] for side in (baseline, candidate)]
    difference = fmean(sides[1]) - fmean(sides[0])
    assumed = 2 * math.log1p(between_runs) ** 2
    estimated = [(stdev(side) ** 2, len(side) - 1) for side in sides if len(side) > 1]
    if not estimated:
        if not assumed:
            return None
        return _effect(difference, math.sqrt(2 * assumed), math.inf, 1)
    if len(estimated) == 1:
        estimated = estimated * 2
    parts = [
        (variance / len(side), degrees)
        for side, (variance, degrees) in zip(sides, estimated, strict=True)
    ]
    total = assumed + sum(part for part, _ in parts)
    uncertain = sum(part**2 / degrees for part, degrees in parts)
    degrees = total**2 / uncertain if uncertain else math.inf
    return _effect(difference, math.sqrt(total), degrees, min(map(len, sides)))


def _effect(log: float, error: float, degrees: float, units: int) -> Effect:
    half = 0.0 if error == 0 else _t_quantile(1 - ALPHA, degrees) * error
    return Effect(
        ratio=math.exp(log),
        low=math.exp(log - half),
        high=math.exp(log + half),
        units=units,
        log_error=error,
        degrees=degrees,
    )


def detectable_ratio(effect: Effect, margin: float, alpha: float = ALPHA) -> float:
    """The smallest slowdown that this noise lets be told from the margin in `POWER` of all jobs.

    It is (1 + margin) exp((t_{1-alpha} + t_{power}) error): what Student's t interval of these
    units must clear, and as much again as chance may take away. The error is `usual_error`.

    Args:
        effect: What was measured; its noise counts, not its size.
        margin: Changes up to this are no regression (0.02 = 2 %).
        alpha: Chance of a false alarm that one test may use up.

    Returns:
        A ratio above 1.
    """
    error = usual_error(effect.log_error, effect.degrees)
    return detectable_at(error, effect.degrees, margin, alpha)


def detectable_at(error: float, degrees: float, margin: float, alpha: float) -> float:
    """The same for a standard error of the log-ratio that is known."""
    quantiles = _t_quantile(1 - alpha, degrees) + _t_quantile(POWER, degrees)
    return (1 + margin) * math.exp(quantiles * error)


def usual_error(error: float, degrees: float) -> float:
    """The error, larger or smaller than the true one in equally many jobs.

    That of a few units is too small in more than half of all jobs, since the median of chi-squared
    lies below its mean: by 11 % in the middle for four pairs, by 5 % for eight. What is said to be
    detectable would be caught less often than said.

    Args:
        error: Standard error, or standard deviation, as it was estimated.
        degrees: Its degrees of freedom.
    """
    if not math.isfinite(degrees):
        return error
    return error * math.sqrt(degrees / float(_scipy("chdtri")(degrees, 0.5)))


def half_width_of(spread: float, count: int, degrees: int, alpha: float = ALPHA) -> float:
    """Half the width of the interval of a mean log-ratio, by default that of 95 %.

    Args:
        spread: Standard deviation of the pairs' log-ratios.
        count: Number of pairs.
        degrees: Degrees of freedom.
        alpha: What it leaves out on either end.
    """
    return _t_quantile(1 - alpha, degrees) * spread / math.sqrt(count)


def pairs_needed(effect: Effect, margin: float, alpha: float = ALPHA) -> int | None:
    """How many pairs would decide, if the ratio and the noise stay as they are.

    Args:
        effect: What was measured.
        margin: Changes up to this are no regression.
        alpha: Chance of a false alarm that one test may use up; what lies within the margin needs
            the 95 % interval alone.

    Returns:
        The least number with which the interval no longer holds the margin's end that is nearest;
        None beyond `MOST_UNITS`.
    """
    bound = math.log1p(margin)
    distance = abs(abs(effect.log) - bound)
    share = alpha if abs(effect.log) > bound else ALPHA
    spread = effect.log_error * math.sqrt(effect.units)
    for count in range(max(2, effect.units + 1), MOST_UNITS + 1):
        if half_width_of(spread, count, count - 1, share) < distance:
            return count
    return None


def _t_quantile(share: float, degrees: float) -> float:
    return float(_scipy("stdtrit" if math.isfinite(degrees) else "ndtri")(*_of(degrees), share))


def _t_above(t: float, degrees: float) -> float:
    return float(_scipy("stdtr" if math.isfinite(degrees) else "ndtr")(*_of(degrees), -t))


def _of(degrees: float) -> tuple[float, ...]:
    return (degrees,) if math.isfinite(degrees) else ()


def _scipy(name: str) -> Callable[..., float]:
    """A distribution's function; scipy takes half a second to import."""
    from scipy import special

    function: Callable[..., float] = getattr(special, name)
    return function
