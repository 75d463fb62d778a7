"""What can be given up so that a configuration needs less memory, and what each costs.

The costs are priors, from what people report and what libraries do; they order the search. What it
finds is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sdbench.jsontypes import JsonValue
from sdbench.knobs.registry import KNOBS
from sdbench.suite.configuration import Configuration

LOAD_STAGE = "load"
"""Stands for the stage where memory ran out while the pipeline was being loaded."""

DENOISER_STAGES = frozenset({"denoiser"})
VAE_STAGES = frozenset({"vae_decode", "vae_encode"})
CALL_STAGES = frozenset(
    {"text_encoding", "scheduler_step", "safety_checker", "other", *DENOISER_STAGES, *VAE_STAGES}
)
"""All but loading."""

PICTURE_LOSS = 0.05
"""A picture that is rounded otherwise counts as much as a call that takes 5 % longer."""

_HALF_SPEEDUP = 0.6
"""Time of half precision on a GPU: tensor cores, and half the bytes to move."""
_HALF_ON_CPU = 1.3
"""bf16 on a CPU without instructions for it is computed in fp32 and converted. fp16 takes several
times as long and is not tried."""
_VAE_SLICING = 1.01
"""The same work in smaller pieces, of a stage that is a small part of a call."""
_VAE_TILING = 1.15
"""Tiles overlap by a quarter on each side, so that pixels are decoded more than once."""
_SDPA = 1.0
"""Never slower than attention whose scores are written to memory."""
_ATTENTION_SLICING_AUTO = 1.2
_ATTENTION_SLICING_MAX = 1.5
"""Slices run one after the other: half of the heads at a time, or one."""
_HALF_BATCH = 1.1
"""Small batches leave more of a GPU idle."""
_HALF_BATCH_ON_CPU = 1.02
_MODEL_OFFLOAD = 1.25
"""Each model is copied to the device once a call."""
_GROUP_OFFLOAD = 1.5
"""The denoiser is copied once a step, beside the computation as far as it lasts as long."""
_SEQUENTIAL_OFFLOAD = 6.0
"""The denoiser is copied once a step, and the computation waits for it."""
_EXPANDABLE_SEGMENTS = 1.01
"""Mapping memory takes longer than taking a block, and only in the first calls."""

_PLAIN_ATTENTION = ("eager", "_native_math")
"""Attention that writes all scores to memory."""

_LEVELS_OF_OFFLOAD = {
    "none": 0,
    "model": 1,
    "group_blocks": 2,
    "group": 3,
    "group_low_memory": 3,
    "sequential": 4,
}


RungName = tuple[str, int]
"""A rung's dimension and level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One thing that can be given up.

    Attributes:
        dimension: Rungs of one dimension exclude each other.
        level: Of two rungs of one dimension, the one of the higher level needs no more memory.
        change: The knobs that it turns.
        stages: Stages whose peak it lowers; None for all of them.
        latency_factor: Seconds an image, as a multiple of those without it, as expected.
        changes_picture: Whether it rounds otherwise; the others draw the same picture.
        reason: Why it saves memory, in a phrase.
    """

    dimension: str
    level: int
    change: Mapping[str, JsonValue]
    stages: frozenset[str] | None = None
    latency_factor: float
    changes_picture: bool = False
    reason: str

    @property
    def name(self) -> RungName:
        """What tells it from other rungs for the same configuration."""
        return self.dimension, self.level

    @property
    def loss(self) -> float:
        """What it is expected to cost: the logarithm of the time, and something for the picture.

        A rung that is expected to be faster gains nothing by it: it would be turned for its own
        sake, not to save memory.
        """
        return max(0.0, math.log(self.latency_factor)) + PICTURE_LOSS * self.changes_picture

    def lowers(self, stage: str | None) -> bool:
        """Whether it lowers the peak within a stage; all of them may where it is not known."""
        return stage is None or self.stages is None or stage in self.stages


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of the device and of the runs so far decides which rungs there are.

    Attributes:
        torch_device: Where the pipeline runs, such as ``cpu`` or ``cuda:0``.
        has_bf16: Whether the device computes in bfloat16.
        half_dtype: The half precision that the suite sweeps; None where it sweeps none.
        has_plain_attention: Whether the pipeline was seen to write all attention scores to memory.
        is_fragmented: Whether the allocator was seen to hold memory that nothing fitted into.
    """

    torch_device: str
    has_bf16: bool = True
    half_dtype: str | None = None
    has_plain_attention: bool = False
    is_fragmented: bool = False

    @property
    def is_cpu(self) -> bool:
        """Whether there is no memory but the host's."""
        return self.torch_device == "cpu"


def rungs(wanted: Configuration, around: Surroundings) -> tuple[Rung, ...]:
    """All that can be given up of a configuration, by dimension, each by rising level."""
    return (
        *_precision(wanted, around),
        *_vae(wanted),
        *_attention(wanted, around),
        *_batch(wanted, around),
        *_offload(wanted, around),
        *_allocator(wanted, around),
    )


