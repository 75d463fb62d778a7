from __future__ import annotations

import math
import random

import pytest
from factories import derived, fidelity, record
from histories import calls, run_of, runs_of

from sdbench.analysis.history import HistoryError, TooFewRuns, history
from sdbench.results.record import Status
from sdbench.units import MIB


def noisy(generator: random.Random, level_s: float, runs: int, noise: float = 0.01) -> list[float]:
    return [level_s * math.exp(generator.gauss(0, noise)) for _ in range(runs)]


def test_runs_are_put_in_order_of_time():
    runs = runs_of([1.0, 2.0, 3.0])
    (series,) = history(reversed(runs)).series
    assert [point.latency.point for point in series.points] == [1.0, 2.0, 3.0]


def test_a_step_is_told_at_the_run_where_the_new_level_begins():
    generator = random.Random(1)
    runs = runs_of(noisy(generator, 1.0, 12) + noisy(generator, 1.1, 12))
    (series,) = history(runs).series
    (step,) = series.steps
    assert step.position == 12
    assert step.ratio == pytest.approx(1.1, abs=0.02)
    assert not step.has_new_conditions
    assert [plateau.positions for plateau in series.plateaus] == [
        tuple(range(12)),
        tuple(range(12, 24)),
    ]


def test_a_single_slow_run_is_no_step():
    latencies = noisy(random.Random(2), 1.0, 20)
    latencies[9] = 3.0
    (series,) = history(runs_of(latencies)).series
    assert series.steps == ()


def test_a_change_of_conditions_is_no_step_and_is_told_as_what_it_is():
    """A series over two versions of torch showed a regression that was torch's."""
    generator = random.Random(3)
    before = runs_of(noisy(generator, 1.0, 10))
    after = [
        run_of(
            10 + day,
            [record(steps=4, samples_s=calls(latency_s))],
            fingerprint={"torch": "2.13.0"},
        )
        for day, latency_s in enumerate(noisy(generator, 1.2, 10))
    ]
    found = history([*before, *after])
    (change,) = found.changes
    assert (change.position, change.is_new) == (10, True)
    assert change.differences == ("torch 2.12.0 -> 2.13.0",)
    (step,) = found.series[0].steps
    assert step.has_new_conditions
    assert step.ratio == pytest.approx(1.2, abs=0.02)
    assert [plateau.conditions for plateau in found.series[0].plateaus] == [1, 2]


def test_runs_of_two_machines_in_turn_are_two_series_of_points():
    """Nightly runs on whichever runner is free: no step at every other run, one in each."""
    generator = random.Random(4)
    runs = []
    for day in range(40):
        is_large = day % 2
        level_s = (0.2 if is_large else 1.0) * (1.2 if day >= 20 else 1.0)
        (latency_s,) = noisy(generator, level_s, 1)
        own = {"device": "large"} if is_large else {}
        runs.append(run_of(day, [record(steps=4, samples_s=calls(latency_s))], fingerprint=own))
    found = history(runs)
    assert len(found.conditions) == 2
    steps = [step for step in found.series[0].steps if not step.has_new_conditions]
    assert [step.position for step in steps] == [20, 21]
    assert [change.is_new for change in found.changes].count(True) == 1


def test_the_latency_of_a_run_is_the_median_of_its_processes():
    """Calls of one process share its luck: twenty of one weigh no more than six of another."""
    key = record(steps=4).key
    rounds = [
        record(steps=4, samples_s=[9.0] * 6),
        *(
            record(
                steps=4,
                samples_s=[latency_s] * count,
                fields={"round": number, "worker": f"worker-{number + 1}"},
            )
            for number, latency_s, count in ((1, 1.0, 20), (2, 2.0, 6), (3, 3.0, 6))
        ),
    ]
    found = history([run_of(0, rounds), run_of(1, [record(steps=4)])])
    first, second = found.series[0].points
    assert found.series[0].key == key
    assert (first.latency.point, first.processes) == (2.0, 3)
    assert (first.latency.low, first.latency.high) == (1.0, 3.0)
    assert (second.latency.point, second.processes) == (1.0, 1)


def test_throttled_runs_are_shown_and_no_level_rests_on_them():
    runs = runs_of([1.0] * 6)
    slow = record(status=Status.UNSTABLE, steps=4, samples_s=calls(2.0))
    runs += [run_of(6 + day, [slow]) for day in range(6)]
    (series,) = history(runs).series
    assert series.steps == ()
    assert series.points[-1].latency.point == 2.0


def test_runs_beside_other_programs_are_shown_and_no_level_rests_on_them():
    runs = runs_of([1.0] * 6)
    slow = record(steps=4, samples_s=calls(2.0), fields={"waited_s": [1.0] * len(calls(2.0))})
    runs += [run_of(6 + day, [slow]) for day in range(6)]
    (series,) = history(runs).series
    assert series.steps == ()
    assert series.points[-1].is_disturbed


