"""What relaxing one limit alone buys."""

from __future__ import annotations

import pytest
from factories import around, fidelity, record

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import measurement_of
from sdbench.analysis.recommend import recommend
from sdbench.analysis.relaxing import Limit, Relaxation
from sdbench.results.record import Record, Status
from sdbench.suite.model import Limits, Metric, Objective
from sdbench.units import MIB

WITHIN = Limits(memory_bytes=1020 * MIB)
"""Lets in peaks of up to 1000 MiB, with 2 % of headroom."""

SMALL = record(samples_s=around(2.0), rss_mib=900)
MIDDLE = record(dtype="bf16", samples_s=around(1.6), rss_mib=2000)
LARGE = record(dtype="fp16", samples_s=around(1.0), rss_mib=4000)


def advise(*records: Record, limits: Limits = WITHIN, metric: str = "latency_per_image") -> Advice:
    measured = [measurement_of(one) for one in records]
    return recommend(measured, limits, Objective(minimize=Metric(metric)))


def relaxing(*records: Record, limits: Limits = WITHIN, **options: str) -> tuple[Relaxation, ...]:
    return advise(*records, limits=limits, **options).best.relaxations


def test_the_least_relaxation_and_the_one_that_gains_most_are_told():
    least, most = relaxing(SMALL, MIDDLE, LARGE)
    # 2000 MiB and 2 % are 2040 MiB; 4000 and 2 % are 4080. 2.0 / 1.6 = 1.25; 2.0 / 1.0 = 2.
    assert (least.limit, least.given, least.to) == (Limit.MEMORY, 1020 * MIB, 2040 * MIB)
    assert (least.choice, least.ratio) == (measurement_of(MIDDLE), pytest.approx(1.25))
    assert (most.to, most.ratio) == (4080 * MIB, pytest.approx(2.0))
    assert most.choice == measurement_of(LARGE)


def test_where_the_least_gains_most_too_it_is_told_once():
    (one,) = relaxing(SMALL, MIDDLE)
    assert one.choice == measurement_of(MIDDLE)


def test_what_needs_more_and_gains_less_is_not_told():
    worse = record(dtype="fp16", samples_s=around(1.8), rss_mib=4000)
    (one,) = relaxing(SMALL, MIDDLE, worse)
    assert one.choice == measurement_of(MIDDLE)


def test_of_those_that_gain_equally_much_the_one_that_relaxes_least_is_told():
    """Sixteen times the memory was offered for what the intervals cannot tell from less."""
    huge = record(dtype="fp16", samples_s=around(1.59), rss_mib=32000)
    (one,) = relaxing(SMALL, MIDDLE, huge)
    assert one.choice == measurement_of(MIDDLE)


def test_two_values_of_a_limit_that_are_all_but_equal_are_told_once():
    # 2030 / 2000 is below 1.02: the faster of the two stands for both.
    beside = record(dtype="fp16", samples_s=around(1.0), rss_mib=2030)
    (one,) = relaxing(SMALL, MIDDLE, beside)
    assert one.choice == measurement_of(beside)


def test_a_gain_within_the_intervals_is_none():
    # 2.0 +- 10 % and 1.9 +- 10 % overlap, though 2.0 / 1.9 is above 1.05.
    small = record(samples_s=around(2.0, 0.1), rss_mib=900)
    large = record(dtype="bf16", samples_s=around(1.9, 0.1), rss_mib=2000)
    assert relaxing(small, large) == (Relaxation(limit=Limit.MEMORY, given=1020 * MIB),)


def test_a_gain_below_five_percent_is_none():
    # 2.0 / 1.92 = 1.042, and 1.96 to 2.04 (2 %) is apart from 1.92 +- 0.1 %.
    small = record(samples_s=around(2.0, 0.001), rss_mib=900)
    large = record(dtype="bf16", samples_s=around(1.92, 0.001), rss_mib=2000)
    (one,) = relaxing(small, large)
    assert one.choice is None


def test_a_limit_that_keeps_nothing_faster_back_is_not_binding():
    slower = record(dtype="bf16", samples_s=around(3.0), rss_mib=2000)
    (one,) = relaxing(SMALL, slower)
    assert (one.to, one.choice, one.ratio) == (None, None, None)


def test_a_limit_that_was_not_given_is_not_told():
    assert relaxing(SMALL, LARGE, limits=Limits()) == ()


