"""Gates: which changes from one build to the next fail a job, for each metric.

A margin is a share by which a time or a peak may grow (0.02 = 2 %), for fidelity the difference by
which a score may fall, for pictures the least PSNR in dB between the two builds' pictures. None
stands for ``off``: the metric is shown and fails nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from sdbench.jsontypes import JsonValue
from sdbench.knobs.registry import KNOBS
from sdbench.suite.margins import (
    ALL_STAGES,
    Growth,
    Margin,
    Missing,
    PicturePsnr,
    Slack,
    StageMargins,
)
from sdbench.suite.quantities import Headroom, Switch
from sdbench.units import MIB

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

    __pydantic_config__ = ConfigDict(extra="forbid")

    latency: Annotated[
        Margin, Field(description="Share by which a call may become slower, or off.")
    ] = LATENCY_MARGIN
    stages: Annotated[
        StageMargins,
        Field(description="The same for stages: one share for all, or a share by stage."),
    ] = field(default_factory=dict)
    load: Annotated[Margin, Field(description="The same for loading the pipeline.")] = None
    first_call: Annotated[Margin, Field(description="The same for the first call.")] = None
    peak_allocated: Annotated[
        Growth, Field(description="Share by which the peak of live tensors may grow, or off.")
    ] = MEMORY_MARGIN
    peak_reserved: Annotated[Growth, Field(description="The same of what the allocator held.")] = (
        None
    )
    peak_device_used: Annotated[
        Growth, Field(description="The same of what the worker used of the device.")
    ] = None
    memory_growth_bytes: Annotated[
        Slack,
        Field(
            alias="memory_growth",
            description="A peak that grows by no more than this is never a regression.",
        ),
    ] = LEAST_MEMORY_GROWTH_BYTES
    fidelity: Annotated[
        Growth, Field(description="How far the fidelity's score may fall, or off.")
    ] = FIDELITY_MARGIN
    picture_psnr_db: Annotated[
        PicturePsnr,
        Field(
            alias="picture",
            description="Least PSNR in dB between the two builds' pictures of one seed, or off.",
        ),
    ] = LEAST_PICTURE_PSNR_DB
    status: Annotated[
        Switch, Field(description="Whether a configuration that ended ok has to do so again.")
    ] = True
    missing: Annotated[
        Missing, Field(description="Whether a configuration without data on one side fails.")
    ] = True
    between_runs: Annotated[
        Headroom,
        Field(description="How much one build's times differ from run to run (a deviation)."),
    ] = BETWEEN_RUNS
    rules: tuple[GateRule, ...] = ()

    def for_knobs(self, knobs: Mapping[str, JsonValue]) -> Gates:
        """The gates of one configuration: those of all, changed by each rule that matches it.

        The margins of stages that a rule does not name stay, unless it speaks for all stages.
        """
        gates = self
        for rule in self.rules:
            if rule.concerns(knobs):
                gates = replace(gates, **gates._changed_by(rule))
        return gates

    def _changed_by(self, rule: GateRule) -> Mapping[str, Any]:
        stages = rule.gates.get("stages")
        if stages is None or ALL_STAGES in stages:
            return rule.gates
        return {**rule.gates, "stages": {**self.stages, **stages}}

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
        """Whether a configuration with these knobs matches; one that it lacks is neutral."""
        return all(
            knobs.get(knob, KNOBS[knob].neutral) in values
            for knob, values in self.configurations.items()
        )


GATE_FIELDS = tuple(one.name for one in fields(Gates) if one.name not in ("rules", "between_runs"))
"""What a rule may change."""
