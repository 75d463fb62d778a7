"""All configurations as a table: what varies in columns, what is shared said once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sdbench.analysis.advice import Advice, p95_text
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import FIGURE_WORDS, estimate_text, interval_text, score_text
from sdbench.knobs.registry import KNOBS
from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Figure, Origin
from sdbench.results.record import NOT_REACHED
from sdbench.results.table import MEMORY_FIGURES, attention_processors, scheduler_class
from sdbench.statistics import Estimate
from sdbench.units import format_bytes

DASH = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of the table.

    Attributes:
        text: What is shown.
        sort: What the column is sorted by; None sorts last.
        detail: A smaller second line, such as an interval.
        remark: Why there is no value, or a remark on the one there is.
        remark_number: Number of the remark in `TableView.remarks`, from 1.
    """

    text: str
    sort: float | str | None = None
    detail: str | None = None
    remark: str | None = None
    remark_number: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Attributes:
        label: Its heading.
        cell: What it shows of a measurement.
        is_number: Whether it holds numbers.
        hint: What the heading means, in a sentence.
    """

    label: str
    cell: Callable[[Measurement], Cell]
    is_number: bool = True
    hint: str | None = None


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
    columns = [_knob_column(name) for name in advice.names]
    shared = list(_shared_knobs(measured, advice.names))
    for column in _MEASURED_COLUMNS:
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
    notes = m.record.notes if m.record else ()
    return " ".join(part for part in (m.reason, *notes) if part)


def _knob_column(name: str) -> Column:
    def cell(m: Measurement) -> Cell:
        if name not in m.knobs:
            return Cell(DASH)
        value = m.knobs[name]
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return Cell(KNOBS[name].text(value), value if is_number else KNOBS[name].text(value))  # type: ignore[arg-type]

    return Column(name, cell, is_number=False)


def _estimate_cell(estimate: Estimate | None) -> Cell:
    if estimate is None:
        return Cell(DASH)
    return Cell(estimate_text(estimate), estimate.point, interval_text(estimate))


def _memory_column(name: str, label: str, hint: str) -> Column:
    def cell(m: Measurement) -> Cell:
        figure = m.memory.get(name)
        told_by_status = m.latency is None and figure == NOT_REACHED
        return Cell(DASH) if figure is None or told_by_status else _figure_cell(figure)

    return Column(label, cell, hint=hint)


def _figure_cell(figure: Figure) -> Cell:
    if figure.value is None:
        return Cell(DASH, remark=figure.reason)
    is_plain = figure.origin in (None, Origin.MEASURED)
    origin = None if is_plain or figure.origin is None else figure.origin.value
    return Cell(format_bytes(int(figure.value)), figure.value, origin, figure.reason)


def _peak_cell(m: Measurement) -> Cell:
    name = m.peak_memory_figure
    if name is None:
        return Cell(DASH)
    return Cell(format_bytes(m.peak_memory_bytes), m.peak_memory_bytes, FIGURE_WORDS[name])


def _score_column(label: str, score: Callable[[Fidelity], float | None], hint: str) -> Column:
    def cell(m: Measurement) -> Cell:
        detail = "degenerate" if m.is_degenerate else None
        value = score(m.fidelity)
        if value is not None:
            return Cell(score_text(value), value, detail)
        return Cell(DASH, detail=detail, remark=_told_here(m, m.fidelity.reason))

    return Column(label, cell, hint=hint)


def _numerical_cell(m: Measurement) -> Cell:
    agreement = m.fidelity.numerical
    if agreement is None:
        reason = m.fidelity.numerical_reason or m.fidelity.reason
        return Cell(DASH, remark=_told_here(m, reason))
    return Cell(f"{agreement.median_psnr_db:.1f} dB", agreement.median_psnr_db)


def _told_here(m: Measurement, reason: str | None) -> str | None:
    """A reason, unless the row's status tells it already."""
    return None if m.latency is None else reason


def _words(text: str | None) -> Cell:
    return Cell(text or DASH, text)


def _samples_cell(m: Measurement) -> Cell:
    number = m.latency.sample_count if m.latency else 0
    taken = len(m.record.samples_s) if m.record else 0
    left_out = taken - number
    detail = f"{left_out} throttled left out" if left_out else None
    return Cell(str(number), number, detail) if number else Cell(DASH)


def _stop_cell(m: Measurement) -> Cell:
    stop = m.record.stop_reason if m.record else None
    return _words(stop.value.replace("_", " ") if stop else None)


_INTERVAL = "interval, of 95 % confidence where no other is said"

_MEASURED_COLUMNS = (
    Column(
        "latency an image",
        lambda m: _estimate_cell(m.latency_per_image),
        hint=f"median of the timed calls over the images of a call, and its {_INTERVAL}",
    ),
    Column(
        "peak memory",
        _peak_cell,
        hint="the largest of the known peaks: what a memory limit is held against",
    ),
    _score_column(
        "fidelity",
        lambda fidelity: fidelity.score,
        "agreement with the converged image, from 0 (no more than another seed's) to 1: the median "
        "of the pictures",
    ),
    _score_column(
        "worst picture",
        lambda fidelity: fidelity.worst_score,
        "the fidelity of the picture that is furthest from the converged one",
    ),
    Column(
        "numerical error",
        _numerical_cell,
        hint="agreement with the same sampler in fp32 with every saving off, as PSNR: more is "
        "nearer, and 58.9 dB is the most that 8 bits tell",
    ),
    Column(
        "latency of a call",
        lambda m: _estimate_cell(m.latency),
        hint=f"median of the timed calls, and its {_INTERVAL}",
    ),
    Column(
        "p95 of a call",
        lambda m: Cell(p95_text(m), m.p95_s),
        hint="95th percentile of the timed calls",
    ),
    *(
        _memory_column(name, label, hint)
        for name, label, hint in zip(
            MEMORY_FIGURES,
            ("allocated", "reserved", "used on device", "resident (host)"),
            (
                "peak of live tensor bytes",
                "peak that the allocator held of the device",
                "peak used on the device by everything",
                "peak resident memory of the worker process on the host",
            ),
            strict=True,
        )
    ),
    Column("samples", _samples_cell, hint="timed calls that the estimate rests on"),
    Column("stopped", _stop_cell, is_number=False, hint="why no further sample was taken"),
    Column(
        "scheduler that ran",
        lambda m: _words(scheduler_class(m.record) if m.record else None),
        is_number=False,
    ),
    Column(
        "attention that ran",
        lambda m: _words(attention_processors(m.record) if m.record else None),
        is_number=False,
    ),
)
