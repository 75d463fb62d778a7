"""Which measurements keep to the limits, and by how much the others miss them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import joined, score_text
from sdbench.results.record import Status
from sdbench.results.table import INFERRED_OOM, RULED_OUT
from sdbench.suite.model import HEADROOM_RATIO, Limits
from sdbench.units import format_bytes, format_seconds

STATUS_WORDS = {
    "oom": "out of memory",
    "timeout": "timed out",
    "error": "with an error",
    "unsupported": "unsupported",
    "skipped": "skipped",
    "predicted-oom": "predicted not to fit into memory",
    "inferred-oom": "inferred out of memory",
    "derived": "derived",
    "unstable": "unstable",
    "missing": "without a record",
}
"""How configurations ended, to stand after their number."""

UNKNOWN_FIDELITY = "without a known fidelity"
"""What keeps a configuration back that no fidelity limit can be held against."""

MOST_OBSTACLES_TOLD = 4
SEVERAL_LIMITS = "beyond several limits"
"""More combinations of limits than these are no longer told apart."""

_NOT_TIMED, _DEGENERATE = "without a timed call", "drew a degenerate picture"
_UNKNOWN_PEAK = "without a known memory peak"

_CLAUSES = {
    STATUS_WORDS["oom"]: "it ran out of memory",
    STATUS_WORDS["timeout"]: "it timed out",
    STATUS_WORDS["error"]: "it ended with an error",
    STATUS_WORDS["unsupported"]: "it is not supported",
    STATUS_WORDS["skipped"]: "it was skipped",
    STATUS_WORDS["predicted-oom"]: "it is predicted not to fit into memory",
    STATUS_WORDS["inferred-oom"]: "what needs no more memory ran out of it",
    STATUS_WORDS["unstable"]: "its latency is not stable",
    STATUS_WORDS["missing"]: "it was not measured",
    _NOT_TIMED: "it has no timed call",
    _DEGENERATE: "it drew a degenerate picture",
    _UNKNOWN_PEAK: "its memory peak is not known",
    UNKNOWN_FIDELITY: "its fidelity is not known",
}
"""What keeps one configuration back however far the limits were moved, as a clause."""

_EXCESS_WORDS = {
    "peak_memory_bytes": "over the memory limit",
    "latency_p95_s": "over the latency limit",
    "fidelity": "below the fidelity limit",
    "batch_size": "over the batch limit",
}


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that a measurement does not keep to.

    Attributes:
        figure: ``peak_memory_bytes``, ``latency_p95_s``, ``fidelity`` or ``batch_size``.
        value: The measurement's value, in the unit that the figure's name carries; of memory the
            peak with its headroom, of fidelity the worst picture's.
        limit: The limit, in the same unit.
        headroom_ratio: The headroom in a value of memory, as a share of the peak.
    """

    figure: str
    value: float
    limit: float
    headroom_ratio: float = 0.0

    @property
    def ratio(self) -> float:
        """The excess, or the shortfall of a fidelity, as a share of the limit (1.0 = 100 %)."""
        difference = self.value - self.limit
        return (-difference if self.figure == "fidelity" else difference) / self.limit

    def __str__(self) -> str:
        share = f"{self.ratio:.1%}" if self.ratio < 0.1 else f"{self.ratio:.0%}"
        match self.figure:
            case "fidelity":
                limit = fidelity_limit_text(self.limit)
                seen = score_text(self.value)
                return f"the fidelity of its worst picture, {seen}, is below {limit} by {share}"
            case "batch_size":
                return f"its batch of {self.value:g} exceeds {self.limit:g}"
            case "peak_memory_bytes":
                peak = format_bytes(int(self.value / (1 + self.headroom_ratio)))
                limit = memory_limit_text(int(self.limit))
                room = (
                    f" with {share_text(self.headroom_ratio)} headroom"
                    if self.headroom_ratio
                    else ""
                )
                return f"its peak memory of {peak}{room} exceeds {limit} by {share}"
        value, limit = format_seconds(self.value), latency_limit_text(self.limit)
        return f"its p95 of a call of {value} exceeds {limit} by {share}"


def memory_limit_text(limit_bytes: int) -> str:
    """A limit as people gave it: ``2 GiB``, not ``2.00 GiB``."""
    return without_idle_zeros(format_bytes(limit_bytes))


def latency_limit_text(limit_s: float) -> str:
    """A limit as people gave it: ``2 s``, not ``2.00 s``."""
    return without_idle_zeros(format_seconds(limit_s))


def fidelity_limit_text(limit: float) -> str:
    """A limit as people gave it: ``0.9``, not ``0.90``."""
    return f"{limit:g}"


def share_text(ratio: float) -> str:
    """A share as people give it: ``2%``."""
    return f"{100 * ratio:.3g}%"


def without_idle_zeros(quantity: str) -> str:
    """A number with its unit, without zeros that say nothing: ``2 GiB`` for ``2.00 GiB``."""
    number, unit = quantity.split()
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"


