"""The configurations that no other beats in latency, memory and fidelity at once."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from sdbench.analysis.measurement import Measurement
from sdbench.results.record import Status

Point = tuple[float, float, float]
"""Three costs; less is better."""

MemoryReader = Callable[[Measurement], int | None]


def unbeaten(points: Sequence[Point]) -> tuple[int, ...]:
    """Positions of the points that no other beats, by their first cost, then the others.

    One point beats another when it is no worse in every cost and better in one; of equal points
    none beats the other, so all of them stay. O(n log n), but for moving parts of a list.
    """
    order = sorted(range(len(points)), key=points.__getitem__)
    kept: list[int] = []
    # Of what came before, the second costs in rising order, each with the least third cost up to
    # it: a falling staircase.
    seconds: list[float] = []
    thirds: list[float] = []
    for (_, second, third), group in groupby(order, key=points.__getitem__):
        at = bisect_right(seconds, second)
        if at and thirds[at - 1] <= third:
            continue
        kept += group
        start = at - 1 if at and seconds[at - 1] == second else at
        end = at
        while end < len(thirds) and thirds[end] >= third:
            end += 1
        seconds[start:end], thirds[start:end] = [second], [third]
    return tuple(kept)


def frontier(
    measured: Iterable[Measurement], memory: MemoryReader = lambda m: m.peak_memory_bytes
) -> tuple[Measurement, ...]:
    """The measurements that no other beats in all of latency per image, memory and fidelity.

    Only those that ended ``ok`` with both other figures, and with no degenerate picture, take
    part. An unknown fidelity counts as worse than any known one: it can be beaten by a known one,
    beats none, and is compared with its like in latency and memory alone.

    Args:
        measured: The measurements.
        memory: The memory figure that counts, in bytes.

    Returns:
        The fastest first.
    """
    return _unbeaten_by(
        measured, memory, lambda m: math.inf if m.fidelity_score is None else -m.fidelity_score
    )


def frontier_in_plane(
    measured: Iterable[Measurement], memory: MemoryReader = lambda m: m.peak_memory_bytes
) -> tuple[Measurement, ...]:
    """The measurements that no other beats in both latency per image and memory.

    It is what a chart of these two draws as a line. The rest is as in `frontier`.
    """
    return _unbeaten_by(measured, memory, lambda _: 0.0)


def _unbeaten_by(
    measured: Iterable[Measurement],
    memory: MemoryReader,
    infidelity: Callable[[Measurement], float],
) -> tuple[Measurement, ...]:
    able: list[Measurement] = []
    points: list[Point] = []
    for m in measured:
        used = memory(m)
        is_able = m.status is Status.OK and not m.is_degenerate
        if is_able and m.latency_per_image is not None and used is not None:
            able.append(m)
            points.append((m.latency_per_image.point, used, infidelity(m)))
    return tuple(able[position] for position in unbeaten(points))
