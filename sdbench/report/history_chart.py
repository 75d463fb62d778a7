"""The chart of one configuration's history, as coordinates of an SVG.

latency |   . .        .   .            a dot with its interval for each run,
        |--.---.--            |         a line for each level,
        |         --.----.--  |.--.--   an upright one where conditions change
        +---------------------------- runs in order, equally far apart
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sdbench.analysis.history import History, Plateau, Series
from sdbench.analysis.history_point import Point
from sdbench.analysis.wording import count
from sdbench.report.history import HistoryView, point_words
from sdbench.report.sparkline import LEAST_RANGE_RATIO
from sdbench.statistics import Estimate
from sdbench.units import format_seconds

WIDTH, HEIGHT = 360, 132
LEFT, RIGHT, TOP, BOTTOM = 52, 6, 8, 20
"""Room for the scale, and around the plot."""

COLOURS = 6
"""Conditions are told apart by so many colours, which then come again."""

_TICKS = 4
_LEAST_RADIUS, _MOST_RADIUS = 0.9, 2.2


@dataclass(frozen=True, slots=True)
class Dot:
    """A run.

    Attributes:
        x: Where it is.
        y: Where its latency is.
        colour: Its conditions.
        is_hollow: Whether no level rests on it.
        title: What it tells.
    """

    x: float
    y: float
    colour: int
    is_hollow: bool
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A place along the runs, or along the scale.

    Attributes:
        at: Where it is.
        text: What is there.
    """

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class HistoryChart:
    """A chart.

    Attributes:
        label: What it shows, in a sentence.
        dots: The runs with a latency.
        radius: That of a dot, smaller where there are many.
        intervals: Their intervals, as the path of an SVG.
        levels: The levels: both ends, and the height.
        changes: Where conditions change to new ones.
        failures: Runs that ended without a latency.
        ticks: The scale.
        first: When the first run began.
        last: When the last run began.
    """

    label: str
    dots: tuple[Dot, ...]
    radius: float
    intervals: str
    levels: tuple[tuple[float, float, float], ...]
    changes: tuple[Mark, ...]
    failures: tuple[Mark, ...]
    ticks: tuple[Mark, ...]
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class _Scale:
    """From runs and seconds to places.

    Attributes:
        runs: How many runs there are.
        least_s: The lower end of the scale.
        most_s: Its upper end.
    """

    runs: int
    least_s: float
    most_s: float

    def x(self, position: float) -> float:
        return round(LEFT + (position + 0.5) / self.runs * (WIDTH - LEFT - RIGHT), 1)

    def y(self, latency_s: float) -> float:
        share = (latency_s - self.least_s) / (self.most_s - self.least_s)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    @property
    def ticks(self) -> Iterator[Mark]:
        raw = (self.most_s - self.least_s) / _TICKS
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * one for one in (1, 2, 5, 10) if power * one >= raw)
        tick = math.ceil(self.least_s / step)
        while tick * step <= self.most_s:
            yield Mark(self.y(tick * step), format_seconds(tick * step, step))
            tick += 1


def history_chart(series: Series, view: HistoryView) -> HistoryChart | None:
    """The chart of a configuration; None where no run has timed it."""
    history = view.history
    latencies = {
        at: point.latency for at, point in enumerate(series.points) if point and point.latency
    }
    if not latencies:
        return None
    scale = _scale(list(latencies.values()), len(series.points))
    numbers = history.numbers
    failures = tuple(
        Mark(scale.x(at), _title(point, view.moments[at]))
        for at, point in enumerate(series.points)
        if point is not None and point.latency is None
    )
    return HistoryChart(
        label=_label(series, history),
        dots=tuple(_dot(at, series, view.moments[at], numbers[at], scale) for at in latencies),
        radius=round(max(_LEAST_RADIUS, min(_MOST_RADIUS, WIDTH / 3 / scale.runs)), 2),
        intervals="".join(_interval(at, one, scale) for at, one in latencies.items()),
        levels=tuple(_level(plateau, scale) for plateau in series.plateaus),
        changes=tuple(
            Mark(scale.x(change.position - 0.5), ", ".join(change.differences))
            for change in history.changes
            if change.is_new
        ),
        failures=failures,
        ticks=tuple(scale.ticks),
        first=view.moments[0],
        last=view.moments[-1],
    )


def _scale(latencies: list[Estimate], runs: int) -> _Scale:
    least = min(one.low for one in latencies)
    most = max(max(one.high for one in latencies), least * (1 + LEAST_RANGE_RATIO), 1e-9)
    room = 0.06 * (most - least)
    return _Scale(runs, least - room, most + room)


def _dot(at: int, series: Series, moment: str, number: int, scale: _Scale) -> Dot:
    point = series.points[at]
    assert point is not None
    assert point.latency is not None
    return Dot(
        x=scale.x(at),
        y=scale.y(point.latency.point),
        colour=(number - 1) % COLOURS,
        is_hollow=point.level_s is None,
        title=_title(point, moment),
    )


def _title(point: Point, moment: str) -> str:
    return f"{moment}: {', '.join(point_words(point)) or 'nothing is known'}"


def _interval(at: int, latency: Estimate, scale: _Scale) -> str:
    if not latency.has_interval:
        return ""
    return f"M{scale.x(at)} {scale.y(latency.low)}V{scale.y(latency.high)}"


def _level(plateau: Plateau, scale: _Scale) -> tuple[float, float, float]:
    first, last = plateau.positions[0] - 0.5, plateau.positions[-1] + 0.5
    return scale.x(first), scale.x(last), scale.y(plateau.latency_s)


def _label(series: Series, history: History) -> str:
    levels = [format_seconds(plateau.latency_s) for plateau in series.plateaus]
    shown = f"levels {', then '.join(levels[:6])}" if levels else "no level"
    more = f" and {len(levels) - 6} more" if len(levels) > 6 else ""
    return f"Latency of {series.name} over {count(len(history.runs), 'run')}: {shown}{more}."
