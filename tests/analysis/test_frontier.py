import random

import pytest
from factories import NOT_COMPARABLE, around, fidelity, record

from sdbench.analysis.frontier import Point, frontier, frontier_in_plane, unbeaten
from sdbench.analysis.measurement import measurement_of
from sdbench.results.fidelity import Fidelity
from sdbench.results.record import Record, Status


def beats(one: Point, other: Point) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def brute_force(points: list[Point]) -> set[int]:
    return {
        position
        for position, point in enumerate(points)
        if not any(beats(other, point) for other in points)
    }


@pytest.mark.parametrize("seed", range(100))
def test_the_sweep_agrees_with_comparing_every_pair(seed):
    rng = random.Random(seed)
    # Few distinct values, so that ties in one, two and all costs are frequent.
    values = [0.0, 1.0, 2.0, 3.0, 4.0, float("inf")]
    points = [
        (rng.choice(values), rng.choice(values), rng.choice(values))
        for _ in range(rng.randrange(60))
    ]
    assert set(unbeaten(points)) == brute_force(points)


def test_equal_points_all_stay():
    assert unbeaten([(1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 1.0, 2.0)]) == (0, 1)


@pytest.mark.parametrize("worse", [(2.0, 1.0, 1.0), (1.0, 2.0, 1.0), (1.0, 1.0, 2.0)])
def test_worse_in_one_and_better_in_none_is_beaten(worse):
    assert unbeaten([worse, (1.0, 1.0, 1.0)]) == (1,)


def test_no_points_have_no_frontier():
    assert unbeaten([]) == ()


def steps_of(found) -> list[int]:
    return [m.knobs["steps"] for m in found]


def at(steps: int, seconds: float, allocated_mib: float, of: Fidelity | None = None) -> Record:
    return record(
        steps=steps,
        samples_s=around(seconds),
        allocated_mib=allocated_mib,
        rss_mib=None,
        fidelity=of,
    )


def test_only_what_ended_ok_and_has_both_figures_takes_part():
    records = [
        at(1, 2.0, 100),
        record(steps=2, samples_s=around(1.0), status=Status.UNSTABLE, allocated_mib=1),
        record(steps=3, samples_s=around(1.0), allocated_mib=None, rss_mib=None),
        record(steps=4, status=Status.OOM),
        at(5, 3.0, 101),
    ]
    assert steps_of(frontier(map(measurement_of, records))) == [1]


def test_the_slower_and_larger_stays_where_it_is_nearer_to_the_converged_picture():
    measured = [
        measurement_of(one)
        for one in (
            at(50, 5.0, 100, fidelity(0.98)),
            at(20, 2.0, 100, fidelity(0.93)),
            at(10, 1.0, 100, fidelity(0.5)),
            at(21, 2.1, 100, fidelity(0.92)),
        )
    ]
    assert steps_of(frontier(measured)) == [10, 20, 50]
    assert steps_of(frontier_in_plane(measured)) == [10]


def test_an_unknown_fidelity_counts_as_worse_than_any_known_one():
    unknown = Fidelity.absent(NOT_COMPARABLE)
    fast, slow = at(1, 1.0, 100, unknown), at(2, 2.0, 100, unknown)
    known, useless = at(3, 1.5, 100, fidelity(0.9)), at(4, 3.0, 100, fidelity(0.0, worst=0.0))
    # The fast unknown one beats no known one; the slow one is beaten by both its like and a known.
    assert steps_of(frontier(map(measurement_of, (slow, fast)))) == [1]
    assert steps_of(frontier(map(measurement_of, (slow, known)))) == [3]
    assert steps_of(frontier(map(measurement_of, (fast, useless)))) == [1, 4]


def test_a_degenerate_picture_takes_no_part():
    black = at(1, 1.0, 100, Fidelity(reason="all of one colour", is_degenerate=True))
    fine = at(2, 2.0, 200, fidelity(0.9))
    assert steps_of(frontier(map(measurement_of, (black, fine)))) == [2]
    assert steps_of(frontier_in_plane(map(measurement_of, (black, fine)))) == [2]
