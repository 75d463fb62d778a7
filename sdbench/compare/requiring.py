"""Runs that have to be of the same conditions, where others are no answer at all."""

from __future__ import annotations

from dataclasses import replace

from sdbench.compare.comparison import Comparison, Row


def requiring_same_conditions(comparison: Comparison) -> Comparison:
    """The comparison, unfit where it would have been advisory.

    Nothing that was found under other conditions is a regression of the build: what would fail is
    shown, and gated no more.
    """
    if not comparison.advisory:
        return comparison
    return replace(
        comparison,
        advisory=(),
        unfit=(*comparison.advisory, *comparison.unfit),
        rows=tuple(map(_ungated, comparison.rows)),
    )


def _ungated(row: Row) -> Row:
    findings = (replace(one, is_gated=False) if one.fails else one for one in row.findings)
    return replace(row, findings=tuple(findings))
