import random

import pytest
from factories import around, record

from sdbench.analysis.frontier import Point, frontier, unbeaten
from sdbench.analysis.measurement import measurement_of
from sdbench.results.record import Status


def beats(one: Point, other: Point) -> bool:
    return one != other and one[0] <= other[0] and one[1] <= other[1]


def brute_force(points: list[Point]) -> set[int]:
    return {
        position
        for position, point in enumerate(points)
        if not any(beats(other, point) for other in points)
    }


@pytest.mark.parametrize("seed", range(50))
def test_the_sweep_agrees_with_comparing_every_pair(seed):
    rng = random.Random(seed)
    # Few distinct values, so that ties in one cost and in both are frequent.
    points = [(float(rng.randrange(8)), float(rng.randrange(8))) for _ in range(rng.randrange(40))]
    assert set(unbeaten(points)) == brute_force(points)


def test_equal_points_all_stay():
    assert unbeaten([(1.0, 1.0), (1.0, 1.0), (1.0, 2.0)]) == (0, 1)


def test_equally_fast_but_larger_is_beaten():
    assert unbeaten([(1.0, 2.0), (1.0, 1.0)]) == (1,)


def test_as_small_but_slower_is_beaten():
    assert unbeaten([(2.0, 1.0), (1.0, 1.0)]) == (1,)


def test_no_points_have_no_frontier():
    assert unbeaten([]) == ()


def test_only_what_ended_ok_and_has_both_figures_takes_part():
    fine = record(steps=1, samples_s=around(2.0), allocated_mib=100, rss_mib=None)
    records = [
        fine,
        record(steps=2, samples_s=around(1.0), status=Status.UNSTABLE, allocated_mib=1),
        record(steps=3, samples_s=around(1.0), allocated_mib=None, rss_mib=None),
        record(steps=4, status=Status.OOM),
        record(steps=5, samples_s=around(3.0), allocated_mib=101, rss_mib=None),
    ]
    assert [m.key for m in frontier(map(measurement_of, records))] == [fine.key]
