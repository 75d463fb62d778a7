"""A suite, validated: what outside text becomes before anything else looks at it.

The classes are plain frozen dataclasses; pydantic reads their annotations at the border
(`sdbench.suite.load`), and the same annotations make the published JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter

from sdbench.jsontypes import JsonValue
from sdbench.suite.gates import Gates
from sdbench.suite.quantities import Bytes, Count, Headroom, Ratio, Score, Seconds, Switch

_STRICT = ConfigDict(extra="forbid")

NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$"
"""What every file system takes as the name of a folder, and no shell takes for an option."""

HEADROOM_RATIO = 0.02
"""A peak that grows by less than this from one run to the next is no regression, so a configuration
that is recommended has to bear it."""

DEFAULT_MAX_CONFIGURATIONS = 10_000
"""At a second a configuration, a sweep of this size takes three hours."""


_SomeTexts = Annotated[tuple[str, ...], Field(min_length=1)]
_Kinds = tuple[Annotated[str, Field(min_length=1)], ...]


def _one_or_more(raw: Any) -> Any:
    return [raw] if isinstance(raw, str) else raw


class Metric(str, Enum):
    """What an objective minimises."""

    LATENCY_PER_IMAGE = "latency_per_image"
    LATENCY = "latency"
    MEMORY = "memory"


PICTURES = ("image", "mask")
"""What of `Inputs` names files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What every configuration is asked to draw."""

    __pydantic_config__ = _STRICT

    prompts: Annotated[
        _SomeTexts,
        BeforeValidator(_one_or_more, json_schema_input_type=str | _SomeTexts),
        Field(description="Prompts, cycled through to fill a batch."),
    ] = ("a photo of an astronaut riding a horse on mars",)
    negative_prompt: Annotated[str | None, Field(description="Negative prompt of every image.")] = (
        None
    )
    seed: Annotated[
        Count, Field(ge=0, description="Seed of the first image; image i uses seed + i.")
    ] = 0
    image: Annotated[
        str | None,
        Field(description="File of the picture to start from; without it, a drawn test card."),
    ] = None
    mask: Annotated[
        str | None,
        Field(description="File of the mask, white where to paint; without it, the centre."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a configuration is measured."""

    __pydantic_config__ = _STRICT

    warmup: Annotated[
        Count, Field(ge=1, le=100, description="Least number of calls before the timed ones.")
    ] = 1
    max_warmup: Annotated[
        Count, Field(ge=1, le=100, description="Most calls spent on reaching a steady state.")
    ] = 5
    min_samples: Annotated[Count, Field(ge=1, description="Least number of timed calls.")] = 6
    max_samples: Annotated[Count, Field(ge=1, description="Most timed calls.")] = 30
    target_interval: Annotated[
        Ratio,
        Field(description="Stop when the interval's half-width is below this share of the median."),
    ] = 0.01
    time_budget_s: Annotated[
        Seconds, Field(alias="time_budget", description="Longest time spent on timed calls.")
    ] = 60.0
    timeout_s: Annotated[
        Seconds,
        Field(alias="timeout", description="A configuration that takes longer is given up."),
    ] = 600.0
    load_timeout_s: Annotated[
        Seconds,
        Field(alias="load_timeout", description="A load that takes longer is given up."),
    ] = 1800.0
    default: Annotated[
        Switch,
        Field(description="Measure what diffusers does by itself too, to state gains against."),
    ] = True
    confirm_rounds: Annotated[
        Count,
        Field(ge=0, le=20, description="Fresh rounds for the fastest, so that luck is not chosen."),
    ] = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityProtocol:
    """How the agreement with the converged picture is measured."""

    __pydantic_config__ = _STRICT

    prompts: Annotated[
        _SomeTexts | None,
        BeforeValidator(_one_or_more, json_schema_input_type=str | _SomeTexts | None),
        Field(description="Prompts to draw; by default the inputs' own, filled up to four."),
    ] = None
    seeds: Annotated[
        Count, Field(ge=2, le=64, description="Seeds of each prompt: its own and those after it.")
    ] = 2
    reference_steps: Annotated[
        Count,
        Field(ge=2, description="N: the reference is drawn with N and with 2N steps."),
    ] = 100
    reference_scheduler: Annotated[
        JsonValue,
        Field(description="Sampler of the reference; by default one that fits the pipeline."),
    ] = None
    timeout_s: Annotated[
        Seconds,
        Field(alias="timeout", description="A drawing that takes longer is given up."),
    ] = 1800.0


