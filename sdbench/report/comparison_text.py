"""A comparison for a terminal: the verdict first, then the configurations, the gravest first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from sdbench.compare.comparison import Comparison
from sdbench.compare.verdict import Verdict
from sdbench.report.cells import DASH
from sdbench.report.comparison_view import ComparisonView, FindingView, RowView, comparison_view
from sdbench.report.comparison_words import NO_BREAK, unbroken

COLUMNS = 100
WIDEST_PROSE = 100
MOST_SAME = 20
"""Configurations without any change that are listed; the other formats have all."""

_HEADS = ("", "configuration", "metric", "change (95 %)", "values", "seen from")
_GAP = "  "
_VERDICT_COLUMNS = max(len(one.value) for one in Verdict) + 1


def comparison_text(comparison: Comparison, columns: int = COLUMNS) -> str:
    """The answer, each configuration, what could have been seen, and the exit code.

    Args:
        comparison: What to show.
        columns: Width of the terminal. A table that does not fit becomes a list, and sentences are
            no wider than can be read.
    """
    view = comparison_view(comparison)
    prose = min(columns, WIDEST_PROSE)
    answer = [_wrapped(one, prose) for one in (view.headline, *view.further)]
    limits = [_wrapped(one, prose) for one in view.limits]
    paragraphs = [
        "\n".join(answer),
        "\n".join(_rows(view, columns)),
        "\n".join(limits),
        "\n".join(_wrapped(line, prose, "", "  ") for line in _sides(view)),
        _wrapped(f"{view.counts}; {view.ending}.", prose),
    ]
    return "\n\n".join(one for one in paragraphs if one) + "\n"


def _sides(view: ComparisonView) -> Iterator[str]:
    yield view.title
    yield from view.sources
    if view.differences:
        yield view.differences


def _rows(view: ComparisonView, columns: int) -> Iterator[str]:
    same = [row for row in view.rows if row.is_same]
    left_out = {id(row) for row in same[MOST_SAME:]}
    rows = [row for row in view.rows if id(row) not in left_out]
    if not rows:
        return
    cells = [_cells(row, index) for row in rows for index in range(len(row.told))]
    widths = [max(map(len, column)) for column in zip(_HEADS, *cells, strict=True)]
    widths[0] = _VERDICT_COLUMNS
    if sum(widths) + len(_GAP) * (len(widths) - 1) <= columns:
        yield from _table(rows, widths, columns)
    else:
        yield from _list(rows, columns)
    if left_out:
        yield f"and {len(left_out):,} more without a change"
    if any(one.verdict.endswith("*") for row in rows for one in row.told):
        yield "* not gated"


def _table(rows: Sequence[RowView], widths: Sequence[int], columns: int) -> Iterator[str]:
    def line(cells: Sequence[str]) -> str:
        padded = (f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
        return _GAP.join(padded).rstrip()

    indent = " " * (widths[0] + len(_GAP))
    yield line(_HEADS)
    for row in rows:
        for index, one in enumerate(row.told):
            yield line(_cells(row, index))
            if one.why and not row.is_same:
                yield _wrapped(one.why, columns, indent, indent)


def _cells(row: RowView, index: int) -> tuple[str, ...]:
    one = row.told[index]
    name = row.name if index == 0 else ""
    return (one.verdict, name, one.metric, one.effect, one.values, one.seen)


def _list(rows: Sequence[RowView], columns: int) -> Iterator[str]:
    for row in rows:
        if row.is_same:
            figures = _figures(row.told[0])
            yield _wrapped(f"{row.verdict:{_VERDICT_COLUMNS}} {row.name}: {figures}", columns)
            continue
        yield _wrapped(f"{row.verdict:{_VERDICT_COLUMNS}} {row.name}", columns)
        for one in row.told:
            told = f"{one.verdict} " if one.finding.verdict is not row.row.verdict else ""
            why = f": {one.why}" if one.why else ""
            yield _wrapped(f"{told}{_figures(one)}{why}", columns, "  ", "    ")


def _figures(one: FindingView) -> str:
    parts = [f"{one.metric} {one.effect}", one.values]
    if one.seen != DASH:
        parts.append(f"seen from {one.seen} on")
    return ", ".join(part for part in parts if part)


def _wrapped(text: str, columns: int, first: str = "", rest: str = "    ") -> str:
    wrapped = textwrap.fill(
        unbroken(text),
        columns,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped.replace(NO_BREAK, " ")
