"""All configurations as a table: what varies in columns, what is shared said once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import repeat

from sdbench.analysis.advice import Advice
from sdbench.analysis.feasibility import memory_limit_text
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.memory_advice import memory_advice
from sdbench.analysis.wording import FIGURE_WORDS
from sdbench.knobs.registry import KNOBS
from sdbench.report.cells import DASH, Cell, Column
from sdbench.report.columns import MEASURED_COLUMNS, ORIGIN, knob_column
from sdbench.report.memory_columns import PEAK_MEMORY


@dataclass(frozen=True, slots=True)
class Row:
    """One configuration.

    Attributes:
        key: The configuration's key.
        position: Its place in the plan, from 1.
        status: How it ended, as a word.
        is_recommended: Whether it is the report's answer.
        cells: One for each column.
        reason: Why it did not end ``ok``, and the record's notes.
    """

    key: str
    position: int
    status: str
    is_recommended: bool
    cells: tuple[Cell, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Shared:
    """What holds for all configurations.

    Attributes:
        label: What it is about.
        text: Its value, or why there is none.
    """

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class TableView:
    """The table of all configurations.

    Attributes:
        columns: What varies or was measured.
        rows: The configurations in the order of the plan.
        shared: What would be the same in every row.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    shared: tuple[Shared, ...]


def table_view(measured: Sequence[Measurement], advice: Advice) -> TableView:
    """The table of all configurations."""
    shown = [
        (column, [column.cell(m) for m in measured]) for column in map(knob_column, advice.names)
    ]
    shared = list(_shared_knobs(measured, advice.names))
    is_timed = [m.latency is not None for m in measured]
    has_derived = any(m.is_derived for m in measured)
    for column in (*([ORIGIN] * has_derived), *MEASURED_COLUMNS):
        cells = [column.cell(m) for m in measured]
        told = _said_once(column, [c for c, timed in zip(cells, is_timed, strict=True) if timed])
        if told is None:
            is_peak = column is PEAK_MEMORY
            shown.append(_of_one_figure(column, cells, advice) if is_peak else (column, cells))
        elif told.text:
            shared.append(told)
    chosen = advice.best.chosen
    cells_of_rows = zip(*(cells for _, cells in shown), strict=True) if shown else repeat(())
    rows = tuple(
        Row(
            m.key,
            position,
            m.status_word,
            chosen is not None and m.key == chosen.key,
            tuple(cells),
            _reason(m),
        )
        for position, (m, cells) in enumerate(zip(measured, cells_of_rows, strict=False), start=1)
    )
    return TableView(tuple(column for column, _ in shown), rows, tuple(shared))


def _of_one_figure(column: Column, cells: list[Cell], advice: Advice) -> tuple[Column, list[Cell]]:
    """The column of peaks: where all are of one figure, the heading says which."""
    figures = {cell.detail for cell in cells if cell.detail is not None}
    if len(figures) != 1:
        return column, cells
    figure = figures.pop()
    hint = column.hint
    if figure == FIGURE_WORDS["peak_rss_bytes"] and advice.run_limit_bytes is not None:
        limit = memory_limit_text(advice.run_limit_bytes)
        hint = f"{hint}; the run's own limit of {limit} is of tensor bytes instead (allocated)"
    told = replace(column, label=f"{column.label}, {figure}", hint=hint)
    return told, [replace(cell, detail=None) for cell in cells]


def _shared_knobs(measured: Sequence[Measurement], varying: Sequence[str]) -> list[Shared]:
    knobs = next((m.knobs for m in measured if m.knobs), {})
    return [
        Shared(name, KNOBS[name].text(value) if name in KNOBS else str(value))
        for name, value in knobs.items()
        if name not in varying and (name not in KNOBS or value != KNOBS[name].neutral)
    ]


def _said_once(column: Column, cells: Sequence[Cell]) -> Shared | None:
    """What all timed rows say in a column of words, or why none has a figure; else None."""
    texts = {cell.text for cell in cells}
    if not cells or texts == {DASH}:
        reasons = dict.fromkeys(cell.remark for cell in cells if cell.remark)
        return Shared(column.label, f"not available: {'; '.join(reasons)}" if reasons else "")
    if not column.is_number and len(texts) == 1 and len(cells) > 1:
        return Shared(column.label, texts.pop())
    return None


def _reason(m: Measurement) -> str:
    notes = (memory_advice(m.record), *m.record.notes) if m.record else ()
    reason = f"{m.reason}." if m.reason and notes and notes[0] else m.reason
    return " ".join(part for part in (reason, *notes) if part)
