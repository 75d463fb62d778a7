"""A measured configuration as the model of latencies sees it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median

from sdbench.derive.cells import cell_key, loop_key, sampler_key, steps_of
from sdbench.results.record import Record, Status
from sdbench.results.table import accepted_samples, accepted_waits, stage_medians

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
        waited_ratio: Share of the call that it waited for a processor.
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

    def scaled(self, factors: Mapping[str, float]) -> Observation:
        """The same with each stage so many times as long, and the call with them."""
        stages_s = {name: factors[name] * seconds for name, seconds in self.stages_s.items()}
        ratio = math.fsum(stages_s.values()) / math.fsum(self.stages_s.values())
        return replace(self, call_s=self.call_s * ratio, stages_s=stages_s)

    def waiting(self, waited_ratio: float) -> Observation:
        """The same if it had waited for this share of the call, which all stages share alike."""
        waited, wanted = (min(one, MOST_WAITED_RATIO) for one in (self.waited_ratio, waited_ratio))
        if waited == wanted:
            return self
        factors = dict.fromkeys(self.stages_s, (1 - waited) / (1 - wanted))
        return replace(self.scaled(factors), waited_ratio=waited_ratio)


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
        waited_ratio=_waited_ratio(record),
    )


def _waited_ratio(record: Record) -> float:
    """By what share the median of the calls that count is longer for what they waited."""
    calls_s, waited_s = accepted_samples(record), accepted_waits(record)
    if not waited_s:
        return 0.0
    worked_s = [call_s - waited for call_s, waited in zip(calls_s, waited_s, strict=True)]
    return max(0.0, 1 - median(worked_s) / median(calls_s))
