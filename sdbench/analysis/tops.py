"""What of a run's derived configurations is among the best, and is therefore to be measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import TypeVar

from sdbench.analysis.competing import Group, competing
from sdbench.analysis.confirmation import leaders
from sdbench.analysis.frontier import frontier
from sdbench.analysis.measurement import Measurement, measurements
from sdbench.results.store import Run

MOST_TOPS = 24
"""Derived configurations that are measured at once: a frontier in three dimensions can hold a large
part of all, and what stands at its far ends is seldom chosen."""

_One = TypeVar("_One")


def tops(run: Run, most: int = MOST_TOPS) -> tuple[str, ...]:
    """Keys of the derived configurations to measure next, the most wanted ones first.

    First come those that the recommendation rests on, in its order. Then, of each group of
    configurations that compete, those on the frontier of latency per image, memory and fidelity:
    the fastest one of each group, the next one of each, and so on.

    Args:
        run: The run.
        most: How many at most.
    """
    derived = {key for key, one in run.latest.items() if one.is_derived}
    if not derived:
        return ()
    frontiers = [frontier(members, own_memory_bytes) for _, members in groups(run)]
    wanted = (*leaders(run), *(m.key for m in in_turn(frontiers)))
    return tuple(key for key in dict.fromkeys(wanted) if key in derived)[:most]


def groups(run: Run) -> list[Group]:
    """A run's configurations by what competes within its limits, see `competing`."""
    from sdbench.suite.defaults import unswept_defaults
    from sdbench.suite.load import suite_from_json

    suite = suite_from_json(run.info.suite)
    everything = measurements(run)
    unswept_keys = {one.key for one in unswept_defaults(suite)}
    return competing(
        everything,
        [m for m in everything if m.key in unswept_keys and m.knobs],
        across_steps=suite.limits.fidelity is not None,
    )


def own_memory_bytes(m: Measurement) -> int | None:
    """The peak that tells configurations of a run apart.

    What counts against a limit, but on the CPU live tensor bytes: a process keeps what earlier
    configurations needed.
    """
    is_shared = m.peak_memory_figure == "peak_rss_bytes"
    allocated = m.peak_allocated_bytes if is_shared else None
    return m.peak_memory_bytes if allocated is None else allocated


def in_turn(lists: Iterable[Sequence[_One]]) -> Iterator[_One]:
    """The first of each, then the second of each, until all have come."""
    for row in zip_longest(*lists):
        yield from (one for one in row if one is not None)
