"""Which measurements keep to the limits, and by how much the others miss them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sdbench.analysis.measurement import Measurement
from sdbench.results.record import Status
from sdbench.suite.model import Limits
from sdbench.units import format_bytes, format_seconds

STATUS_WORDS = {
    "oom": "out of memory",
    "timeout": "timed out",
    "error": "with an error",
    "unsupported": "unsupported",
    "skipped": "skipped",
    "unstable": "unstable",
    "missing": "without a record",
}
"""How configurations ended, to stand after their number."""


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that a measurement exceeds.

    Attributes:
        figure: ``peak_memory_bytes`` or ``latency_p95_s``.
        value: The measurement's value, in the unit that the figure's name carries.
        limit: The limit, in the same unit.
    """

    figure: str
    value: float
    limit: float

    @property
    def ratio(self) -> float:
        """The excess as a share of the limit (1.0 = 100 %)."""
        return self.value / self.limit - 1

    def __str__(self) -> str:
        share = f"{self.ratio:.1%}" if self.ratio < 0.1 else f"{self.ratio:.0%}"
        if self.figure == "peak_memory_bytes":
            value, limit = format_bytes(int(self.value)), memory_limit_text(int(self.limit))
            return f"its peak memory of {value} exceeds {limit} by {share}"
        value, limit = format_seconds(self.value), latency_limit_text(self.limit)
        return f"its p95 of a call of {value} exceeds {limit} by {share}"


def memory_limit_text(limit_bytes: int) -> str:
    """A limit as people gave it: ``2 GiB``, not ``2.00 GiB``."""
    return _without_idle_zeros(format_bytes(limit_bytes))


def latency_limit_text(limit_s: float) -> str:
    """A limit as people gave it: ``2 s``, not ``2.00 s``."""
    return _without_idle_zeros(format_seconds(limit_s))


def _without_idle_zeros(quantity: str) -> str:
    number, unit = quantity.split()
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"


def excesses(m: Measurement, limits: Limits) -> tuple[Excess, ...]:
    """The limits that a measurement is known to exceed."""
    pairs = (
        ("peak_memory_bytes", m.peak_memory_bytes, limits.memory_bytes),
        ("latency_p95_s", m.p95_s, limits.latency_s),
    )
    return tuple(
        Excess(figure, value, limit)
        for figure, value, limit in pairs
        if value is not None and limit is not None and value > limit
    )


def obstacle(m: Measurement, limits: Limits) -> str | None:
    """What keeps a measurement from being recommended, as words after a number; None if nothing."""
    if m.status is not Status.OK:
        return STATUS_WORDS[m.status_word]
    if m.latency_per_image is None:
        return "without a timed call"
    if limits.memory_bytes is not None and m.peak_memory_bytes is None:
        return "without a known memory peak"
    exceeded = {excess.figure for excess in excesses(m, limits)}
    if len(exceeded) == 2:
        return "over both limits"
    if "peak_memory_bytes" in exceeded:
        return "over the memory limit"
    return "over the latency limit" if exceeded else None


def obstacle_counts(measured: Iterable[Measurement], limits: Limits) -> str:
    """How many are kept back by what, as ``12 out of memory, 3 with an error``."""
    counted = Counter(words for m in measured if (words := obstacle(m, limits)))
    return ", ".join(f"{number} {words}" for words, number in counted.most_common())


def nearest_miss(
    measured: Iterable[Measurement], limits: Limits
) -> tuple[Measurement, tuple[Excess, ...]] | None:
    """The measurement that exceeds the limits by the smallest share, and what it exceeds.

    Where it exceeds both limits, the larger share counts.
    """
    misses = [
        (m, exceeded)
        for m in measured
        if m.status is Status.OK and (exceeded := excesses(m, limits))
    ]
    return min(misses, key=lambda miss: max(e.ratio for e in miss[1]), default=None)


def limits_text(limits: Limits) -> str:
    """The limits in words; never silent about there being none."""
    parts = ["no memory limit was given"]
    if limits.memory_bytes is not None:
        parts = [f"within {memory_limit_text(limits.memory_bytes)}"]
    if limits.latency_s is not None:
        parts.append(f"p95 of a call at most {latency_limit_text(limits.latency_s)}")
    return ", ".join(parts)
