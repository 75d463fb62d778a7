"""What the chart of latency per image against memory shows beside the page's own data, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sdbench.analysis.advice import Advice
from sdbench.analysis.frontier import frontier
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import confidence_text
from sdbench.jsontypes import canonical_json
from sdbench.report.contents import Content
from sdbench.results.record import Record, Status
from sdbench.results.table import INFERRED_OOM, RULED_OUT

MOST_SVG = 1000
"""More points are drawn by WebGL. Plotly compiles its programs, so that only a page that needs it
may make code of text (``unsafe-eval``)."""

PEAK = "peak_memory_bytes"

FIDELITY = "fidelity"
"""Stands among the knobs that the points can be coloured by."""


def chart_data(
    measured: Sequence[Measurement],
    all_contents: Sequence[Content],
    advice: Advice,
    page: Mapping[str, Any],
) -> Mapping[str, Any]:
    """What nothing beats, and where those that ran out of memory stand. Bytes and rows.

    Args:
        measured: The run's measurements; the position of one is its row.
        all_contents: The same by what they are asked for.
        advice: The answer.
        page: The page's own data (`sdbench.report.page_data`).
    """
    rows = {m.key: row for row, m in enumerate(measured)}
    figures = [figure["name"] for figure in page["figures"]]
    timed = [row for row, m in enumerate(measured) if _is_drawn(m)]
    ran_out = _ran_out(measured, timed, advice)
    return {
        "has_points": bool(timed),
        "is_large": len(timed) + len(ran_out["rows"]) > MOST_SVG,
        "colour_by": _colour_by(measured, advice),
        "unbeaten": {name: _unbeaten_rows(all_contents, name, rows) for name in figures},
        "ran_out": ran_out,
        "interval_label": _interval_label([measured[row] for row in timed]),
        "has_fidelity": any(m.fidelity_score is not None for m in measured),
        "has_derived": any(measured[row].is_derived for row in timed),
        "has_inferred": any(m.status_word == INFERRED_OOM for m in measured),
        "has_degenerate": any(measured[row].is_degenerate for row in timed),
        "off_chart": len(measured) - len(timed) - len(ran_out["rows"]),
    }


def _is_drawn(m: Measurement) -> bool:
    return m.latency_per_image is not None and m.peak_memory_bytes is not None


def _reader(figure: str) -> Callable[[Measurement], int | None]:
    if figure == PEAK:
        return lambda m: m.peak_memory_bytes
    return lambda m: m.memory_bytes(figure)


def _unbeaten_rows(
    all_contents: Sequence[Content], figure: str, rows: Mapping[str, int]
) -> list[int]:
    """What no other beats in latency, memory and fidelity; nothing without a fidelity."""
    return [
        rows[m.key]
        for content in all_contents
        if any(m.fidelity_score is not None for m in content.measured)
        for m in frontier(content.measured, _reader(figure))
    ]


def _interval_label(timed: Sequence[Measurement]) -> str:
    """What the bars are: intervals of few samples have less than the nominal confidence."""
    estimates = [m.latency_per_image for m in timed if m.latency_per_image]
    shown = [estimate for estimate in estimates if estimate.has_interval]
    if all(estimate.is_confident for estimate in shown):
        return "95 % intervals"
    lowest = min(estimate.confidence for estimate in shown)
    return f"95 % intervals, those of few samples less: {confidence_text(lowest)} at least"


def _colour_by(measured: Sequence[Measurement], advice: Advice) -> list[str]:
    """The fidelity, where one is known, and knobs to colour by, the most telling first."""
    known = [FIDELITY] if any(m.fidelity_score is not None for m in measured) else []
    first = [name for name in ("steps", "scheduler", "dtype") if name in advice.names]
    return list(dict.fromkeys([*known, *first, *advice.names]))


def _ran_out(
    measured: Sequence[Measurement], timed: Sequence[int], advice: Advice
) -> Mapping[str, Any]:
    """The rows that ran out of memory or were predicted to, and where they are drawn.

    Returns:
        In columns: ``rows``; ``bytes``, the limit under which memory ran out, None where none is
        known; ``beside``, the row whose latency stands in for the one that was never measured.
    """
    rows = [
        row
        for row, m in enumerate(measured)
        if m.status is Status.OOM or m.status_word == RULED_OUT
    ]
    drawn = rows if timed else []
    totals = {total for m in measured if m.record for total in _totals(m.record)}
    device_bytes = max(totals, default=None)
    return {
        "rows": drawn,
        "bytes": [_limit_bytes(measured[row], advice, device_bytes) for row in drawn],
        "beside": nearest(measured, drawn, timed, advice.names),
    }


def _limit_bytes(m: Measurement, advice: Advice, device_bytes: int | None) -> int | None:
    """What a configuration was allowed to use, or the device has."""
    if advice.run_limit_bytes is not None:
        return advice.run_limit_bytes
    moment = m.record.out_of_memory if m.record else None
    if moment is not None and moment.limit_bytes is not None:
        return moment.limit_bytes
    return next(_totals(m.record), device_bytes) if m.record else device_bytes


def _totals(record: Record) -> Iterator[int]:
    """The capacity of the device, as far as a record tells."""
    if record.out_of_memory is not None and record.out_of_memory.total_bytes is not None:
        yield record.out_of_memory.total_bytes
    if record.device_memory is not None and record.device_memory.total_bytes.value is not None:
        yield int(record.device_memory.total_bytes.value)


def nearest(
    measured: Sequence[Measurement],
    wanted: Sequence[int],
    among: Sequence[int],
    names: Sequence[str],
) -> list[int]:
    """For each row of ``wanted`` the one of ``among`` that differs in the fewest knobs.

    Of several the first in the plan. Sets of rows are the bits of whole numbers, since comparing
    each row with each other takes minutes for ten thousand of them.

    Args:
        measured: The run's measurements.
        wanted: Rows.
        among: Rows; at least one where ``wanted`` has any.
        names: The knobs that count.
    """
    having: dict[tuple[str, str], int] = {}
    for row in among:
        for asked in _settings(measured[row], names):
            having[asked] = having.get(asked, 0) | 1 << row
    everything = sum(1 << row for row in among)
    found = []
    for row in wanted:
        agreeing = [everything]  # those that agree in at least 0, 1, 2, ... knobs
        for asked in _settings(measured[row], names):
            same = having.get(asked, 0)
            agreeing.append(0)
            for number in range(len(agreeing) - 1, 0, -1):
                agreeing[number] |= agreeing[number - 1] & same
        best = next(rows for rows in reversed(agreeing) if rows)
        found.append((best & -best).bit_length() - 1)
    return found


def _settings(m: Measurement, names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, canonical_json(m.knobs[name])) for name in names if name in m.knobs]
