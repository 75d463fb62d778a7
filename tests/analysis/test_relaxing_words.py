"""What relaxing buys, in words; a limit as it is printed lets in what it is printed for."""

from __future__ import annotations

import random

import pytest
from factories import around, fidelity, record

from sdbench.analysis.measurement import measurement_of
from sdbench.analysis.recommend import recommend
from sdbench.analysis.relaxing import Limit, Relaxation
from sdbench.analysis.relaxing_words import (
    lowered_score,
    raised_bytes,
    raised_seconds_text,
    relaxation_text,
    relaxations_lines,
    size_text,
)
from sdbench.results.record import Record
from sdbench.suite.model import Limits, Metric, Objective
from sdbench.units import GIB, MIB, parse_bytes, parse_seconds

EULER = measurement_of(record(scheduler="euler", steps=20, dtype="fp16"))
NAMES = ("scheduler", "steps", "dtype")


def relaxation(limit: Limit, given: float, to: float, ratio: float | None = 1.22) -> Relaxation:
    return Relaxation(limit=limit, given=given, to=to, choice=EULER, ratio=ratio)


@pytest.mark.parametrize(
    ("limit", "given", "to", "words"),
    [
        (Limit.MEMORY, 12 * GIB, int(16.13 * GIB), "4.2 GiB more memory (16.2 GiB)"),
        (Limit.MEMORY, 600 * MIB, 612 * MIB, "12 MiB more memory (612 MiB)"),
        (Limit.LATENCY, 2.0, 2.301, "latency 2.31 s"),
        (Limit.LATENCY, 2.0, 2.3, "latency 2.3 s"),
        (Limit.FIDELITY, 0.9, 0.8599, "fidelity 0.85"),
        (Limit.FIDELITY, 0.9, 0.85, "fidelity 0.85"),
        (Limit.FIDELITY, 0.9, 0.001, "no fidelity limit"),
        (Limit.BATCH_SIZE, 4, 8, "batch 8"),
    ],
)
def test_a_limit_is_rounded_to_the_side_that_lets_it_in(
    limit: Limit, given: float, to: float, words: str
) -> None:
    text = relaxation_text(relaxation(limit, given, to), NAMES)
    assert text == f"{words}: 1.22 times as fast (euler, 20 steps, fp16)"


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (Metric.LATENCY_PER_IMAGE, "2.4 times as fast"),
        (Metric.LATENCY, "a call 2.4 times as fast"),
        (Metric.MEMORY, "2.4 times less memory"),
    ],
)
def test_the_gain_is_in_what_the_objective_minimises(metric: Metric, words: str) -> None:
    one = relaxation(Limit.BATCH_SIZE, 4, 8, ratio=2.41)
    assert relaxation_text(one, NAMES, metric) == f"batch 8: {words} (euler, 20 steps, fp16)"


@pytest.mark.parametrize(
    ("limit", "to", "words"),
    [
        (Limit.MEMORY, 16 * GIB, "16 GiB of memory"),
        (Limit.LATENCY, 0.25, "A latency of 250 ms"),
        (Limit.FIDELITY, 0.5, "A fidelity of 0.50"),
        (Limit.FIDELITY, 0.0, "No fidelity limit"),
        (Limit.BATCH_SIZE, 8, "A batch of 8"),
    ],
)
def test_where_nothing_qualifies_it_says_what_would_be_let_in(
    limit: Limit, to: float, words: str
) -> None:
    text = relaxation_text(relaxation(limit, 1, to, ratio=None), NAMES)
    assert text == f"{words} would let in euler, 20 steps, fp16."


def test_what_is_printed_can_be_given_as_the_limit_and_lets_it_in() -> None:
    """The next 16.2 GiB are a byte below the peak that they were rounded from."""
    chance = random.Random(0)
    for _ in range(2000):
        size_bytes, duration_s = 10 ** chance.uniform(0, 12), 10 ** chance.uniform(-4, 4)
        score = chance.random()
        assert parse_bytes(size_text(raised_bytes(size_bytes))) >= size_bytes
        assert parse_seconds(raised_seconds_text(duration_s)) >= duration_s
        assert score - 0.01 <= lowered_score(score) <= score


@pytest.mark.parametrize("duration_s", [0.102, 0.40800000000000003, 0.8160000000000001])
def test_a_printed_latency_lets_in_what_is_above_it_by_the_last_bit(duration_s: float) -> None:
    assert parse_seconds(raised_seconds_text(duration_s)) >= duration_s


def lines(*records: Record, limits: Limits) -> list[str]:
    advice = recommend([measurement_of(one) for one in records], limits, Objective())
    return relaxations_lines(advice.best, advice.names)


def test_limits_that_buy_nothing_share_a_line() -> None:
    one = record(fidelity=fidelity(0.95))
    faster = record(dtype="bf16", samples_s=around(0.5), fidelity=fidelity(0.8))
    given = Limits(memory_bytes=GIB, latency_s=2.0, fidelity=0.9)
    assert lines(one, faster, limits=given) == [
        "fidelity 0.80: 2.0 times as fast (bf16)",
        "The memory and latency limits are not binding.",
    ]
    assert lines(one, limits=Limits(latency_s=2.0)) == ["The latency limit is not binding."]
    assert lines(one, limits=Limits()) == []


def test_limits_that_keep_back_something_better_together_are_not_called_idle() -> None:
    better = record(batch_size=4, samples_s=around(2.0))
    given = Limits(memory_bytes=GIB, latency_s=1.5, batch_size=2)
    assert lines(record(), better, limits=given) == [
        "Relaxing the latency or batch limits alone buys nothing.",
        "The memory limit is not binding.",
    ]


def test_limits_that_let_in_nothing_share_a_line_too() -> None:
    slow, large = record(samples_s=around(3.0)), record(dtype="bf16", rss_mib=4000)
    given = Limits(memory_bytes=GIB, latency_s=2.0, fidelity=0.9)
    assert lines(slow, large, limits=given) == [
        "Relaxing the memory, latency or fidelity limits alone lets nothing in."
    ]
    assert lines(slow, large, limits=Limits(memory_bytes=GIB, latency_s=2.0)) == [
        "3.99 GiB of memory would let in bf16.",
        "A latency of 3.06 s would let in fp32.",
    ]
