"""The forest plot of a comparison: each gated time's interval against the band of its margin.

Positions are percentages of the plot's width, on an axis of logarithms, so that a time that doubled
lies as far from the middle as one that halved. The page draws them; all of it stands in words too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sdbench.compare.comparison import Unit
from sdbench.compare.effect import Effect
from sdbench.report.cells import DASH
from sdbench.report.comparison_view import ComparisonView, FindingView, RowView

MOST_LINES = 300
"""More lines are no picture any more; the table has all, and the gravest come first."""

_MOST_REACH = 2.0
"""The axis ends at so many times the farthest point or margin: a wider interval is cut off there,
since the interval of two pairs would leave no room for all others."""

_MARGIN_ROOM = 1.06
_TICK_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_MOST_TICKS = 3
"""Ticks on each side of the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestLine:
    """One gated time of one configuration.

    Attributes:
        name: The configuration.
        metric: The time.
        verdict: Its verdict.
        effect: The change with its interval.
        low_x: Where the interval begins.
        high_x: Where it ends.
        x: Where its point lies.
        is_cut_low: Whether the interval begins beyond the axis.
        is_cut_high: Whether it ends beyond the axis.
        band_x: Where the margin's band begins and ends.
        seen_x: Where the smallest slowdown lies that would have been seen; None where it is not
            known, or beyond the axis.
        words: All of it in words.
    """

    name: str
    metric: str
    verdict: str
    effect: str
    low_x: float
    high_x: float
    x: float
    is_cut_low: bool
    is_cut_high: bool
    band_x: tuple[float, float]
    seen_x: float | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """The plot.

    Attributes:
        lines: Its lines; the gravest first.
        ticks: Positions and labels of the axis.
        left_out: How many lines are not drawn.
    """

    lines: tuple[ForestLine, ...]
    ticks: tuple[tuple[float, str], ...]
    left_out: int


_Drawn = tuple[RowView, FindingView, Effect, float]


def forest(view: ComparisonView) -> Forest:
    """The plot of a comparison; without lines where no time is gated and has an interval."""
    drawn: list[_Drawn] = [
        (row, one, one.finding.effect, one.finding.margin)
        for row in view.rows
        for one in row.findings
        if one.finding.unit is Unit.SECONDS
        and one.finding.effect is not None
        and one.finding.margin is not None
    ]
    shown = drawn[:MOST_LINES]
    reach = _reach(shown)
    return Forest(
        lines=tuple(_line(one, reach) for one in shown),
        ticks=_ticks(reach),
        left_out=len(drawn) - len(shown),
    )


def _reach(drawn: Sequence[_Drawn]) -> float:
    """The logarithm at which the axis ends on both sides."""
    ends = [0.0]
    least = [0.01]
    for _, _, effect, margin in drawn:
        ends += [abs(math.log(effect.low)), abs(math.log(effect.high))]
        least += [abs(effect.log), math.log1p(margin)]
    return _MARGIN_ROOM * max(min(max(ends), _MOST_REACH * max(least)), max(least))


def _line(drawn: _Drawn, reach: float) -> ForestLine:
    row, one, effect, margin = drawn
    band = math.log1p(margin)
    low, high = math.log(effect.low), math.log(effect.high)
    seen = one.finding.detectable_ratio
    seen_log = math.log(seen) if seen is not None and seen < math.inf else math.inf
    words = f"{row.name}, {one.metric}: {one.verdict}, {one.effect}, margin {one.margin}"
    return ForestLine(
        name=row.name,
        metric=one.metric,
        verdict=one.finding.verdict.value,
        effect=one.effect,
        low_x=_x(low, reach),
        high_x=_x(high, reach),
        x=_x(effect.log, reach),
        is_cut_low=low < -reach,
        is_cut_high=high > reach,
        band_x=(_x(-band, reach), _x(band, reach)),
        seen_x=_x(seen_log, reach) if seen_log <= reach else None,
        words=words if one.seen == DASH else f"{words}, slowdowns seen from {one.seen} on",
    )


def _x(log: float, reach: float) -> float:
    """A position in percent, from 0 at the left to 100 at the right."""
    return round(50 + 50 * max(-1.0, min(1.0, log / reach)), 3)


def _ticks(reach: float) -> tuple[tuple[float, str], ...]:
    """Round changes, the same on both sides as far as they lie within."""
    farthest = math.expm1(reach)
    step = next(
        (one for one in _TICK_STEPS if farthest / one < _MOST_TICKS + 1),
        farthest / _MOST_TICKS,
    )
    shares = [step * number for number in range(-_MOST_TICKS, _MOST_TICKS + 1)]
    logs = [(math.log1p(share), share) for share in shares if share > -1]
    return tuple((_x(log, reach), _label(share)) for log, share in logs if abs(log) <= 0.97 * reach)


def _label(share: float) -> str:
    if share == 0:
        return "0"
    number = f"{100 * abs(share):g} %"
    return f"+{number}" if share > 0 else f"-{number}"
