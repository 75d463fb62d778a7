"""Measured samples in pytest-benchmark: played back to it through its own fixture.

What pytest-benchmark times is a function that moves a clock on by one sample. The clock begins
each round at zero, so that the duration that it takes is the sample itself, to the bit::

    rewind   timer() -> 0.0   play   timer() -> 0.4127   next round

All goes through the fixture ``benchmark`` and the marker of the same name, which are public.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol

import pytest

BENCHMARK = "benchmark"
"""Name of pytest-benchmark's fixture and of its marker."""

_DISABLE, _ENABLE = "benchmark_disable", "benchmark_enable"


class Benchmark(Protocol):
    """What is used of pytest-benchmark's fixture."""

    enabled: bool
    extra_info: dict[str, Any]
    pedantic: Callable[..., Any]


class Playback:
    """A clock that plays samples back; without any it is the real one."""

    __name__ = "measured_by_sdbench"

    def __init__(self) -> None:
        self._samples_s: Iterator[float] | None = None
        self._now_s = 0.0

    def __call__(self) -> float:
        """The time in seconds."""
        return time.perf_counter() if self._samples_s is None else self._now_s

    def play_back(self, benchmark: Benchmark, samples_s: Sequence[float]) -> None:
        """Gives pytest-benchmark these samples; it must have been given this clock.

        Args:
            benchmark: Its fixture, which can be used once.
            samples_s: Seconds of each call; at least one.
        """
        self._samples_s = iter(samples_s)
        try:
            benchmark.pedantic(self._play, setup=self._rewind, rounds=len(samples_s))
        finally:
            self._samples_s = None

    def _rewind(self) -> None:
        self._now_s = 0.0

    def _play(self) -> None:
        assert self._samples_s is not None
        self._now_s = next(self._samples_s, 0.0)


class _NoSamples(Exception):
    """There is nothing to play back."""


def give_up(benchmark: Benchmark) -> None:
    """Tells pytest-benchmark that a measurement failed: it leaves it out of what it stores."""

    def fail() -> None:
        raise _NoSamples

    with suppress(_NoSamples):
        benchmark.pedantic(fail)


def is_available(config: pytest.Config) -> bool:
    """Whether pytest-benchmark is there, and not switched off."""
    return config.getoption(_DISABLE, None) is not None


def is_disabled(config: pytest.Config) -> bool:
    """Whether the user wants tests run without measuring times."""
    return bool(config.getoption(_DISABLE, False)) and not config.getoption(_ENABLE, False)


def timed_by(item: pytest.Item, clock: Playback, **options: Any) -> None:
    """Has pytest-benchmark time an item by a clock; what the test says itself stays.

    Args:
        item: The item, before its fixtures are made.
        clock: The clock.
        options: Further options of pytest-benchmark's marker.
    """
    given = item.get_closest_marker(BENCHMARK)
    told = {**options, **(given.kwargs if given else {}), "timer": clock}
    item.add_marker(pytest.mark.benchmark(**told), append=False)
