"""What the page computes the answer from: every figure that a limit is held against, as JSON.

The page ranks the configurations anew whenever a limit is changed, so that figures are as exact
here as in the records: no value is rounded. Texts that repeat are numbered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sdbench.analysis.advice import Advice
from sdbench.analysis.competing import Group, competing, same_picture
from sdbench.analysis.feasibility import STATUS_WORDS
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.reasons import AMOUNT_KNOBS, CONTENT_KNOBS, work_words
from sdbench.analysis.wording import FIGURE_WORDS, setting, settings
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.registry import KNOBS
from sdbench.report.documents import Documents
from sdbench.results.figure import Origin
from sdbench.results.record import Status
from sdbench.suite.configuration import Configuration

PAGE_SCHEMA = 1
"""Version of what `page_data` returns."""

PEAK = "peak_memory_bytes"
"""Name of the largest of the known memory figures."""

UNKNOWN = -1
"""Stands for the number of a text or a value that there is none of."""

_FIGURE_LABELS = {
    PEAK: "peak memory (largest known)",
    "peak_allocated_bytes": "allocated",
    "peak_reserved_bytes": "reserved",
    "peak_device_used_bytes": "used on device",
    "peak_rss_bytes": "resident (host)",
}


def page_data(
    measured: Sequence[Measurement],
    advice: Advice,
    defaults: Sequence[Configuration],
    documents: Documents,
    run_name: str,
) -> Mapping[str, Any]:
    """The configurations in columns, the groups that compete, and the suite's limits.

    Seconds and bytes. A configuration's position in ``measured`` is its row, by which everything
    on the page refers to it.

    Args:
        measured: The run's measurements.
        advice: The answer within the suite's limits.
        defaults: The default configurations.
        documents: The Python and the suite lines of the configurations.
        run_name: What the command line calls the run.
    """
    default_keys = {configuration.key for configuration in defaults}
    default_rows = [m for m in measured if m.key in default_keys and m.knobs]
    unswept = advice.unswept_defaults
    texts: dict[str, int] = {}
    statuses = list(dict.fromkeys(m.status_word for m in measured))
    values = {name: _Values(name, measured) for name in advice.names}
    figures = _figures(measured)
    return {
        "schema": PAGE_SCHEMA,
        "device": advice.device,
        "run": run_name,
        "objective": advice.objective.minimize.value,
        "limits": {
            "memory_bytes": advice.limits.memory_bytes,
            "latency_s": advice.limits.latency_s,
            "fidelity": advice.limits.fidelity,
            "batch_size": advice.limits.batch_size,
            "headroom_ratio": advice.limits.headroom_ratio,
            "run_memory_bytes": advice.run_limit_bytes,
        },
        "names": list(advice.names),
        "amounts": [name for name in AMOUNT_KNOBS if name in advice.names],
        "contents": [name for name in CONTENT_KNOBS if name in advice.names],
        "plain_settings": settings(next((m.knobs for m in measured if m.knobs), {})),
        "statuses": statuses,
        "status_words": {Status.OK.value: "measured", **STATUS_WORDS},
        "values": {name: column.shown for name, column in values.items()},
        "rows": {
            **_columns(measured, statuses, figures, texts),
            "knobs": {name: column.numbers for name, column in values.items()},
        },
        "figures": [{"name": name, "label": _FIGURE_LABELS[name]} for name in figures],
        "figure_words": dict(FIGURE_WORDS),
        "texts": list(texts),
        "groups": {
            "by_steps": _groups(measured, unswept, advice.names, across_steps=False),
            "across_steps": _groups(measured, unswept, advice.names, across_steps=True),
        },
        "default_row": _default_rows(measured, default_rows),
        "documents": documents.to_json(),
    }


class _Values:
    """The distinct values of a knob, and which of them each configuration has."""

    def __init__(self, name: str, measured: Sequence[Measurement]) -> None:
        found: dict[str, JsonValue] = {}
        seen = []
        for m in measured:
            identity = canonical_json(m.knobs[name]) if name in m.knobs else None
            seen.append(identity)
            if identity is not None:
                found.setdefault(identity, m.knobs[name])
        ordered = sorted(found, key=lambda identity: _order(name, found[identity]))
        numbers = {identity: number for number, identity in enumerate(ordered)}
        self.shown = [_value(name, found[identity]) for identity in ordered]
        self.numbers = [UNKNOWN if one is None else numbers[one] for one in seen]


def _value(name: str, value: JsonValue) -> dict[str, Any]:
    text = KNOBS[name].text(value)
    sort = value if _is_number(value) else text
    return {"text": setting(name, value), "cell": text, "sort": sort}


def _order(name: str, value: JsonValue) -> tuple[Any, ...]:
    """Numbers first, by size; then texts, in the alphabet's order."""
    if _is_number(value):
        return (0, value, "")
    return (1, 0, KNOBS[name].text(value).casefold())


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _figures(measured: Sequence[Measurement]) -> list[str]:
    """The memory figures that are known, the most telling one first.

    That is the one which limits are compared with, unless it is the process's resident memory:
    most of that is the libraries', the same for every configuration.
    """
    known = [name for name in _FIGURE_LABELS if any(_bytes(m, name) is not None for m in measured)]
    peaks = {m.peak_memory_figure for m in measured} - {None}
    if peaks == {"peak_rss_bytes"} and "peak_allocated_bytes" in known:
        known.sort(key=lambda name: name != "peak_allocated_bytes")
    return known


