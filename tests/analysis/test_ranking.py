from factories import fidelity, record
from hardware_runs import run_on, sweep

from sdbench.analysis.contenders import contenders
from sdbench.analysis.ranking import obstacles_to_ranking, ranked
from sdbench.statistics import Estimate
from sdbench.suite.model import Limits, Suite


def estimate(point, factor, count=6):
    return Estimate(point, point / factor, point * factor, 0.97, count)


def test_the_largest_comes_first_and_what_cannot_be_told_from_it_stands_beside_it():
    values = [estimate(1.0, 1.01), None, estimate(4.0, 1.01), estimate(4.01, 1.01)]
    assert ranked(values) == ((3, 2), (0,))


def test_a_chain_of_small_steps_is_no_tie():
    # 1 and 1.05 overlap, as do 1.05 and 1.1; 1 and 1.1 do not: root of two times 3 % is 4.2 %.
    values = [estimate(1.0, 1.03), estimate(1.04, 1.03), estimate(1.08, 1.03)]
    assert ranked(values) == ((2, 1), (0,))


def test_a_single_sample_is_told_from_nothing():
    assert ranked([estimate(1.0, 1.0, count=1), estimate(2.0, 1.001)]) == ((1, 0),)


def obstacles(folder, *runs):
    return obstacles_to_ranking(contenders(runs))


def test_recommendations_for_the_same_picture_within_the_same_limits_are_ranked(tmp_path):
    runs = [run_on(tmp_path, name, sweep(1.0)) for name in "ab"]
    assert obstacles(tmp_path, *runs) == ()


def test_other_limits_pictures_or_steps_are_not(tmp_path):
    plain = run_on(tmp_path, "plain", sweep(1.0, height=64))
    tight = Suite(name="t", fixed={"pipeline": {"builtin": "tiny"}}, limits=Limits(latency_s=9))
    limited = run_on(tmp_path, "limited", sweep(1.0, height=64), suite=tight)
    smaller = run_on(tmp_path, "smaller", sweep(1.0, height=32))
    shorter = run_on(tmp_path, "shorter", sweep(1.0, height=64, steps=5))
    failed = run_on(tmp_path, "failed", sweep(1.0, height=64, fits=0))
    assert obstacles(tmp_path, plain, limited) == ("they were found within different limits",)
    capped = run_on(
        tmp_path,
        "capped",
        sweep(1.0, height=64),
        fingerprint={"device": "capped", "memory_limit_bytes": 2**30},
    )
    assert obstacles(tmp_path, plain, capped) == ("they were found within different limits",)
    assert obstacles(tmp_path, plain, smaller) == ("they draw different pictures",)
    assert "different numbers of steps" in obstacles(tmp_path, plain, shorter)[0]
    assert "fewer than two" in obstacles(tmp_path, plain, failed)[0]


def test_under_a_fidelity_limit_other_steps_compete(tmp_path):
    suite = Suite(name="t", fixed={"pipeline": {"builtin": "tiny"}}, limits=Limits(fidelity=0.9))
    runs = [
        run_on(tmp_path, f"{steps}", [record(steps=steps, fidelity=fidelity(0.95))], suite=suite)
        for steps in (10, 20)
    ]
    assert obstacles(tmp_path, *runs) == ()