def excesses(m: Measurement, limits: Limits) -> tuple[Excess, ...]:
    """The limits that a measurement is known not to keep to, by its pessimistic figures."""
    needed = None if limits.memory_bytes is None else needed_bytes(m, limits)
    most = (
        ("peak_memory_bytes", needed, limits.memory_bytes),
        ("latency_p95_s", m.p95_s, limits.latency_s),
        ("batch_size", m.batch_size, limits.batch_size),
    )
    exceeded = [
        Excess(
            figure, value, limit, limits.headroom_ratio if figure == "peak_memory_bytes" else 0.0
        )
        for figure, value, limit in most
        if value is not None and limit is not None and value > limit
    ]
    score, least = m.pessimistic_fidelity, limits.fidelity
    if score is not None and least is not None and score < least:
        exceeded.append(Excess("fidelity", score, least))
    return tuple(exceeded)


def needed_bytes(m: Measurement, limits: Limits) -> int | None:
    """The peak with its headroom: what a memory limit must be for a measurement to keep to it."""
    peak = m.peak_memory_bytes
    return None if peak is None else math.ceil(peak * (1 + limits.headroom_ratio))


def held_by(m: Measurement, limits: Limits) -> tuple[Excess, ...]:
    """The limits that keep a measurement from being recommended, where nothing else does."""
    return excesses(m, limits) if _flaw(m, limits) is None else ()


def why_not(m: Measurement, limits: Limits) -> str | None:
    """What keeps one measurement from being recommended, as a clause; None if nothing."""
    flaw = _flaw(m, limits)
    if flaw is not None:
        return _CLAUSES[flaw]
    exceeded = [str(excess) for excess in excesses(m, limits)]
    return joined(exceeded) if exceeded else None


def does_not_fit(m: Measurement, limits: Limits) -> bool:
    """Whether it is for its memory that a measurement cannot be recommended."""
    if m.status is not Status.OK:
        return m.status_word in ("oom", INFERRED_OOM, RULED_OUT)
    return any(excess.figure == "peak_memory_bytes" for excess in excesses(m, limits))


def obstacle(m: Measurement, limits: Limits) -> str | None:
    """What keeps a measurement from being recommended, as words after a number; None if nothing."""
    return _flaw(m, limits) or _excess_words(excesses(m, limits))


def _flaw(m: Measurement, limits: Limits) -> str | None:
    """What would keep a measurement back however far the limits were moved."""
    if m.status is not Status.OK:
        return STATUS_WORDS[m.status_word]
    if m.latency_per_image is None:
        return _NOT_TIMED
    if m.is_degenerate:
        return _DEGENERATE
    if limits.memory_bytes is not None and m.peak_memory_bytes is None:
        return _UNKNOWN_PEAK
    if limits.fidelity is not None and m.pessimistic_fidelity is None:
        return UNKNOWN_FIDELITY
    return None


def _excess_words(exceeded: Sequence[Excess]) -> str | None:
    return " and ".join(_EXCESS_WORDS[excess.figure] for excess in exceeded) or None


def count_obstacles(measured: Iterable[Measurement], limits: Limits) -> Counter[str]:
    """How many are kept back by what; those that nothing keeps back are not counted."""
    return Counter(words for m in measured if (words := obstacle(m, limits)))


def obstacle_counts(obstacles: Counter[str]) -> str:
    """The counts in words, as ``12 out of memory, 3 with an error``.

    Of many kinds those that are beyond several limits are counted together.
    """
    if len(obstacles) > MOST_OBSTACLES_TOLD:
        merged: Counter[str] = Counter()
        for words, number in obstacles.items():
            merged[SEVERAL_LIMITS if " and " in words else words] += number
        obstacles = merged
    return ", ".join(f"{number} {words}" for words, number in obstacles.most_common())


def unknown_fidelities(measured: Iterable[Measurement], limits: Limits) -> Counter[str]:
    """Of those kept back for want of a known fidelity, how many there are for each reason."""
    unknown = (m for m in measured if m.pessimistic_fidelity is None)
    return Counter(
        m.fidelity.reason or "" for m in unknown if obstacle(m, limits) == UNKNOWN_FIDELITY
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
        parts.append(f"within {memory_limit_text(limits.memory_bytes)}{_headroom_text(limits)}")
    if run_limit_bytes is not None:
        parts.append(f"within the run's memory limit of {memory_limit_text(run_limit_bytes)}")
    if not parts:
        parts.append("no memory limit was given")
    if limits.latency_s is not None:
        parts.append(f"p95 of a call at most {latency_limit_text(limits.latency_s)}")
    if limits.batch_size is not None:
        parts.append(f"batch at most {limits.batch_size}")
    if limits.fidelity is None:
        parts.append("no fidelity limit was given")
    else:
        parts.append(f"fidelity at least {fidelity_limit_text(limits.fidelity)}")
    return ", ".join(parts)


def _headroom_text(limits: Limits) -> str:
    """The headroom in words; nothing where it is the usual one."""
    if limits.headroom_ratio == HEADROOM_RATIO:
        return ""
    if not limits.headroom_ratio:
        return " without headroom"
    return f" with {share_text(limits.headroom_ratio)} headroom"