def test_one_limit_alone_is_relaxed_the_others_are_kept():
    limits = Limits(memory_bytes=1020 * MIB, latency_s=3.0, fidelity=0.9, batch_size=2)
    good, poor = fidelity(0.95), fidelity(0.8)
    ours = record(samples_s=around(2.0), fidelity=good)
    memory = record(dtype="bf16", samples_s=around(1.0), rss_mib=2000, fidelity=good)
    # An image in 1.0 s, but 4.0 s a call: only the batch limit may be in its way, and is not alone.
    slow = record(batch_size=4, samples_s=around(4.0), fidelity=good)
    batch = record(batch_size=4, dtype="fp16", samples_s=around(2.4), fidelity=good)
    drawn = record(dtype="fp16", samples_s=around(1.6), fidelity=poor)
    both = record(steps=1, samples_s=around(0.1), rss_mib=2000, fidelity=poor)
    found = relaxing(ours, memory, slow, batch, drawn, both, limits=limits)
    assert [(one.limit, one.choice) for one in found] == [
        (Limit.MEMORY, measurement_of(memory)),
        (Limit.LATENCY, None),
        (Limit.FIDELITY, measurement_of(drawn)),
        (Limit.BATCH_SIZE, measurement_of(batch)),
    ]
    assert found[3].to == 4


def test_the_latency_limit_is_relaxed_to_the_p95_of_a_call():
    # An image in 1.0 s by a batch of two; its p95 of a call is the slowest of six: 2.04 s.
    single = record(samples_s=around(1.5))
    two = record(batch_size=2, samples_s=around(2.0))
    (one,) = relaxing(single, two, limits=Limits(latency_s=2.0))
    assert (one.limit, one.to) == (Limit.LATENCY, pytest.approx(2.04))
    assert one.ratio == pytest.approx(1.5)


def test_a_fidelity_limit_is_relaxed_downwards_to_the_worst_picture():
    best, near, far = (
        record(steps=steps, samples_s=around(steps / 10), fidelity=fidelity(score, worst=worst))
        for steps, score, worst in ((30, 0.95, 0.92), (20, 0.9, 0.85), (10, 0.5, 0.4))
    )
    least, most = relaxing(best, near, far, limits=Limits(fidelity=0.9))
    assert (least.to, least.ratio) == (0.85, pytest.approx(1.5))
    assert (most.to, most.ratio) == (0.4, pytest.approx(3.0))


def test_steps_are_not_given_up_for_memory_without_a_fidelity_limit():
    long = record(steps=50, samples_s=around(5.0), rss_mib=900)
    short = record(steps=10, samples_s=around(1.0), rss_mib=2000)
    (one,) = relaxing(long, short)
    assert one.choice is None


@pytest.mark.parametrize(
    "other",
    [
        record(dtype="bf16", samples_s=around(0.1), allocated_mib=None, rss_mib=None),
        record(dtype="bf16", status=Status.OOM),
        record(dtype="bf16", status=Status.UNSTABLE, samples_s=around(0.1), rss_mib=2000),
        record(
            dtype="bf16",
            samples_s=around(0.1),
            rss_mib=2000,
            fidelity=fidelity(0.9, is_degenerate=True),
        ),
    ],
    ids=["unknown peak", "out of memory", "unstable", "degenerate"],
)
def test_what_no_looser_limit_lets_in_is_no_offer(other: Record):
    (one,) = relaxing(SMALL, other)
    assert one.choice is None


def test_where_nothing_qualifies_the_first_that_would_is_told_for_each_limit():
    limits = Limits(memory_bytes=1020 * MIB, latency_s=1.0)
    slow = record(samples_s=around(2.0), rss_mib=900)
    slower = record(dtype="bf16", samples_s=around(3.0), rss_mib=900)
    large = record(dtype="fp16", samples_s=around(0.5), rss_mib=2000)
    both = record(threads=1, samples_s=around(1.5), rss_mib=1500)
    advice = advise(slow, slower, large, both, limits=limits)
    assert advice.best.chosen is None
    memory, latency = advice.best.relaxations
    assert (memory.choice, memory.to, memory.ratio) == (measurement_of(large), 2040 * MIB, None)
    assert (latency.choice, latency.to) == (measurement_of(slow), pytest.approx(2.04))


def test_where_nothing_qualifies_the_fastest_of_those_at_one_value_is_told():
    slow = record(batch_size=4, samples_s=around(9.0))
    fast = record(batch_size=4, dtype="bf16", samples_s=around(4.0))
    (one,) = relaxing(slow, fast, limits=Limits(batch_size=2))
    assert (one.to, one.choice) == (4, measurement_of(fast))


def test_with_memory_as_the_objective_the_ratio_is_one_of_memory():
    large = record(samples_s=around(1.0), rss_mib=2000)
    small = record(dtype="bf16", samples_s=around(5.0), rss_mib=500)
    (one,) = relaxing(large, small, limits=Limits(latency_s=2.0), metric="memory")
    assert (one.choice, one.ratio) == (measurement_of(small), 4.0)


def test_the_json_form_names_limit_value_and_gain():
    content = advise(SMALL, MIDDLE).to_json()["relaxing"]
    (one,) = content
    assert one == {
        "limit": "memory_bytes",
        "given": 1020 * MIB,
        "to": 2040 * MIB,
        "is_binding": True,
        "times_as_good": pytest.approx(1.25),
        "text": "1 GiB more memory (2 GiB): 1.25 times as fast (bf16)",
        "key": MIDDLE.key,
        "knobs": dict(MIDDLE.knobs),
    }
