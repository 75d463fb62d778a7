"""What relaxing a limit buys: how much faster the choice could be, and for how much more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from sdbench.analysis.feasibility import held_by
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.objective import figure_of, like_for_like
from sdbench.statistics import Estimate
from sdbench.suite.model import Limits, Metric

SMALLEST_GAIN = 1.05
"""A smaller ratio of two latencies is not worth a sentence."""


class Limit(str, Enum):
    """A limit that can be relaxed, by its field in `Limits`."""

    MEMORY = "memory_bytes"
    LATENCY = "latency_s"
    FIDELITY = "fidelity"
    BATCH_SIZE = "batch_size"


SAME_RELAXATION_RATIO = 1.02
"""Two values of a limit that are as near as this count as one: peaks and scores that differ by less
are equal everywhere else too."""

_LIMITS = {
    "peak_memory_bytes": Limit.MEMORY,
    "latency_p95_s": Limit.LATENCY,
    "fidelity": Limit.FIDELITY,
    "batch_size": Limit.BATCH_SIZE,
}
"""The limit that each figure of an `Excess` is held against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """What one limit costs, the others kept.

    Attributes:
        limit: Which limit.
        given: Its value.
        to: The value that lets `choice` in; None where relaxing it buys nothing.
        choice: What would be better than the recommendation, or the first that could be
            recommended where nothing qualifies; None where the limit is not binding.
        ratio: The recommendation's figure over that of `choice`, as the objective counts it (2.0:
            twice as fast, or half the memory); None where nothing is recommended.
        is_shared: Whether it keeps back something better together with other limits, and nothing
            alone.
    """

    limit: Limit
    given: float
    to: float | None = None
    choice: Measurement | None = None
    ratio: float | None = None
    is_shared: bool = False


_Able = tuple[float, Estimate, float | None, Measurement]
"""What the limit would have to be, the objective's figure, the gain, and what that would let in."""


def relaxations(
    group: Iterable[Measurement],
    limits: Limits,
    chosen: Measurement | None,
    metric: Metric,
) -> tuple[Relaxation, ...]:
    """What relaxing each of the given limits alone buys.

    Only what one limit alone keeps back counts, and only a gain of `SMALLEST_GAIN` beyond the
    intervals. For each limit at most two answers: the least relaxation that gains anything, and,
    of those that the intervals cannot tell from the one that gains most, the least; one that buys
    nothing, where there is none. Where nothing is recommended, the least that lets something in.

    Args:
        group: Measurements that compete with each other.
        limits: What the recommendation keeps to.
        chosen: The recommendation, or None where nothing qualifies.
        metric: What the objective minimises.
    """
    able: dict[Limit, list[_Able]] = {limit: [] for limit in Limit}
    shared: set[Limit] = set()
    for m in group:
        theirs, ratio = figure_of(m, metric), None
        if theirs is None:
            continue
        if chosen is not None and (ratio := _gain(m, chosen, metric)) is None:
            continue
        held = held_by(m, limits)
        if len(held) == 1:
            able[_LIMITS[held[0].figure]].append((held[0].value, theirs, ratio, m))
        else:
            shared.update(_LIMITS[excess.figure] for excess in held)
    found: list[Relaxation] = []
    for limit in Limit:
        given = getattr(limits, limit.value)
        if given is not None:
            found += [
                Relaxation(limit=limit, given=given, to=to, choice=m, ratio=ratio)
                for to, _, ratio, m in _least_and_most(
                    able[limit], limit, is_gain=chosen is not None
                )
            ] or [Relaxation(limit=limit, given=given, is_shared=limit in shared)]
    return tuple(found)


def _gain(m: Measurement, chosen: Measurement, metric: Metric) -> float | None:
    """How many times as good a measurement is, where it is a gain."""
    pair = like_for_like(m, chosen, metric)
    if pair is None:
        return None
    theirs, ours = pair
    is_gain = 0 < theirs.point * SMALLEST_GAIN <= ours.point and not ours.overlaps(theirs)
    return ours.point / theirs.point if is_gain else None


def _least_and_most(able: Sequence[_Able], limit: Limit, *, is_gain: bool) -> list[_Able]:
    """The least relaxation, and of those as good as the best one the least.

    The second alone where both relax to the same value.
    """
    if not able:
        return []

    def by_step(one: _Able) -> tuple[float, float]:
        needed, estimate, _, _ = one
        return (-needed if limit is Limit.FIDELITY else needed, estimate.point)

    least = min(able, key=by_step)
    best = min((estimate for _, estimate, _, _ in able), key=lambda estimate: estimate.point)
    most = min(
        (one for one in able if one[1].overlaps(best) and one[1].point <= best.high), key=by_step
    )
    if not is_gain:
        return [least]
    low, high = sorted((least[0], most[0]))
    return [most] if high <= low * SAME_RELAXATION_RATIO else [least, most]
