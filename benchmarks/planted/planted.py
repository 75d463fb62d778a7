"""Changes that are planted into one side of an A/B job: known shares of the call, and a leak.

A share is one of the call without it, as this very process takes it: each call's own time is
measured, and work is added until the share of the median of the last ones is spent. The work is
real (a loop, a layer of the denoiser, a copy), in units so small that none counts; what one visit
spends too much, the next one spends less.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

LOOP, BLOCK, COPY, LEAK = "loop", "block", "copy", "leak"
"""A busy loop in the scheduler's step, a slower block of the denoiser, one extra copy before the
pictures are decoded; memory that is not given back."""

_CALLS_REMEMBERED = 21
"""Calls whose median is taken for what a call takes: enough that the first one and that of the
memory pass do not count."""


@dataclass(frozen=True)
class Change:
    """A planted change.

    Attributes:
        kind: Where it is.
        share: How much longer the call takes (0.05 = 5 %).
        size_bytes: What a call leaks.
    """

    kind: str
    share: float = 0.0
    size_bytes: int = 0


class Planted:
    """Adds work to the calls of some configurations, which are told apart by their guidance.

    Args:
        changes: The change of each, by guidance scale.
        clock: Seconds, for tests.
    """

    def __init__(
        self, changes: Mapping[float, Change], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._changes = changes
        self._clock = clock
        self._own_s: deque[float] = deque(maxlen=_CALLS_REMEMBERED)
        self._visits_of_last: Counter[str] = Counter()
        self._visits: Counter[str] = Counter()
        self._change: Change | None = None
        self._owed_s = 0.0
        self._spent_s = 0.0

    @contextmanager
    def call(self, guidance_scale: float) -> Iterator[Change | None]:
        """Is entered for the time of a call; gives the change that it meets with."""
        self._change = self._changes.get(round(guidance_scale, 4))
        self._visits = Counter()
        self._owed_s = self._spent_s = 0.0
        begun = self._clock()
        try:
            yield self._change
        finally:
            self._own_s.append(self._clock() - begun - self._spent_s)
            self._visits_of_last = self._visits
            self._change = None

    def visit(self, kind: str, work: Callable[[], object]) -> None:
        """Spends its part of the share, if this is the place of the call's change.

        Args:
            kind: The place.
            work: A unit of work.
        """
        self._visits[kind] += 1
        visits = self._visits_of_last[kind]
        if self._change is None or self._change.kind != kind or not visits:
            return
        before = self._clock()
        self._owed_s += self._change.share * median(self._own_s) / visits
        while self._owed_s > 0:
            work()
            now = self._clock()
            self._owed_s -= now - before
            self._spent_s += now - before
            before = now
