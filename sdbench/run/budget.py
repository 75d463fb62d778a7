"""The time that a run may take: it begins nothing that is not expected to end within it."""

from __future__ import annotations

import time
from collections.abc import Callable

from sdbench.run.plan import load_key
from sdbench.suite.configuration import Configuration

RESERVED_RATIO = 0.2
"""Share of a budget that is left for measuring the best ones, and for their fresh rounds: what is
recommended is worth more than one more configuration that is not."""


class Budget:
    """A time that runs from `begin` on; without one there is no end.

    What a configuration will take is not known before. As a guide serves the longest that any one
    of its load has taken so far, the loading apart: a bound that comes near where a load's
    configurations are alike, and is too careful where they are not. The first one of a load is
    begun as long as any time is left, and may go beyond it by what it takes.

    Args:
        total_s: Seconds in all; None for no end.
        clock: Tells the time in seconds.
    """

    def __init__(
        self, total_s: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total_s = total_s
        self._clock = clock
        self._begun: float | None = None
        self._longest_s: dict[str, float] = {}
        self._has_refused = False

    @property
    def is_limited(self) -> bool:
        """Whether there is an end at all."""
        return self._total_s is not None

    @property
    def has_refused(self) -> bool:
        """Whether anything was not begun since the time did not suffice."""
        return self._has_refused

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began; 0 before."""
        return 0.0 if self._begun is None else self._clock() - self._begun

    def begin(self) -> None:
        """From now on time counts."""
        self._begun = self._clock()

    def left_s(self, *, reserved_ratio: float = 0.0) -> float:
        """Seconds that are left, without a share of all that is for something else."""
        if self._total_s is None:
            return float("inf")
        return self._total_s * (1 - reserved_ratio) - self.elapsed_s

    def allows(self, *configurations: Configuration, reserved_ratio: float = 0.0) -> bool:
        """Whether configurations may be begun; that some were refused is remembered.

        Args:
            configurations: What is to be measured, or drawn, one after the other.
            reserved_ratio: Share of the budget that they may not use.
        """
        left_s = self.left_s(reserved_ratio=reserved_ratio)
        expected_s = sum(self._longest_s.get(load_key(one), 0.0) for one in configurations)
        is_allowed = not configurations or (left_s > 0 and expected_s <= left_s)
        self._has_refused |= not is_allowed
        return is_allowed

    def took(self, configuration: Configuration, since_s: float, load_s: float | None) -> None:
        """Remembers what a configuration took.

        Args:
            configuration: What was measured.
            since_s: `elapsed_s` when it was begun.
            load_s: Seconds of these that loading took, which others of its load are spared.
        """
        key = load_key(configuration)
        took_s = self.elapsed_s - since_s - (load_s or 0.0)
        self._longest_s[key] = max(self._longest_s.get(key, 0.0), took_s)
