"""The page writes figures as Python does, digit for digit, also where a tie is rounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import resources
from random import Random
from typing import Any

import pytest

from sdbench.analysis.wording import estimate_text, interval_text, score_text, times_text
from sdbench.statistics import Estimate
from sdbench.units import GIB, KIB, MIB, format_bytes, format_seconds, parse_bytes, parse_seconds

pytest.importorskip("playwright.sync_api")

TIES = [eighths / 8 * 10.0**power for eighths in range(1, 80) for power in range(-4, 4)]
"""Halves and eighths are exact in binary, so that many of these lie midway between two digits."""

DRAW = Random(1)
FIGURES = [
    0.0,
    *(10.0**power for power in range(-9, 7)),
    *(0.9985, 0.9995, 999.5, 1023.5, 2.675),
    *TIES,
    *(10 ** DRAW.uniform(-7, 5) for _ in range(2000)),
    *(round(10 ** DRAW.uniform(-3, 3), DRAW.randrange(1, 5)) for _ in range(1000)),
]
SIZES = [
    *(0, 1, 1023, 1024, 1025, MIB, 12 * GIB, 1_049_624, -5000),
    *(int(10 ** DRAW.uniform(0, 12)) for _ in range(2000)),
    *(eighths * unit // 8 for eighths in range(1, 200) for unit in (KIB, 8 * KIB, MIB, GIB)),
]


@pytest.fixture(scope="module")
def written(context) -> Iterator[Callable[[str, list[Any]], list[Any]]]:
    """What an expression of the page's scripts makes of each of several values."""
    page = context.new_page()
    folder = resources.files("sdbench.report") / "templates"
    for name in ("words.js", "quantities.js"):
        page.add_script_tag(content=(folder / name).read_text(encoding="utf-8"))

    def each(function: str, values: list[Any]) -> list[Any]:
        seen: list[Any] = page.evaluate(f"(values) => values.map({function})", values)
        return seen

    yield each
    page.close()


def test_times_are_no_finer_than_their_intervals(written):
    halves = [
        DRAW.choice((None, 0.5, 0.05, v * 10 ** DRAW.uniform(-4, 1) or None)) for v in FIGURES
    ]
    pairs = list(zip(FIGURES, halves, strict=True))
    seen = written("([value, half]) => formatSeconds(value, half)", [list(pair) for pair in pairs])
    assert seen == [format_seconds(value, half) for value, half in pairs]


def test_sizes_are_in_the_unit_that_they_round_to(written):
    assert written("formatBytes", SIZES) == [format_bytes(size) for size in SIZES]


def test_scores_are_cut_off_and_never_rounded_up(written):
    scores = [*(step / 1000 for step in range(1001)), *(DRAW.random() for _ in range(1000))]
    assert written("scoreText", scores) == [score_text(score) for score in scores]


def test_estimates_come_with_intervals_and_the_confidence_that_they_have(written):
    estimates = [Estimate(1.0, 1.0, 1.0, 0.0, 1)]
    for value in FIGURES[1:1500]:
        width = value * 10 ** DRAW.uniform(-4, -0.3)
        confidence = DRAW.choice((0.5, 0.875, 0.9375, 0.96875))
        estimates.append(Estimate(value, value - width, value + width, confidence, 5))
    values = [
        {
            "point": e.point,
            "low": e.low,
            "high": e.high,
            "confidence": e.confidence,
            "count": e.sample_count,
        }
        for e in estimates
    ]
    assert written("estimateText", values) == [estimate_text(e) for e in estimates]
    assert written("intervalText", values) == [interval_text(e) for e in estimates]


def test_ratios_and_plain_numbers(written):
    assert written("timesText", FIGURES[1:]) == [times_text(ratio) for ratio in FIGURES[1:]]
    assert written("(value) => general(value)", FIGURES) == [f"{value:g}" for value in FIGURES]
    assert written("(v) => general(v, 3)", FIGURES) == [f"{value:.3g}" for value in FIGURES]
    assert written("roundedToEven", FIGURES) == [round(value) for value in FIGURES]


def test_limits_are_read_to_the_numbers_that_the_command_reads(written):
    sizes = [
        f"{round(10 ** DRAW.uniform(0, 3), DRAW.randrange(5))}{unit}"
        for unit in ("GiB", "MiB", "KB", " GB", "B")
        for _ in range(100)
    ]
    assert written("readQuantity.memory", sizes) == [parse_bytes(text) for text in sizes]
    times = [
        f"{round(10 ** DRAW.uniform(0, 3), DRAW.randrange(5))}{unit}"
        for unit in ("us", "ms", " s", "min", "h")
        for _ in range(100)
    ]
    assert written("readQuantity.latency", times) == [parse_seconds(text) for text in times]
    assert written("readQuantity.memory", ["12", " 500 MiB ", "1.5"]) == [
        12 * GIB,
        500 * MIB,
        3 * GIB // 2,
    ]
    assert written("readQuantity.fidelity", ["0.9", "90%", "1", ".25"]) == [0.9, 0.9, 1, 0.25]
    assert written("readQuantity.batch", ["1", " 16 "]) == [1, 16]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("memory", ["0", "-1", "12 Gib", "many", "0.0000000001B", "1e3"]),
        ("latency", ["0s", "2 m", "1,5", "NaN"]),
        ("fidelity", ["0", "1.1", "101%", "0.9s"]),
        ("batch", ["0", "1.5", "-2", "two"]),
    ],
)
def test_what_is_no_limit_is_not_read(written, name, texts):
    assert written(f"readQuantity.{name}", texts) == [None] * len(texts)


def test_limits_are_written_so_that_they_are_read_again(written):
    sizes = [size for size in SIZES if size > 0]
    assert written("(size) => readQuantity.memory(writtenQuantity.memory(size))", sizes) == sizes
    times = [value for value in FIGURES if value >= 0.01]  # a field takes 19 decimals
    assert written("(s) => readQuantity.latency(writtenQuantity.latency(s))", times) == times
    assert written("writtenQuantity.memory", [12 * GIB, 950 * MIB, 12_345]) == [
        "12 GiB",
        "950 MiB",
        "12.056 KiB",
    ]
