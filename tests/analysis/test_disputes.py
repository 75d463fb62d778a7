"""What is measured side by side: whose order the machine's pace decided."""

from __future__ import annotations

from pathlib import Path

from factories import PIPELINE, around, derived, fidelity, record, run

from sdbench.analysis.disputes import disputed
from sdbench.results.record import Record
from sdbench.suite.model import Limits, Protocol, Suite

SUITE = Suite(name="test", fixed={"pipeline": PIPELINE}, measure=Protocol(default=False))


def timed(call_s: float, **values: object) -> Record:
    return record(samples_s=around(call_s), **{"steps": 4, **values})  # type: ignore[arg-type]


def test_a_choice_that_the_pace_made_is_disputed(tmp_path: Path) -> None:
    """Measured at a good moment, it stands before one that is faster at the usual pace."""
    lucky, better = timed(1.0, scheduler="euler"), timed(1.1, scheduler="ddim")
    made = run(tmp_path, [lucky, better], suite=SUITE)
    usual_call_s = {lucky.key: 1.2, better.key: 1.1}
    assert disputed(made, usual_call_s) == (better.key, lucky.key)
    assert disputed(made, {lucky.key: 1.0, better.key: 1.1}) == ()


def test_a_difference_that_is_hardly_any_is_not_looked_into(tmp_path: Path) -> None:
    one, other = timed(1.0, scheduler="euler"), timed(1.01, scheduler="ddim")
    made = run(tmp_path, [one, other], suite=SUITE)
    assert disputed(made, {one.key: 1.02, other.key: 1.0}) == ()
    assert disputed(made, {one.key: 1.04, other.key: 1.0}) == (other.key, one.key)


def test_a_derived_one_is_at_the_usual_pace(tmp_path: Path) -> None:
    """What was measured at a bad moment is disputed beside what was derived."""
    unlucky, told = timed(1.3, scheduler="euler"), derived(1.1, steps=4, scheduler="ddim")
    made = run(tmp_path, [unlucky, told], suite=SUITE)
    assert disputed(made, {unlucky.key: 1.0}) == (unlucky.key, told.key)


def test_what_is_chosen_under_a_memory_limit_counts_too(tmp_path: Path) -> None:
    """Of those that need less one is better by the pace alone; the fastest one is not in doubt."""
    fastest = timed(0.5, scheduler="heun", allocated_mib=900)
    lucky = timed(1.0, scheduler="euler", allocated_mib=200)
    better = timed(1.1, scheduler="ddim", allocated_mib=200)
    made = run(tmp_path, [fastest, lucky, better], suite=SUITE)
    usual_call_s = {fastest.key: 0.5, lucky.key: 1.3, better.key: 1.1}
    assert disputed(made, usual_call_s) == (better.key, lucky.key)


def test_what_needs_more_memory_takes_nothing_from_what_needs_less(tmp_path: Path) -> None:
    small = timed(1.0, scheduler="euler", allocated_mib=100)
    large = timed(0.9, scheduler="ddim", allocated_mib=900)
    made = run(tmp_path, [small, large], suite=SUITE)
    assert disputed(made, {small.key: 1.1, large.key: 0.9}) == ()
    assert disputed(made, {small.key: 1.0, large.key: 1.2}) == (small.key, large.key)


def test_what_is_less_faithful_does_not_either(tmp_path: Path) -> None:
    suite = Suite(
        name="test",
        fixed={"pipeline": PIPELINE},
        measure=Protocol(default=False),
        limits=Limits(fidelity=0.5),
    )
    faithful = timed(1.0, steps=20, fidelity=fidelity(0.9))
    coarse = timed(0.9, steps=10, fidelity=fidelity(0.6))
    made = run(tmp_path, [faithful, coarse], suite=suite)
    assert disputed(made, {faithful.key: 1.2, coarse.key: 0.9}) == ()


def test_each_amount_of_work_comes_in_turn_up_to_the_most(tmp_path: Path) -> None:
    records = []
    usual_call_s = {}
    for steps in (4, 8):
        lucky = timed(1.0, steps=steps, scheduler="euler")
        better = timed(1.1, steps=steps, scheduler="ddim")
        records += [lucky, better]
        usual_call_s |= {lucky.key: 1.3, better.key: 1.1}
    made = run(tmp_path, records, suite=SUITE)
    eight, four = (records[3].key, records[2].key), (records[1].key, records[0].key)
    assert disputed(made, usual_call_s) == (*eight, *four)
    assert disputed(made, usual_call_s, most=2) == eight
