from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sdbench.testing.playback import Playback, give_up


class Stopwatch:
    """Times as pytest-benchmark does: setup, clock, call, clock."""

    enabled = True

    def __init__(self, clock: Playback) -> None:
        self.extra_info: dict[str, Any] = {}
        self.clock = clock
        self.durations_s: list[float] = []

    def pedantic(
        self, target: Callable[[], None], setup: Callable[[], None] = lambda: None, rounds: int = 1
    ) -> None:
        for _ in range(rounds):
            setup()
            start = self.clock()
            target()
            self.durations_s.append(self.clock() - start)


def test_durations_are_the_samples_to_the_bit() -> None:
    samples_s = (0.1, 1e-9, 0.30000000000000004, 12345.678)
    clock = Playback()
    stopwatch = Stopwatch(clock)
    clock.play_back(stopwatch, samples_s)
    assert tuple(stopwatch.durations_s) == samples_s


def test_a_clock_without_samples_is_the_real_one() -> None:
    """A user's own benchmark in a test with the fixture would otherwise calibrate for ever."""
    clock = Playback()
    clock.play_back(Stopwatch(clock), (5.0,))
    before = clock()
    assert clock() >= before > 0


def test_giving_up_raises_nothing_and_leaves_no_duration() -> None:
    stopwatch = Stopwatch(Playback())
    give_up(stopwatch)
    assert stopwatch.durations_s == []
