"""A comparison as Markdown: a comment on a pull request, short, with its details folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sdbench.compare.comparison import Comparison, Ending
from sdbench.report.comparison_view import ComparisonView, RowView, comparison_view
from sdbench.report.markdown import escaped, folded, table_row

MOST_ROWS = 20
"""Rows that stand open or folded each, so that a comment stays below GitHub's 65,536 characters."""

SIGNS = {Ending.CLEAN: "✅", Ending.REGRESSION: "❌", Ending.INCOMPLETE: "❔", Ending.UNFIT: "⚠️"}
"""What stands before the answer; the words say the same."""

ADVISORY_SIGN = "ℹ️"  # noqa: RUF001
"""The sign of a comparison that fails nothing whatever it finds."""

_HEADS = ("verdict", "configuration", "metric", "change (95 %)", "values", "seen from")


def comparison_markdown(comparison: Comparison) -> str:
    """The answer, a table of what changed, and the rest in what opens at a click."""
    view = comparison_view(comparison)
    changed = [row for row in view.rows if not row.is_same]
    same = [row for row in view.rows if row.is_same]
    blocks = [
        f"### {escaped(view.title)}",
        f"{sign(comparison)} **{escaped(view.headline)}**",
        "\n".join(f"- {escaped(one)}" for one in view.further),
        _table(changed),
        folded(f"{len(same):,} without a change", _table(same)) if same else "",
        folded("Why", _reasons(changed)) if changed else "",
        folded("What could have been seen", _list(view.limits)),
        folded("The two sides", _sides(view)),
        f"<sub>{escaped(f'{view.counts}; {view.ending}')}</sub>",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def sign(comparison: Comparison) -> str:
    """The sign before the answer."""
    if comparison.advisory and comparison.ending is Ending.CLEAN:
        return ADVISORY_SIGN
    return SIGNS[comparison.ending]


def _table(rows: Sequence[RowView]) -> str:
    if not rows:
        return ""
    lines = [table_row(_HEADS), table_row(["---", "---", "---", "--:", "--:", "--:"])]
    for row in rows[:MOST_ROWS]:
        for index, one in enumerate(row.told):
            name = row.name if index == 0 else ""
            told = (one.verdict, name, one.metric, one.effect, one.values, one.seen)
            lines.append(table_row([escaped(cell) for cell in told]))
    return "\n".join(lines) + _more(rows)


def _reasons(rows: Sequence[RowView]) -> str:
    lines = [
        f"- {escaped(f'{row.name}, {one.metric}: {one.verdict}: {one.why}')}"
        for row in rows[:MOST_ROWS]
        for one in row.told
    ]
    return "\n".join(lines) + _more(rows)


def _more(rows: Sequence[RowView]) -> str:
    left_out = len(rows) - MOST_ROWS
    return f"\n\nAnd {left_out:,} more." if left_out > 0 else ""


def _sides(view: ComparisonView) -> str:
    return _list([*view.sources, *_differences(view)])


def _differences(view: ComparisonView) -> Iterator[str]:
    for one in view.facts:
        if one.differs:
            yield f"{one.name}: {one.baseline} -> {one.candidate}"


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)
