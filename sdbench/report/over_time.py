"""A history as pages show it: every configuration with its chart and the newest runs as a table."""

from __future__ import annotations

from dataclasses import dataclass

from sdbench.report.history import HistoryView, SeriesView, point_words
from sdbench.report.history_chart import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    HistoryChart,
    history_chart,
)

MOST_ROWS = 30
"""Runs of a configuration's table; all of them are in the JSON."""

NOT_THERE = "not in the run"

SIZES = {
    "width": WIDTH,
    "height": HEIGHT,
    "left": LEFT,
    "right": RIGHT,
    "top": TOP,
    "bottom": BOTTOM,
}
"""The chart's sizes, by their names in the templates."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run of a configuration.

    Attributes:
        when: When it began, and its name.
        conditions: The number of its conditions.
        text: What it tells.
    """

    when: str
    conditions: int
    text: str


@dataclass(frozen=True, slots=True)
class ChartedSeries:
    """A configuration.

    Attributes:
        view: What is said of it.
        chart: Its chart, or None where no run has timed it.
        rows: The newest runs, the newest first.
        left_out: How many older ones there are.
    """

    view: SeriesView
    chart: HistoryChart | None
    rows: tuple[RunRow, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class OverTime:
    """A history with its charts.

    Attributes:
        view: What is said of it.
        series: Its configurations.
    """

    view: HistoryView
    series: tuple[ChartedSeries, ...]


def over_time(view: HistoryView) -> OverTime:
    """A history with its charts."""
    return OverTime(view, tuple(_charted(one, view) for one in view.series))


def _charted(one: SeriesView, view: HistoryView) -> ChartedSeries:
    history = view.history
    numbers = history.numbers
    newest = list(reversed(range(len(history.runs))))[:MOST_ROWS]
    return ChartedSeries(
        view=one,
        chart=history_chart(one.series, view),
        rows=tuple(_row(one, view, at, numbers[at]) for at in newest),
        left_out=len(history.runs) - len(newest),
    )


def _row(one: SeriesView, view: HistoryView, at: int, number: int) -> RunRow:
    run, point = view.history.runs[at], one.series.points[at]
    text = NOT_THERE if point is None else ", ".join(point_words(point)) or "nothing is known"
    return RunRow(f"{view.moments[at]}, {run.name}", number, text)
