"""What an objective minimises, read of measurements so that like is compared with like.

Figures of the sweep and of fresh rounds were taken under different conditions: by other processes,
at another hour. Where one configuration was measured again and another was not, both are read in
the sweep.
"""

from __future__ import annotations

from collections.abc import Sequence

from sdbench.analysis.measurement import Measurement
from sdbench.statistics import Estimate
from sdbench.suite.model import Metric

Ranked = tuple[Estimate, Measurement]
"""A measurement with its figure."""


def figure_of(m: Measurement, metric: Metric) -> Estimate | None:
    """The best figure there is: of fresh rounds where there are any. Seconds or bytes."""
    match metric:
        case Metric.LATENCY_PER_IMAGE:
            return m.latency_per_image
        case Metric.LATENCY:
            return m.latency
        case Metric.MEMORY:
            used = m.peak_memory_bytes
            return None if used is None else Estimate(used, used, used, 1.0, 1)


def swept_figure_of(m: Measurement, metric: Metric) -> Estimate | None:
    """The figure of the sweep; of memory the only one there is."""
    if metric is Metric.MEMORY or m.swept_latency is None:
        return figure_of(m, metric)
    return m.swept_latency if metric is Metric.LATENCY else m.swept_latency_per_image


def like_for_like(
    one: Measurement, other: Measurement, metric: Metric
) -> tuple[Estimate, Estimate] | None:
    """The figures of two measurements under the same conditions; None where one has none."""
    was_confirmed = bool(one.confirmed_rounds), bool(other.confirmed_rounds)
    read = figure_of if was_confirmed[0] == was_confirmed[1] else swept_figure_of
    ours, theirs = read(one, metric), read(other, metric)
    return None if ours is None or theirs is None else (ours, theirs)


def contenders(ranked: Sequence[Ranked], metric: Metric) -> Sequence[Ranked]:
    """Those that may be chosen: what was measured again, and what beat all of that in the sweep.

    Otherwise what fresh rounds have shown to be slower than the sweep said would lose to the next
    one, for no other reason than that this one was not measured again.
    """
    swept = [swept_figure_of(m, metric) for _, m in ranked if m.confirmed_rounds]
    bound = min((estimate.point for estimate in swept if estimate is not None), default=None)
    if bound is None or metric is Metric.MEMORY:
        return ranked
    return [(estimate, m) for estimate, m in ranked if m.confirmed_rounds or estimate.point < bound]
