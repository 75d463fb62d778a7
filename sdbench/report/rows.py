"""All configurations as a table: what varies in columns, what is shared said once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.memory_advice import memory_advice
from sdbench.knobs.registry import KNOBS
from sdbench.report.cells import DASH, Cell, Column
from sdbench.report.columns import MEASURED_COLUMNS, knob_column


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
        remarks: Reasons and remarks that cells refer to by number.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    shared: tuple[Shared, ...]
    remarks: tuple[str, ...]


def table_view(measured: Sequence[Measurement], advice: Advice) -> TableView:
    """The table of all configurations."""
    columns = [knob_column(name) for name in advice.names]
    shared = list(_shared_knobs(measured, advice.names))
    for column in MEASURED_COLUMNS:
        told = _said_once(column, measured)
        if told is None:
            columns.append(column)
        elif told.text:
            shared.append(told)
    remarks: dict[str, int] = {}
    rows = tuple(
        Row(
            m.key,
            position,
            m.status_word,
            advice.best.chosen is not None and m.key == advice.best.chosen.key,
            tuple(_numbered(column.cell(m), remarks) for column in columns),
            _reason(m),
        )
        for position, m in enumerate(measured, start=1)
    )
    return TableView(tuple(columns), rows, tuple(shared), tuple(remarks))


def _shared_knobs(measured: Sequence[Measurement], varying: Sequence[str]) -> list[Shared]:
    knobs = next((m.knobs for m in measured if m.knobs), {})
    return [
        Shared(name, KNOBS[name].text(value) if name in KNOBS else str(value))
        for name, value in knobs.items()
        if name not in varying and (name not in KNOBS or value != KNOBS[name].neutral)
    ]


def _said_once(column: Column, measured: Sequence[Measurement]) -> Shared | None:
    """What all measured rows say in a column of words, or why none has a figure; else None."""
    cells = [column.cell(m) for m in measured if m.latency is not None]
    texts = {cell.text for cell in cells}
    if not cells or texts == {DASH}:
        reasons = dict.fromkeys(cell.remark for cell in cells if cell.remark)
        return Shared(column.label, f"not available: {'; '.join(reasons)}" if reasons else "")
    if not column.is_number and len(texts) == 1 and len(cells) > 1:
        return Shared(column.label, texts.pop())
    return None


def _numbered(cell: Cell, remarks: dict[str, int]) -> Cell:
    if cell.remark is None:
        return cell
    return replace(cell, remark_number=remarks.setdefault(cell.remark, len(remarks) + 1))


def _reason(m: Measurement) -> str:
    notes = (memory_advice(m.record), *m.record.notes) if m.record else ()
    reason = f"{m.reason}." if m.reason and notes and notes[0] else m.reason
    return " ".join(part for part in (reason, *notes) if part)
