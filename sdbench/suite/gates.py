"""Gates: which changes from one build to the next fail a job, for each metric.

A margin is a share by which a time or a peak may grow (0.02 = 2 %), for fidelity the difference by
which a score may fall, for pictures the least PSNR in dB between the two builds' pictures. None
stands for ``off``: the metric is shown and fails nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.units import MIB

ALL_STAGES = "all"
"""Stands for every stage in `Gates.stages`."""

LATENCY_MARGIN = 0.02
MEMORY_MARGIN = 0.02
FIDELITY_MARGIN = 0.02
LEAST_PICTURE_PSNR_DB = 30.0
LEAST_MEMORY_GROWTH_BYTES = 16 * MIB
BETWEEN_RUNS = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What fails a job.

    Attributes:
        latency: Share by which a call may become slower.
        stages: The same for stages, by name; `ALL_STAGES` for all others.
        load: The same for loading the pipeline.
        first_call: The same for the first call.
        peak_allocated: Share by which the peak of live tensors may grow.
        peak_reserved: The same of what the allocator held.
        peak_device_used: The same of what the worker used of the device.
        memory_growth_bytes: A peak that grows by no more than this is never a regression.
        fidelity: How far the fidelity's score may fall.
        picture_psnr_db: Least PSNR between the two builds' pictures of one seed.
        status: Whether a configuration that ended ``ok`` has to do so again.
        missing: Whether a configuration without data on one side fails the job.
        between_runs: Standard deviation of one build's times from run to run (0.03 = 3 %), which
            two stored runs cannot tell.
        rules: Other gates for some configurations, in the order in which they apply.
    """

    latency: float | None = LATENCY_MARGIN
    stages: Mapping[str, float | None] = field(default_factory=dict)
    load: float | None = None
    first_call: float | None = None
    peak_allocated: float | None = MEMORY_MARGIN
    peak_reserved: float | None = None
    peak_device_used: float | None = None
    memory_growth_bytes: int = LEAST_MEMORY_GROWTH_BYTES
    fidelity: float | None = FIDELITY_MARGIN
    picture_psnr_db: float | None = LEAST_PICTURE_PSNR_DB
    status: bool = True
    missing: bool = True
    between_runs: float = BETWEEN_RUNS
    rules: tuple[GateRule, ...] = ()

    def for_knobs(self, knobs: Mapping[str, JsonValue]) -> Gates:
        """The gates of one configuration: those of all, changed by each rule that matches it."""
        gates = self
        for rule in self.rules:
            if rule.concerns(knobs):
                gates = replace(gates, **rule.gates)
        return gates

    def stage(self, name: str) -> float | None:
        """The margin of a stage, or None where it is not gated."""
        return self.stages.get(name, self.stages.get(ALL_STAGES))


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """Other gates for some configurations.

    Attributes:
        configurations: For some knobs the values that match; all of them must.
        gates: What of `Gates` is changed, by field.
    """

    configurations: Mapping[str, tuple[JsonValue, ...]]
    gates: Mapping[str, Any]

    def concerns(self, knobs: Mapping[str, JsonValue]) -> bool:
        """Whether a configuration with these knobs matches."""
        return all(knobs.get(knob) in values for knob, values in self.configurations.items())


GATE_FIELDS = tuple(one.name for one in fields(Gates) if one.name not in ("rules", "between_runs"))
"""What a rule may change."""
