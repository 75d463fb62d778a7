"""What of a run's derived configurations is among the best, and is therefore to be measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from sdbench.analysis.competing import competing
from sdbench.analysis.confirmation import leaders
from sdbench.analysis.frontier import frontier
from sdbench.analysis.measurement import Measurement, measurements
from sdbench.results.store import Run

MOST_TOPS = 24
"""Derived configurations that are measured at once: a frontier in three dimensions can hold a large
part of all, and what stands at its far ends is seldom chosen."""


def tops(run: Run, most: int = MOST_TOPS) -> tuple[str, ...]:
    """Keys of the derived configurations to measure next, the most wanted ones first.

    First come those that the recommendation rests on, in its order. Then, of each group of
    configurations that compete, those on the frontier of latency per image, memory and fidelity:
    the fastest one of each group, the next one of each, and so on.

    Args:
        run: The run.
        most: How many at most.
    """
    from sdbench.suite.defaults import unswept_defaults
    from sdbench.suite.load import suite_from_json

    derived = {key for key, one in run.latest.items() if one.is_derived}
    if not derived:
        return ()
    suite = suite_from_json(run.info.suite)
    everything = measurements(run)
    unswept_keys = {one.key for one in unswept_defaults(suite)}
    groups = competing(
        everything,
        [m for m in everything if m.key in unswept_keys and m.knobs],
        across_steps=suite.limits.fidelity is not None,
    )
    wanted = (*leaders(run), *_in_turn([frontier(members) for _, members in groups]))
    return tuple(key for key in dict.fromkeys(wanted) if key in derived)[:most]


def _in_turn(groups: Iterable[Sequence[Measurement]]) -> Iterator[str]:
    """The first of each group, then the second of each, until all have come."""
    for row in zip_longest(*groups):
        yield from (m.key for m in row if m is not None)