def _bytes(m: Measurement, figure: str) -> int | None:
    return m.peak_memory_bytes if figure == PEAK else m.memory_bytes(figure)


def _swept_interval(m: Measurement) -> tuple[float, float, float] | None:
    """Point and interval of a call in the sweep, in seconds; None where there was no other."""
    swept = m.swept_latency
    return None if swept is None else (swept.point, swept.low, swept.high)


def _columns(
    measured: Sequence[Measurement],
    statuses: Sequence[str],
    figures: Sequence[str],
    texts: dict[str, int],
) -> dict[str, Any]:
    def numbered(text: str | None) -> int:
        return UNKNOWN if not text else texts.setdefault(text, len(texts))

    def each(read: Callable[[Measurement], Any]) -> list[Any]:
        return [read(m) for m in measured]

    status_numbers = {word: number for number, word in enumerate(statuses)}
    intervals = [m.latency if m.latency and m.latency.has_interval else None for m in measured]
    peaks = [m.peak_memory_figure for m in measured]
    has_derived = any(m.is_derived for m in measured)
    return {
        "key": each(lambda m: m.key),
        "status": each(lambda m: status_numbers[m.status_word]),
        "is_known": each(lambda m: bool(m.knobs)),
        "images": each(lambda m: m.record.images_per_call if m.record else None),
        "batch_size": each(lambda m: m.batch_size),
        "latency_s": each(lambda m: m.latency.point if m.latency else None),
        "low_s": [None if one is None else one.low for one in intervals],
        "high_s": [None if one is None else one.high for one in intervals],
        "confidence": each(lambda m: m.latency.confidence if m.latency else None),
        "count": each(lambda m: m.latency.sample_count if m.latency else 0),
        "p95_s": each(lambda m: m.p95_s),
        "memory": {name: each(lambda m, name=name: _bytes(m, name)) for name in figures},  # type: ignore[misc]
        "peak_figure": [UNKNOWN if one is None else figures.index(one) for one in peaks],
        "fidelity": each(lambda m: m.fidelity_score),
        "worst_fidelity": each(lambda m: m.fidelity.worst_score),
        "fidelity_reason": each(lambda m: numbered(m.fidelity.reason)),
        "is_degenerate": each(lambda m: m.is_degenerate),
        "confirmed_rounds": each(lambda m: m.confirmed_rounds),
        "swept": each(_swept_interval),
        "reason": each(lambda m: numbered(m.reason)),
        "nfe": each(lambda m: m.fidelity.denoiser_evaluations),
        "sources": each(lambda m: m.source_count) if has_derived else None,
        "memory_origin": {name: _unmeasured(measured, name) for name in figures if name != PEAK},
    }


def _unmeasured(measured: Sequence[Measurement], figure: str) -> list[str | None] | None:
    """The origin of each figure that was not measured; None where all were."""
    origins = [found.origin if (found := m.memory.get(figure)) else None for m in measured]
    if all(one is None or one is Origin.MEASURED for one in origins):
        return None
    return [None if one is None or one is Origin.MEASURED else one.value for one in origins]


def _groups(
    measured: Sequence[Measurement],
    defaults: Collection[Measurement],
    names: Sequence[str],
    *,
    across_steps: bool,
) -> list[dict[str, Any]]:
    rows = {m.key: row for row, m in enumerate(measured)}
    groups = competing(measured, defaults, across_steps=across_steps)
    return [_group(group, rows, names) for group in groups]


def _group(group: Group, rows: Mapping[str, int], names: Sequence[str]) -> dict[str, Any]:
    """What competes, and the settings that tell its members apart.

    Where none does (each does work of its own), the settings are those that are not neutral.
    """
    work, members = group
    others = [name for name in names if name not in work]
    words = work_words(work, names)
    return {
        "label": words or "all",
        "work_text": words,
        "work": list(work),
        "names": others,
        "own_settings": None if others else settings(members[0].knobs),
        "rows": [rows[m.key] for m in members],
    }


def _default_rows(
    measured: Sequence[Measurement], defaults: Sequence[Measurement]
) -> list[int | None]:
    """For each configuration the row of the default one that is asked for the same picture."""
    rows = {m.key: row for row, m in enumerate(measured)}

    def default_row(m: Measurement) -> int | None:
        if not m.knobs:
            return None
        return next((rows[d.key] for d in defaults if same_picture(d, m)), None)

    return [default_row(m) for m in measured]
