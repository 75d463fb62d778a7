"""Which measurements keep to the limits, and by how much the others miss them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import score_text
from sdbench.results.record import Status
from sdbench.suite.model import Limits
from sdbench.units import format_bytes, format_seconds

STATUS_WORDS = {
    "oom": "out of memory",
    "timeout": "timed out",
    "error": "with an error",
    "unsupported": "unsupported",
    "skipped": "skipped",
    "predicted-oom": "predicted not to fit into memory",
    "unstable": "unstable",
    "missing": "without a record",
}
"""How configurations ended, to stand after their number."""

UNKNOWN_FIDELITY = "without a known fidelity"
"""What keeps a configuration back that no fidelity limit can be held against."""

_EXCESS_WORDS = {
    "peak_memory_bytes": "over the memory limit",
    "latency_p95_s": "over the latency limit",
    "fidelity": "below the fidelity limit",
}


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that a measurement does not keep to.

    Attributes:
        figure: ``peak_memory_bytes``, ``latency_p95_s`` or ``fidelity``.
        value: The measurement's value, in the unit that the figure's name carries.
        limit: The limit, in the same unit.
    """

    figure: str
    value: float
    limit: float

    @property
    def ratio(self) -> float:
        """The excess, or the shortfall of a fidelity, as a share of the limit (1.0 = 100 %)."""
        difference = self.value - self.limit
        return (-difference if self.figure == "fidelity" else difference) / self.limit

    def __str__(self) -> str:
        share = f"{self.ratio:.1%}" if self.ratio < 0.1 else f"{self.ratio:.0%}"
        if self.figure == "fidelity":
            limit = fidelity_limit_text(self.limit)
            return f"its fidelity of {score_text(self.value)} is below {limit} by {share}"
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


def fidelity_limit_text(limit: float) -> str:
    """A limit as people gave it: ``0.9``, not ``0.90``."""
    return f"{limit:g}"


def _without_idle_zeros(quantity: str) -> str:
    number, unit = quantity.split()
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"


def excesses(m: Measurement, limits: Limits) -> tuple[Excess, ...]:
    """The limits that a measurement is known not to keep to."""
    most = (
        ("peak_memory_bytes", m.peak_memory_bytes, limits.memory_bytes),
        ("latency_p95_s", m.p95_s, limits.latency_s),
    )
    exceeded = [
        Excess(figure, value, limit)
        for figure, value, limit in most
        if value is not None and limit is not None and value > limit
    ]
    score, least = m.fidelity_score, limits.fidelity
    if score is not None and least is not None and score < least:
        exceeded.append(Excess("fidelity", score, least))
    return tuple(exceeded)


def obstacle(m: Measurement, limits: Limits) -> str | None:
    """What keeps a measurement from being recommended, as words after a number; None if nothing."""
    return _flaw(m, limits) or _excess_words(excesses(m, limits))


def _flaw(m: Measurement, limits: Limits) -> str | None:
    """What would keep a measurement back however far the limits were moved."""
    if m.status is not Status.OK:
        return STATUS_WORDS[m.status_word]
    if m.latency_per_image is None:
        return "without a timed call"
    if m.is_degenerate:
        return "drew a degenerate picture"
    if limits.memory_bytes is not None and m.peak_memory_bytes is None:
        return "without a known memory peak"
    if limits.fidelity is not None and m.fidelity_score is None:
        return UNKNOWN_FIDELITY
    return None


def _excess_words(exceeded: Sequence[Excess]) -> str | None:
    words = [_EXCESS_WORDS[excess.figure] for excess in exceeded]
    if len(words) == len(_EXCESS_WORDS):
        return "beyond all three limits"
    return " and ".join(words) or None


def obstacle_counts(measured: Iterable[Measurement], limits: Limits) -> str:
    """How many are kept back by what, as ``12 out of memory, 3 with an error``."""
    counted = Counter(words for m in measured if (words := obstacle(m, limits)))
    return ", ".join(f"{number} {words}" for words, number in counted.most_common())


def unknown_fidelities(measured: Iterable[Measurement], limits: Limits) -> Counter[str]:
    """Of those kept back for want of a known fidelity, how many there are for each reason."""
    return Counter(
        m.fidelity.reason or "" for m in measured if obstacle(m, limits) == UNKNOWN_FIDELITY
    )


def nearest_miss(
    measured: Iterable[Measurement], limits: Limits
) -> tuple[Measurement, tuple[Excess, ...]] | None:
    """The measurement that misses the limits by the smallest share, and what it misses.

    Where it misses several, the largest share counts. Only one that looser limits would let in
    can be it.
    """
    misses = [
        (m, exceeded)
        for m in measured
        if _flaw(m, limits) is None and (exceeded := excesses(m, limits))
    ]
    return min(misses, key=lambda miss: max(e.ratio for e in miss[1]), default=None)


def limits_text(limits: Limits, run_limit_bytes: int | None = None) -> str:
    """The limits in words; never silent about there being none of memory or fidelity.

    Args:
        limits: What is held against the figures.
        run_limit_bytes: What the run let every configuration use, so that it holds anyway.
    """
    parts = []
    if limits.memory_bytes is not None:
        parts.append(f"within {memory_limit_text(limits.memory_bytes)}")
    if run_limit_bytes is not None:
        parts.append(f"within the run's memory limit of {memory_limit_text(run_limit_bytes)}")
    if not parts:
        parts.append("no memory limit was given")
    if limits.latency_s is not None:
        parts.append(f"p95 of a call at most {latency_limit_text(limits.latency_s)}")
    if limits.fidelity is None:
        parts.append("no fidelity limit was given")
    else:
        parts.append(f"fidelity at least {fidelity_limit_text(limits.fidelity)}")
    return ", ".join(parts)
