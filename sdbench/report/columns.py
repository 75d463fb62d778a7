"""The columns of the table of all configurations."""

from __future__ import annotations

from collections.abc import Callable

from sdbench.analysis.advice import p95_text
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import estimate_text, interval_text, score_text
from sdbench.knobs.registry import KNOBS
from sdbench.report.cells import DASH, Cell, Column, told_here, words_cell
from sdbench.report.memory_columns import ALLOCATED, MEMORY_COLUMNS, PEAK_MEMORY
from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Origin
from sdbench.results.table import DERIVED, attention_processors, scheduler_class
from sdbench.statistics import Estimate


def knob_column(name: str) -> Column:
    """The column of a knob's values."""

    def cell(m: Measurement) -> Cell:
        if name not in m.knobs:
            return Cell(DASH)
        value = m.knobs[name]
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return Cell(KNOBS[name].text(value), value if is_number else KNOBS[name].text(value))  # type: ignore[arg-type]

    return Column(name, cell, is_number=False)


def _estimate_cell(m: Measurement, estimate: Estimate | None) -> Cell:
    if estimate is None:
        return Cell(DASH)
    text, interval = estimate_text(estimate), interval_text(estimate)
    return Cell(text, estimate.point, interval, origin=m.latency_origin)


def _origin_cell(m: Measurement) -> Cell:
    """Whether it was measured, or how many measured ones tell it."""
    if m.source_count is not None:
        return Cell(DERIVED, DERIVED, f"from {m.source_count}")
    return words_cell(m.latency_origin.value if m.latency_origin else None)


def _score_column(label: str, score: Callable[[Fidelity], float | None], hint: str) -> Column:
    def cell(m: Measurement) -> Cell:
        detail = "degenerate" if m.is_degenerate else None
        value = score(m.fidelity)
        if value is not None:
            return Cell(score_text(value), value, detail, origin=Origin.MEASURED)
        return Cell(DASH, detail=detail, remark=told_here(m, m.fidelity.reason))

    return Column(label, cell, hint=hint)


def _numerical_cell(m: Measurement) -> Cell:
    agreement = m.fidelity.numerical
    if agreement is None:
        reason = m.fidelity.numerical_reason or m.fidelity.reason
        return Cell(DASH, remark=told_here(m, reason))
    psnr_db = agreement.median_psnr_db
    return Cell(f"{psnr_db:.1f} dB", psnr_db, origin=Origin.MEASURED)


def _p95_cell(m: Measurement) -> Cell:
    return Cell(DASH) if m.p95_s is None else Cell(p95_text(m), m.p95_s, origin=m.latency_origin)


def _samples_cell(m: Measurement) -> Cell:
    number = m.latency.sample_count if m.latency else 0
    taken = len(m.record.samples_s) if m.record else 0
    left_out = taken - number
    detail = f"{left_out} throttled left out" if left_out else None
    return Cell(str(number), number, detail) if number else Cell(DASH)


def _stop_cell(m: Measurement) -> Cell:
    stop = m.record.stop_reason if m.record else None
    return words_cell(stop.value.replace("_", " ") if stop else None)


ORIGIN = Column(
    "origin",
    _origin_cell,
    is_number=False,
    hint="whether the latency was measured, or derived from how many measured configurations",
)
"""Where the latency comes from, in a run that holds derived ones."""

_INTERVAL = "interval, of 95 % confidence where no other is said"

MEASURED_COLUMNS = (
    Column(
        "latency an image",
        lambda m: _estimate_cell(m, m.latency_per_image),
        hint=f"median of the timed calls over the images of a call, and its {_INTERVAL}",
    ),
    PEAK_MEMORY,
    _score_column(
        "fidelity",
        lambda fidelity: fidelity.score,
        "agreement with the converged image, from 0 (no more than another seed's) to 1: the median "
        "of the pictures",
    ),
    _score_column(
        "worst picture",
        lambda fidelity: fidelity.worst_score,
        "the fidelity of the picture that is furthest from the converged one: what a fidelity "
        "limit is held against",
    ),
    Column(
        "p95 of a call",
        _p95_cell,
        hint="95th percentile of the timed calls: what a latency limit is held against",
    ),
    Column(
        "latency of a call",
        lambda m: _estimate_cell(m, m.latency),
        hint=f"median of the timed calls, and its {_INTERVAL}",
    ),
    ALLOCATED,
    *MEMORY_COLUMNS,
    Column(
        "numerical error",
        _numerical_cell,
        hint="agreement with the same sampler in fp32 with every saving off, as PSNR: more is "
        "nearer, and 58.9 dB is the most that 8 bits tell",
    ),
    Column("samples", _samples_cell, hint="timed calls that the estimate rests on"),
    Column("stopped", _stop_cell, is_number=False, hint="why no further sample was taken"),
    Column(
        "scheduler that ran",
        lambda m: words_cell(scheduler_class(m.record) if m.record else None),
        is_number=False,
    ),
    Column(
        "attention that ran",
        lambda m: words_cell(attention_processors(m.record) if m.record else None),
        is_number=False,
    ),
)
"""What was measured, and what really ran."""
