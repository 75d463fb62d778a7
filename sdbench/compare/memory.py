"""Peaks: exact and repeatable, so that one run of each side is enough."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median_low

from sdbench.compare.comparison import Finding, Unit
from sdbench.compare.evidence import ByRound, Evidence
from sdbench.compare.verdict import Verdict
from sdbench.compare.wording import percent, signed_percent
from sdbench.results.figure import Figure
from sdbench.results.record import Record
from sdbench.results.rounds import TIMED_STATUSES
from sdbench.suite.gates import MEMORY_MARGIN
from sdbench.units import format_bytes

ALLOCATED = "peak_allocated"
_METRICS = (ALLOCATED, "peak_reserved", "peak_device_used")
_WORDS = {ALLOCATED: "allocated", "peak_reserved": "reserved", "peak_device_used": "used"}


def memory_findings(evidence: Evidence) -> Iterator[Finding]:
    """What is found of each peak; one that no side knows and no gate asks for is left out."""
    for metric in _METRICS:
        margin: float | None = getattr(evidence.gates, metric)
        before, after = _peak(evidence.baseline, metric), _peak(evidence.candidate, metric)
        if before is None and after is None and margin is None:
            continue
        if before is None or after is None:
            verdict, reason = Verdict.MISSING, _no_figure(evidence, metric)
        else:
            verdict, reason = _verdict(metric, before, after, margin, evidence)
        yield Finding(
            metric=metric,
            unit=Unit.BYTES,
            verdict=verdict,
            reason=reason,
            is_gated=evidence.gates_it(margin, verdict),
            baseline=before,
            candidate=after,
            margin=margin,
        )


def _figure(record: Record, metric: str) -> Figure:
    figure: Figure = getattr(record, f"{metric}_bytes")
    return figure


def _peak(records: ByRound, metric: str) -> int | None:
    """The middle of the rounds' peaks; they rarely differ."""
    values = [
        int(value)
        for record in records.values()
        if record.status in TIMED_STATUSES and (value := _figure(record, metric).value) is not None
    ]
    return median_low(values) if values else None


def _no_figure(evidence: Evidence, metric: str) -> str:
    for label, records in (("baseline", evidence.baseline), ("candidate", evidence.candidate)):
        if _peak(records, metric) is None:
            told = (_figure(record, metric).reason for record in records.values())
            because = next((f": {reason}" for reason in told if reason), "")
            return f"the {label} has no figure for it{because}"
    raise AssertionError("both sides have a figure")


def _verdict(
    metric: str, before: int, after: int, margin: float | None, evidence: Evidence
) -> tuple[Verdict, str]:
    share = MEMORY_MARGIN if margin is None else margin
    allowed = max(share * before, evidence.gates.memory_growth_bytes)
    change = after - before
    told = f"{format_bytes(before)} -> {format_bytes(after)} {_WORDS[metric]}"
    if change == 0:
        return Verdict.SAME, f"{format_bytes(after)} {_WORDS[metric]} on both sides"
    by = f" ({signed_percent(change / before)})" if before else ""
    bound = f"{format_bytes(round(allowed))}, the larger of {percent(share)} and " + format_bytes(
        evidence.gates.memory_growth_bytes
    )
    if change > allowed:
        return Verdict.MORE, f"{told}{by}: it grew by {format_bytes(change)}, beyond {bound}"
    if -change > allowed:
        return Verdict.LESS, f"{told}{by}: it fell by {format_bytes(-change)}, beyond {bound}"
    return Verdict.SAME, f"{told}{by}: within {bound}"
