"""A history for a terminal: a line of bars a configuration, and what changed in it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from sdbench.analysis.history import Series
from sdbench.report.history import FOR_READING, HistoryView, SeriesView
from sdbench.report.sparkline import sparkline

COLUMNS = 100

CONDITIONS = "Conditions changed (steps are looked for under equal ones only):"

LEAST_BARS = 10
"""Columns that a line of bars gets at least; below that the figures stand under it."""

MOST_BARS = 60


def history_text(view: HistoryView, columns: int = COLUMNS) -> str:
    """A history as text of at most so many columns."""
    paragraphs = [
        [*_wrapped(f"{view.title}, {FOR_READING}", columns, "", "  ")],
        [*_wrapped(f"{view.headline} {view.between_runs}", columns, "", "  ")],
    ]
    if view.conditions:
        paragraphs.append(_wrapped(CONDITIONS, columns, "", "  "))
        for when, what in view.conditions:
            paragraphs[-1] += _wrapped(f"{when}  {what}".strip(), columns, "  ", "              ")
    paragraphs += [[*_series(one, view, columns)] for one in view.series]
    return "\n\n".join("\n".join(lines) for lines in paragraphs) + "\n"


def _series(one: SeriesView, view: HistoryView, columns: int) -> Iterator[str]:
    yield from _wrapped(one.series.name, columns, "", "  ")
    figures = ", ".join((*one.latest, *([f"± {one.spread} a run"] if one.spread else ())))
    room = columns - len(figures) - 4
    bars = min(MOST_BARS, room if room >= LEAST_BARS else columns - 2)
    line = _bars(one.series, view, max(1, bars))
    if len(line) + len(figures) + 4 <= columns:
        yield f"  {line}  {figures}"
    else:
        yield f"  {line}"
        yield from _wrapped(figures, columns, "  ", "  ")
    for change in one.changes:
        text = f"{change.when}  {change.words} ({change.run})"
        yield from _wrapped(text, columns, "  ", "              ")


def _bars(series: Series, view: HistoryView, columns: int) -> str:
    points = series.points
    return sparkline(
        [point.latency.point if point and point.latency else None for point in points],
        columns,
        failed={at for at, point in enumerate(points) if point and not point.latency},
        changed={change.position for change in view.history.changes if change.is_new},
    )


def _wrapped(text: str, columns: int, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text,
        max(columns, len(rest) + 1),
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )
