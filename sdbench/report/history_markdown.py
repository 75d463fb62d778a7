"""A history as Markdown: what changed, and in short how every configuration stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdbench.report.history import FOR_READING, ChangeView, HistoryView, SeriesView
from sdbench.report.markdown import escaped, folded, table_row

MOST_CHANGES = 20
"""Rows of the table of changes, so that a comment stays short."""


def history_markdown(view: HistoryView) -> str:
    """A history as Markdown that GitHub renders."""
    blocks = [
        f"### History of {escaped(view.title)}",
        f"**{escaped(view.headline)}** {escaped(view.between_runs)}",
        *_changes(view.changes),
        *_conditions(view),
        *_series(view.series),
        f"<sub>{FOR_READING.capitalize()}: steps are told by a rule, not tested.</sub>",
    ]
    return "\n\n".join(blocks) + "\n"


def _changes(changes: tuple[ChangeView, ...]) -> Iterator[str]:
    if not changes:
        return
    shown = changes[:MOST_CHANGES]
    rows = [(one.when, one.name, one.words, one.run) for one in shown]
    yield _table(("since", "configuration", "what changed", "run"), rows)
    if len(changes) > len(shown):
        yield f"And {len(changes) - len(shown)} earlier ones."


def _conditions(view: HistoryView) -> Iterator[str]:
    if view.conditions:
        lines = [f"- {escaped(' '.join(one).strip())}" for one in view.conditions]
        yield "\n".join(
            ("Conditions changed; steps are looked for under equal ones only:\n", *lines)
        )


def _series(series: Iterable[SeriesView]) -> Iterator[str]:
    rows = [(one.series.name, ", ".join(one.latest), one.spread or "–") for one in series]
    table = _table(("configuration", "last run", "spread from run to run"), rows)
    yield folded("How every configuration stands", table)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(map(table_row, lines))
