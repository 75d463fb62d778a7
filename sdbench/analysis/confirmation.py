"""What a recommendation rests on, and is therefore measured again before it is given."""

from __future__ import annotations

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.recommend import recommend_for_run
from sdbench.results.record import Status
from sdbench.results.store import Run

MOST_CONFIRMED = 5
"""The choice and its ties that are measured again: of a large group those with the least medians,
among which the choice will be."""


def leaders(run: Run) -> tuple[str, ...]:
    """Keys of the configurations that a run's recommendation within its own limits rests on.

    All compete here by the best figures that there are, so that those come up, and are measured
    again too, which stay behind the ones that luck brought to the top.
    """
    return tuple(m.key for m in top_group(recommend_for_run(run, prefers_confirmed=False)))


def top_group(advice: Advice) -> tuple[Measurement, ...]:
    """The chosen one, its fastest ties, the choice without fidelity limit, and the default.

    Nothing where nothing can be recommended; a default that did not end ``ok`` is left out.
    """
    best, free = advice.best, advice.without_fidelity_limit
    group: list[Measurement] = []
    if best.chosen is not None:
        ties = sorted(best.ties, key=_median)
        group += [best.chosen, *ties[: MOST_CONFIRMED - 1]]
    if free is not None and free.chosen is not None:
        group.append(free.chosen)
    if best.gain is not None:
        group.append(best.gain.default)
    return tuple({m.key: m for m in group if m.status is Status.OK}.values())


def _median(m: Measurement) -> float:
    return m.latency_per_image.point if m.latency_per_image else float("inf")
