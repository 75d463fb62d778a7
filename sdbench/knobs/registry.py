"""All knobs by name, costly ones first: the order in which they are turned and shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from sdbench.jsontypes import JsonValue
from sdbench.knobs.allocator import AllocatorKnob
from sdbench.knobs.attention import AttentionKnob
from sdbench.knobs.attention_slicing import AttentionSlicingKnob
from sdbench.knobs.base import Knob
from sdbench.knobs.batch import BatchSizeKnob, PromptKnob
from sdbench.knobs.call_arguments import (
    GuidanceScaleKnob,
    HeightKnob,
    StepsKnob,
    StrengthKnob,
    WidthKnob,
)
from sdbench.knobs.channels_last import ChannelsLastKnob
from sdbench.knobs.compile import CompileKnob
from sdbench.knobs.dtype import DtypeKnob
from sdbench.knobs.offload import OffloadKnob
from sdbench.knobs.pipeline import PipelineKnob
from sdbench.knobs.safety_checker import SafetyCheckerKnob
from sdbench.knobs.scheduler import SchedulerKnob
from sdbench.knobs.task import TaskKnob
from sdbench.knobs.tf32 import Tf32Knob
from sdbench.knobs.threads import ThreadsKnob
from sdbench.knobs.vae import VaeSlicingKnob, VaeTilingKnob

_ALL: tuple[Knob, ...] = (
    PipelineKnob(),
    DtypeKnob(),
    OffloadKnob(),
    AllocatorKnob(),
    CompileKnob(),
    TaskKnob(),
    Tf32Knob(),
    ThreadsKnob(),
    ChannelsLastKnob(),
    SchedulerKnob(),
    AttentionKnob(),
    AttentionSlicingKnob(),
    VaeSlicingKnob(),
    VaeTilingKnob(),
    SafetyCheckerKnob(),
    StepsKnob(),
    HeightKnob(),
    WidthKnob(),
    GuidanceScaleKnob(),
    StrengthKnob(),
    BatchSizeKnob(),
    PromptKnob(),
)

KNOBS: Mapping[str, Knob] = MappingProxyType({knob.name: knob for knob in _ALL})


def neutral_values() -> dict[str, JsonValue]:
    """The value of every knob that leaves a pipeline as it was loaded."""
    return {knob.name: knob.neutral for knob in KNOBS.values()}


def describe(knobs: Mapping[str, JsonValue], names: Collection[str] | None = None) -> str:
    """Values as people read them: those that differ from neutral, or those of ``names``."""
    return ", ".join(
        f"{name} {KNOBS[name].text(value)}"
        for name, value in knobs.items()
        if (name in names if names is not None else value != KNOBS[name].neutral)
    )


def varying_knobs(all_knobs: Sequence[Mapping[str, JsonValue]]) -> tuple[str, ...]:
    """The knobs in which configurations differ: all that a line about one of them must name."""
    return tuple(
        name
        for name in KNOBS
        if any(knobs.get(name) != all_knobs[0].get(name) for knobs in all_knobs)
    )
