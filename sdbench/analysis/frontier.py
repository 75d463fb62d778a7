"""The configurations that no other beats in two costs at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from sdbench.analysis.measurement import Measurement
from sdbench.results.record import Status

Point = tuple[float, float]


def unbeaten(points: Sequence[Point]) -> tuple[int, ...]:
    """Positions of the points that no other beats, by their first cost, then the second.

    One point beats another when it is no worse in both costs and better in one; of equal points
    none beats the other, so all of them stay. O(n log n).
    """
    order = sorted(range(len(points)), key=points.__getitem__)
    kept: list[int] = []
    least_second = float("inf")
    for _, group in groupby(order, key=lambda position: points[position][0]):
        positions = list(group)
        second = points[positions[0]][1]
        if second < least_second:
            kept += [position for position in positions if points[position][1] == second]
            least_second = second
    return tuple(kept)


def frontier(
    measured: Iterable[Measurement],
    memory: Callable[[Measurement], int | None] = lambda m: m.peak_memory_bytes,
) -> tuple[Measurement, ...]:
    """The measurements that no other beats in latency per image and memory, fastest first.

    Only those that ended ``ok`` and have both figures take part.

    Args:
        measured: The measurements.
        memory: The memory figure that counts, in bytes.
    """
    able: list[Measurement] = []
    points: list[Point] = []
    for m in measured:
        used = memory(m)
        if m.status is Status.OK and m.latency_per_image is not None and used is not None:
            able.append(m)
            points.append((m.latency_per_image.point, used))
    return tuple(able[position] for position in unbeaten(points))