def _off_is_none(raw: Any) -> Any:
    return None if raw in ("off", False) else raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a recommendation must keep to."""

    __pydantic_config__ = _STRICT

    memory_bytes: Annotated[
        Bytes | None, Field(alias="memory", description="Largest peak memory.")
    ] = None
    latency_s: Annotated[
        Seconds | None,
        Field(alias="latency", description="Longest p95 latency of one call."),
    ] = None
    fidelity: Annotated[
        Score | None, Field(description="Least fidelity, of the worst picture.")
    ] = None
    batch_size: Annotated[
        Count | None, Field(ge=1, description="Most images that one call may draw.")
    ] = None
    headroom_ratio: Annotated[
        Headroom,
        Field(
            alias="headroom",
            description="Share that a peak may grow by before it would break the memory limit.",
        ),
    ] = HEADROOM_RATIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a recommendation minimises."""

    __pydantic_config__ = _STRICT

    minimize: Annotated[Metric, Field(description="What is made as small as possible.")] = (
        Metric.LATENCY_PER_IMAGE
    )


@dataclass(frozen=True, slots=True)
class Axis:
    """A knob with the values that a suite sweeps."""

    knob: str
    values: tuple[JsonValue, ...]


Rule = Mapping[str, tuple[JsonValue, ...]]
"""For some knobs the values that match (in `Suite.exclude`) or are added (in `Suite.include`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A validated suite; every knob value in it is canonical.

    Attributes:
        name: Name of the suite; its results lie in a folder of this name.
        inputs: What every configuration is asked to draw.
        fixed: Values of knobs that all configurations share (the pipeline and the task
            among them).
        axes: What is swept; the last one varies fastest.
        exclude: A configuration is left out where all values of one of these rules match; a list
            in a rule matches each of its values.
        include: Configurations beside the product of the axes, whatever `exclude` says; a list
            stands for each value. A knob that the rule does not name is fixed or neutral.
        measure: How a configuration is measured.
        fidelity: How the agreement with the converged picture is; None where it is not.
        limits: What a recommendation must keep to.
        objective: What a recommendation minimises.
        gates: Which changes from one build to the next fail a job.
        max_configurations: A suite that stands for more configurations is refused.
        hardware: Kinds of GPU that a cluster is to measure it on, each once; all kinds that the
            cluster has where none is named. A run on one device pays it no attention.
        folder: What relative paths in it are relative to, absolute; None where that is not known,
            as for a stored suite. It is of one machine, and no part of what the suite is: neither
            compared nor dumped.
    """

    __pydantic_config__ = _STRICT

    name: Annotated[
        str,
        Field(
            pattern=NAME_PATTERN,
            description="Name of the suite and of its folder of results; by default the file's.",
        ),
    ]
    inputs: Inputs = field(default_factory=Inputs)
    fixed: Mapping[str, JsonValue] = field(default_factory=dict)
    axes: tuple[Axis, ...] = ()
    exclude: tuple[Rule, ...] = ()
    include: tuple[Rule, ...] = ()
    measure: Protocol = field(default_factory=Protocol)
    fidelity: Annotated[
        FidelityProtocol | None,
        BeforeValidator(
            _off_is_none, json_schema_input_type=FidelityProtocol | Literal["off", False]
        ),
    ] = field(default_factory=FidelityProtocol)
    limits: Limits = field(default_factory=Limits)
    objective: Objective = field(default_factory=Objective)
    gates: Gates = field(default_factory=Gates)
    max_configurations: Annotated[
        Count, Field(ge=1, description="Refuse to expand to more configurations than this.")
    ] = DEFAULT_MAX_CONFIGURATIONS
    hardware: Annotated[
        _Kinds,
        BeforeValidator(_one_or_more, json_schema_input_type=str | _Kinds),
        Field(
            description="Kinds of GPU that a cluster is to measure it on (`sdbench run --ray`), "
            "such as T4, L4 or A100-80GB; by default all that the cluster has."
        ),
    ] = ()
    folder: Annotated[Path | None, Field(exclude=True)] = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The suite as resolved, in the form that `sdbench.suite.load.suite_from_json` reads."""
        dumped: dict[str, Any] = SUITES.dump_python(self, mode="json", by_alias=False)
        return dumped


SUITES: TypeAdapter[Suite] = TypeAdapter(Suite)
