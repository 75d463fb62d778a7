"""What the scatter of latency per image against peak memory shows, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sdbench.analysis.advice import Advice, p95_text
from sdbench.analysis.feasibility import memory_limit_text, obstacle
from sdbench.analysis.frontier import frontier, frontier_in_plane
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.reasons import work_words
from sdbench.analysis.wording import (
    confidence_text,
    estimate_text,
    fidelity_text,
    interval_text,
    setting,
    shortened,
)
from sdbench.report.contents import Content
from sdbench.results.table import MEMORY_FIGURES
from sdbench.units import format_bytes

LONGEST_LABEL = 32
"""Characters of an entry of the legend."""

PEAK = "peak_memory_bytes"

_LABELS = {
    PEAK: "peak memory (largest known)",
    "peak_allocated_bytes": "allocated",
    "peak_reserved_bytes": "reserved",
    "peak_device_used_bytes": "used on device",
    "peak_rss_bytes": "resident (host)",
}


FIDELITY = "fidelity"
"""Stands among the knobs that the points can be coloured by."""


def chart_data(
    measured: Sequence[Measurement], all_contents: Sequence[Content], advice: Advice
) -> Mapping[str, Any]:
    """Points, the frontiers of each amount of work, and the limit. Seconds and bytes.

    Args:
        measured: The run's measurements.
        all_contents: The same by what they are asked for.
        advice: The answer.
    """
    plotted = [m for m in measured if m.latency_per_image and m.peak_memory_bytes is not None]
    figures = _figures(plotted)
    limit = advice.limits.memory_bytes
    return {
        "figures": [{"name": name, "label": _LABELS[name]} for name in figures],
        "colour_by": _colour_by(plotted, advice),
        "points": [_point(m, advice) for m in plotted],
        "frontiers": [
            {
                "label": work_words(choice.work, advice.names),
                "keys": {name: _frontier_keys(plotted, choice.work, name) for name in figures},
            }
            for choice in advice.by_work
        ],
        "unbeaten": {name: _unbeaten_keys(all_contents, name) for name in figures},
        "interval_label": _interval_label(plotted),
        "limit_bytes": limit,
        "limit_label": f"limit {memory_limit_text(limit)}" if limit else None,
        "has_fidelity": any(m.fidelity_score is not None for m in plotted),
        "has_degenerate": any(m.is_degenerate for m in plotted),
        "off_chart": len(measured) - len(plotted),
    }


def _figures(plotted: Sequence[Measurement]) -> list[str]:
    """The figures that are known, the most telling one first.

    That is the one which limits are compared with, unless it is the process's resident memory:
    most of that is the libraries', the same for every configuration.
    """
    known = [name for name in _LABELS if any(_reader(name)(m) is not None for m in plotted)]
    is_resident = all(m.peak_memory_figure == "peak_rss_bytes" for m in plotted)
    if is_resident and "peak_allocated_bytes" in known:
        known.sort(key=lambda name: name != "peak_allocated_bytes")
    return known


def _reader(figure: str) -> Callable[[Measurement], int | None]:
    if figure == PEAK:
        return lambda m: m.peak_memory_bytes
    return lambda m: m.memory_bytes(figure)


def _frontier_keys(
    plotted: Sequence[Measurement], work: Mapping[str, Any], figure: str
) -> list[str]:
    same = [m for m in plotted if all(m.knobs.get(k) == v for k, v in work.items())]
    return [m.key for m in frontier_in_plane(same, _reader(figure))]


def _unbeaten_keys(all_contents: Sequence[Content], figure: str) -> list[str]:
    """What no other beats in latency, memory and fidelity; nothing without a fidelity."""
    return [
        m.key
        for content in all_contents
        if any(m.fidelity_score is not None for m in content.measured)
        for m in frontier(content.measured, _reader(figure))
    ]


def _interval_label(plotted: Sequence[Measurement]) -> str:
    """What the bars are: intervals of few samples have less than the nominal confidence."""
    estimates = [m.latency_per_image for m in plotted if m.latency_per_image]
    shown = [estimate for estimate in estimates if estimate.sample_count > 1]
    if all(estimate.is_confident for estimate in shown):
        return "95 % intervals"
    lowest = min(estimate.confidence for estimate in shown)
    return f"95 % intervals, those of few samples less: {confidence_text(lowest)} at least"


def _colour_by(plotted: Sequence[Measurement], advice: Advice) -> list[str]:
    """The fidelity, where one is known, and knobs to colour by, the most telling first."""
    known = [FIDELITY] if any(m.fidelity_score is not None for m in plotted) else []
    first = [name for name in ("steps", "scheduler", "dtype") if name in advice.names]
    return list(dict.fromkeys([*known, *first, *advice.names]))


def _point(m: Measurement, advice: Advice) -> dict[str, Any]:
    latency = m.latency_per_image
    assert latency is not None
    has_interval = latency.sample_count > 1
    return {
        "key": m.key,
        "status": m.status_word,
        "is_feasible": obstacle(m, advice.limits) is None,
        "is_degenerate": bool(m.is_degenerate),
        "is_recommended": advice.best.chosen is not None and m.key == advice.best.chosen.key,
        "settings": [setting(name, m.knobs[name]) for name in advice.names if name in m.knobs],
        "knobs": {
            name: shortened(setting(name, m.knobs[name]), LONGEST_LABEL)
            for name in advice.names
            if name in m.knobs
        },
        "latency_s": latency.point,
        "low_s": latency.low if has_interval else None,
        "high_s": latency.high if has_interval else None,
        "latency_text": f"{estimate_text(latency)} an image ({interval_text(latency)})",
        "p95_text": f"p95 of a call {p95_text(m)}",
        "fidelity": m.fidelity_score,
        "fidelity_text": fidelity_text(m) or _unknown_fidelity(m),
        "memory": {PEAK: m.peak_memory_bytes}
        | {name: m.memory_bytes(name) for name in MEMORY_FIGURES},
        "memory_text": {PEAK: format_bytes(m.peak_memory_bytes)}
        | {name: format_bytes(m.memory_bytes(name)) for name in MEMORY_FIGURES},
    }


def _unknown_fidelity(m: Measurement) -> str:
    return f"fidelity not known: {shortened(m.fidelity.reason or '')}"
