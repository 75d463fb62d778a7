"""The table of all configurations as the page's script reads it: each text is written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sdbench.report.cells import Cell, Column
from sdbench.report.rows import TableView
from sdbench.results.figure import Origin

SORT_DIGITS = 7
"""Significant digits of what a column is sorted by: finer than any figure's interval, and half as
long as a float."""

PRINTED_ROWS = 200
"""More are no reading on paper."""

_ORIGINS = tuple(Origin)


def table_data(table: TableView) -> Mapping[str, Any]:
    """The table as JSON.

    Returns:
        ``columns``: for each its ``label``, ``hint``, whether it ``is_number``, its distinct cells
        as ``entries`` (text, sort, detail, position in ``origins``, position of the remark in
        ``texts``, without the nulls at the end), and for each row the position of its entry as
        ``cells``; None where each row has an entry of its own. ``reason``: for each row the
        position of its reason in ``texts``, -1 without one. ``printed``: the most rows on paper.
    """
    texts: dict[str, int] = {}
    columns = [
        _column(column, [row.cells[at] for row in table.rows], texts)
        for at, column in enumerate(table.columns)
    ]
    reasons = [texts.setdefault(row.reason, len(texts)) if row.reason else -1 for row in table.rows]
    return {
        "columns": columns,
        "reason": reasons,
        "texts": list(texts),
        "origins": [origin.value for origin in _ORIGINS],
        "printed": PRINTED_ROWS,
    }


def _column(column: Column, cells: Sequence[Cell], texts: dict[str, int]) -> Mapping[str, Any]:
    entries: dict[Cell, int] = {}
    positions = [entries.setdefault(cell, len(entries)) for cell in cells]
    return {
        "label": column.label,
        "hint": column.hint,
        "is_number": column.is_number,
        "entries": [_entry(cell, texts) for cell in entries],
        "cells": None if len(entries) == len(cells) else positions,
    }


def _entry(cell: Cell, texts: dict[str, int]) -> list[Any]:
    sort = float(f"{cell.sort:.{SORT_DIGITS}g}") if isinstance(cell.sort, float) else cell.sort
    entry = [
        cell.text,
        sort,
        cell.detail,
        None if cell.origin is None else _ORIGINS.index(cell.origin),
        None if cell.remark is None else texts.setdefault(cell.remark, len(texts)),
    ]
    while entry[-1] is None:
        entry.pop()
    return entry
