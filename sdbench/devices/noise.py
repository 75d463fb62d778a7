"""The noise of a simulated machine: what its times vary by, from call to call and over hours.

    log latency = process + round + iteration + state of the machine + thermal ramp + spikes

What belongs to a process is drawn once for each worker. The state belongs to the machine: workers
that run one after the other on one `Machine` meet it where the last one left it.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

_Share = Annotated[float, Field(ge=0)]
_Seconds = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How large each part is; all are shares of a call's duration (0.02 = 2 %).

    Attributes:
        process_ratio: Standard deviation of what a process adds to all of its calls.
        round_ratio: Standard deviation of what it adds to those of one round.
        iteration_ratio: Standard deviation from call to call.
        drift_ratio: Standard deviation of the machine's state, an Ornstein-Uhlenbeck process
            (what AR(1) is in continuous time).
        drift_time_s: Seconds after which the state is forgotten but for a share of 1/e.
        ramp_ratio: How much longer calls take once the machine is warm.
        ramp_time_s: Seconds of use after which it is warm but for a share of 1/e.
        spike_share: Share of calls that something interrupts.
        spike_ratio: How much longer such a call takes.
        seed: Seed of all that is drawn; None for another one in each process, as real noise is.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    process_ratio: _Share = 0.0
    round_ratio: _Share = 0.0
    iteration_ratio: _Share = 0.0
    drift_ratio: _Share = 0.0
    drift_time_s: _Seconds = 60.0
    ramp_ratio: _Share = 0.0
    ramp_time_s: _Seconds = 120.0
    spike_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    spike_ratio: _Share = 0.0
    seed: int | None = None


class Machine:
    """What outlives a worker: the simulated clock, and the state that drifts with it.

    Args:
        noise: How large each part of the noise is.
    """

    def __init__(self, noise: Noise) -> None:
        self._noise = noise
        self._random = random.Random(noise.seed)
        self._state = self._random.gauss(0, noise.drift_ratio)
        self._state_ns = 0
        self.now_ns = 0

    def advance(self, duration_s: float) -> None:
        """Lets time pass."""
        self.now_ns += round(duration_s * 1e9)

    def process_log(self) -> float:
        """Draws what a new worker adds to the logarithm of all of its durations."""
        return self._random.gauss(0, self._noise.process_ratio)

    def round_log(self) -> float:
        """Draws what a worker adds in one round."""
        return self._random.gauss(0, self._noise.round_ratio)

    def call_log(self) -> float:
        """What the call that begins now adds: its own noise, the machine's state, a spike."""
        noise = self._noise
        added = self._random.gauss(0, noise.iteration_ratio) + self._drifted()
        warm = 1 - math.exp(-self.now_ns * 1e-9 / noise.ramp_time_s)
        added += math.log1p(noise.ramp_ratio) * warm
        if self._random.random() < noise.spike_share:
            added += math.log1p(noise.spike_ratio)
        return added

    def _drifted(self) -> float:
        """The state as it is now; exact for any time since it was last looked at."""
        passed_s = (self.now_ns - self._state_ns) * 1e-9
        kept = math.exp(-passed_s / self._noise.drift_time_s)
        fresh = self._noise.drift_ratio * math.sqrt(1 - kept**2)
        self._state = kept * self._state + self._random.gauss(0, fresh)
        self._state_ns = self.now_ns
        return self._state