def test_where_all_rounds_were_planned_the_sweep_is_one_of_them():
    rounds = [
        record(
            steps=4,
            samples_s=[latency_s] * 6,
            fields={"round": number, "worker": f"worker-{number + 1}"},
        )
        for number, latency_s in enumerate((3.0, 1.0, 2.0))
    ]
    for planned, latency_s in ((1, 1.5), (3, 2.0)):
        runs = [run_of(day, rounds, planned_rounds=planned) for day in range(2)]
        (point, _) = history(runs).series[0].points
        assert point.latency.point == latency_s


def test_another_protocol_is_another_condition():
    runs = [run_of(day, [record(steps=4)], warmup=1 + day // 2) for day in range(4)]
    (change,) = history(runs).changes
    assert change.differences == ("suite.measure.warmup 1 -> 2",)


def test_status_memory_and_fidelity_turn_where_they_change():
    def one(day, **fields):
        return run_of(day, [record(steps=4, fidelity=fidelity(0.9), **fields)])

    runs = [one(0), one(1, allocated_mib=201), one(2, allocated_mib=264)]
    runs.append(run_of(3, [record(steps=4, allocated_mib=264, fidelity=fidelity(0.7))]))
    runs.append(run_of(4, [record(steps=4, status=Status.OOM)]))
    (series,) = history(runs).series
    assert [(turn.position, turn.metric, turn.before, turn.after) for turn in series.turns] == [
        (2, "peak_allocated", 200 * MIB, 264 * MIB),
        (3, "fidelity", 0.9, 0.7),
        (4, "status", "ok", "oom"),
    ]


def test_memory_that_creeps_is_told_in_the_end():
    runs = [run_of(day, [record(steps=4, allocated_mib=200 + day)]) for day in range(4)]
    (series,) = history(runs).series
    assert [(turn.position, turn.after) for turn in series.turns] == [(3, 203 * MIB)]


def test_a_run_that_lacks_a_configuration_leaves_a_gap_and_one_without_record_is_missing():
    both = [record(steps=4), record(steps=9)]
    runs = [
        run_of(0, both),
        run_of(1, both[:1]),
        run_of(2, both[:1], missing=[both[1].key]),
        run_of(3, both),
    ]
    _, nine = history(runs).series
    assert [point and point.status for point in nine.points] == ["ok", None, "missing", "ok"]
    assert (nine.gaps, nine.latest) == (1, 3)
    assert nine.name == "9 steps"


def test_the_spread_between_runs_is_that_around_the_levels():
    """Logarithms -1, 1, -1, 1 (in %) around two levels: the squares sum to 8 of 6 degrees."""
    shares = [-0.01, 0.01, -0.01, 0.01]
    latencies = [math.exp(share) for share in shares] + [2 * math.exp(share) for share in shares]
    found = history(runs_of(latencies))
    (series,) = found.series
    assert len(series.steps) == 1
    assert series.spread.degrees == 6
    assert series.spread.log_sd == pytest.approx(0.01 * math.sqrt(8 / 6))
    assert found.between_runs == series.spread
    assert found.between_runs_reason is None


def test_the_spread_of_runs_is_that_with_which_they_were_made():
    generator = random.Random(8)
    pairs = [noisy(generator, 1.0, 60, noise=0.03) for _ in range(2)]
    runs = [
        run_of(
            day,
            [
                record(steps=steps, samples_s=calls(latency_s))
                for steps, latency_s in zip((4, 9), both, strict=True)
            ],
        )
        for day, both in enumerate(zip(*pairs, strict=True))
    ]
    between = history(runs).between_runs
    assert between.degrees == 2 * 59
    assert between.ratio == pytest.approx(0.03, rel=0.15)


def test_three_runs_tell_no_spread():
    found = history(runs_of([1.0, 1.01, 0.99]))
    assert (found.between_runs, found.series[0].spread) == (None, None)
    assert found.between_runs_reason == "no configuration has four runs on one level"


def test_runs_of_several_suites_are_refused_and_the_suites_listed():
    runs = [*runs_of([1.0, 1.0]), *runs_of([1.0], suite="weekly")]
    with pytest.raises(HistoryError, match=r"nightly \(2 runs\), weekly \(1 run\)"):
        history(runs)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_runs_are_no_history(count):
    with pytest.raises(TooFewRuns, match=f"at least 2 runs, and there is {count}"):
        history(runs_of([1.0] * count))


def test_configurations_of_the_last_run_come_first():
    old, new = record(steps=4), record(steps=9)
    found = history([run_of(0, [old]), run_of(1, [new, record(steps=2)])])
    assert [series.name for series in found.series] == ["9 steps", "2 steps", "4 steps"]


def test_what_was_derived_is_no_point():
    runs = [
        run_of(0, [record(steps=4), record(steps=8)]),
        run_of(1, [record(steps=4), derived(steps=8)]),
        run_of(2, [record(steps=4), record(steps=8)]),
    ]
    four, eight = history(runs).series
    assert all(four.points)
    assert [point is None for point in eight.points] == [False, True, False]
    assert not eight.turns