def _precision(wanted: Configuration, around: Surroundings) -> Iterator[Rung]:
    if wanted.knobs["dtype"] != KNOBS["dtype"].neutral:
        return
    half = around.half_dtype or ("bf16" if around.has_bf16 or around.is_cpu else "fp16")
    if around.is_cpu and half == "fp16":
        half = "bf16"
    change: dict[str, JsonValue] = {"dtype": half}
    if wanted.knobs["tf32"] != KNOBS["tf32"].neutral:
        change["tf32"] = KNOBS["tf32"].neutral  # it changes the arithmetic of fp32 alone
    yield Rung(
        dimension="dtype",
        level=1,
        change=change,
        latency_factor=_HALF_ON_CPU if around.is_cpu else _HALF_SPEEDUP,
        changes_picture=True,
        reason="halves weights and activations, and rounds pictures otherwise",
    )


def _vae(wanted: Configuration) -> Iterator[Rung]:
    batch = wanted.knobs["batch_size"]
    assert isinstance(batch, int)
    if wanted.knobs["vae_slicing"] == "off" and batch > 1:
        yield Rung(
            dimension="vae_slicing",
            level=1,
            change={"vae_slicing": "on"},
            stages=VAE_STAGES,
            latency_factor=_VAE_SLICING,
            reason="decodes one image at a time",
        )
    if wanted.knobs["vae_tiling"] == "off":
        yield Rung(
            dimension="vae_tiling",
            level=1,
            change={"vae_tiling": "on"},
            stages=VAE_STAGES,
            latency_factor=_VAE_TILING,
            changes_picture=True,
            reason="decodes tile by tile, which changes pictures slightly where tiles meet",
        )


def _attention(wanted: Configuration, around: Surroundings) -> Iterator[Rung]:
    """None where attention is memory-efficient already: slices would only replace it."""
    is_asked_for = wanted.knobs["attention"] in _PLAIN_ATTENTION
    is_sliced = wanted.knobs["attention_slicing"] != "off"
    if is_sliced or not (is_asked_for or around.has_plain_attention):
        return
    back = {"attention": KNOBS["attention"].neutral} if is_asked_for else {}
    slicings = (("auto", _ATTENTION_SLICING_AUTO), ("max", _ATTENTION_SLICING_MAX))
    for level, (slices, factor) in enumerate(slicings, start=1):
        yield Rung(
            dimension="attention",
            level=level,
            change={**back, "attention_slicing": slices},
            stages=DENOISER_STAGES,
            latency_factor=factor,
            changes_picture=True,
            reason="computes some heads of attention at a time",
        )
    if is_asked_for:
        yield Rung(
            dimension="attention",
            level=len(slicings) + 1,
            change=back,
            stages=DENOISER_STAGES | VAE_STAGES,
            latency_factor=_SDPA,
            changes_picture=True,
            reason="the fused product writes no scores to memory, and rounds otherwise",
        )


def _batch(wanted: Configuration, around: Surroundings) -> Iterator[Rung]:
    batch, level = wanted.knobs["batch_size"], 0
    assert isinstance(batch, int)
    per_halving = _HALF_BATCH_ON_CPU if around.is_cpu else _HALF_BATCH
    while batch > 1:
        batch, level = batch // 2, level + 1
        change: dict[str, JsonValue] = {"batch_size": batch}
        if batch == 1 and wanted.knobs["vae_slicing"] == "on":
            change["vae_slicing"] = "off"  # one image has no parts
        yield Rung(
            dimension="batch_size",
            level=level,
            change=change,
            stages=CALL_STAGES,
            latency_factor=per_halving**level,
            reason="fewer pictures at a time, in more calls",
        )


def _offload(wanted: Configuration, around: Surroundings) -> Iterator[Rung]:
    if around.is_cpu:
        return
    ways = (
        ("model", _MODEL_OFFLOAD, "one model at a time is on the device"),
        ("group", _GROUP_OFFLOAD, "few layers at a time are on the device, copied ahead"),
        ("sequential", _SEQUENTIAL_OFFLOAD, "one layer at a time is on the device"),
    )
    present = _LEVELS_OF_OFFLOAD[str(wanted.knobs["offload"])]
    for way, factor, reason in ways:
        level = _LEVELS_OF_OFFLOAD[way]
        if level > present:
            yield Rung(
                dimension="offload",
                level=level,
                change={"offload": way},
                latency_factor=factor,
                reason=reason,
            )


def _allocator(wanted: Configuration, around: Surroundings) -> Iterator[Rung]:
    if around.is_fragmented and not around.is_cpu and wanted.knobs["allocator"] == "default":
        yield Rung(
            dimension="allocator",
            level=1,
            change={"allocator": "expandable_segments"},
            latency_factor=_EXPANDABLE_SEGMENTS,
            reason="leaves fewer gaps in the memory that the allocator holds",
        )
