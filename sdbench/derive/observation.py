"""A measured configuration as the model of latencies sees it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median

from sdbench.derive.cells import cell_key, loop_key, sampler_key, steps_of
from sdbench.results.crowding import waited_ratio
from sdbench.results.record import Record, Status
from sdbench.results.table import accepted_samples, stage_medians

DENOISER, SCHEDULER_STEP, OTHER = "denoiser", "scheduler_step", "other"
"""Stages that grow with the steps; all others are passed once."""

MOST_WAITED_RATIO = 0.9
"""Of a call that waited for longer than this, what is left says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Medians over the timed calls of one configuration, in seconds.

    Attributes:
        key: Its key.
        cell: Its cell.
        sampler: Its scheduler.
        loop: See `loop_key`.
        steps: Its steps.
        evaluations: Evaluations of the denoiser in one call.
        call_s: One call.
        stages_s: Each stage's total in one call.
        images_per_call: Images of a call.
        waited_ratio: Share of the call spent waiting for a processor that other programs had.
    """

    key: str
    cell: str
    sampler: str
    loop: str
    steps: int
    evaluations: int
    call_s: float
    stages_s: Mapping[str, float]
    images_per_call: int
    waited_ratio: float = 0.0

    def stage(self, name: str) -> float:
        """Seconds of a stage; 0 where it was not passed."""
        return self.stages_s.get(name, 0.0)

    @property
    def fixed_s(self) -> dict[str, float]:
        """The stages that are passed once."""
        return {
            name: seconds
            for name, seconds in self.stages_s.items()
            if name not in (DENOISER, SCHEDULER_STEP, OTHER)
        }

    @property
    def shared_s(self) -> float:
        """Seconds of all stages that are passed once: the same work in all of a cell."""
        return math.fsum(self.fixed_s.values())

    def times(self, factors: Mapping[str, float], waited_ratio: float = 0.0) -> Observation:
        """The same with each stage so many times as long, and the call with them."""
        stages_s = {name: factors[name] * seconds for name, seconds in self.stages_s.items()}
        ratio = math.fsum(stages_s.values()) / math.fsum(self.stages_s.values())
        return replace(
            self, call_s=self.call_s * ratio, stages_s=stages_s, waited_ratio=waited_ratio
        )

    @property
    def unhindered(self) -> Observation:
        """The same without waiting for a processor, which all stages are taken to share."""
        if not self.waited_ratio:
            return self
        factor = 1 - min(self.waited_ratio, MOST_WAITED_RATIO)
        return self.times(dict.fromkeys(self.stages_s, factor))


def observe(record: Record) -> Observation | None:
    """What a record tells the model; None where it was not timed, or its steps are not known."""
    samples_s, steps = accepted_samples(record), steps_of(record.knobs)
    if record.status is not Status.OK or not samples_s or steps is None:
        return None
    call_s = median(samples_s)
    if call_s <= 0 or not record.images_per_call:
        return None
    stages_s = stage_medians(record) or {OTHER: call_s}
    return Observation(
        key=record.key,
        cell=cell_key(record.knobs),
        sampler=sampler_key(record.knobs),
        loop=loop_key(record.knobs),
        steps=steps,
        evaluations=record.denoiser_evaluations or steps,
        call_s=call_s,
        stages_s=stages_s,
        images_per_call=record.images_per_call,
        waited_ratio=waited_ratio(record.samples_s, record.waited_s) or 0.0,
    )
