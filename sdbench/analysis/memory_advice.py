"""What may make a configuration fit that ran out of memory: knobs that exist and are not turned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sdbench.jsontypes import JsonValue
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Record
from sdbench.units import format_bytes

_VAE_STAGES = ("vae_encode", "vae_decode")
_ATTENTION_STAGES = ("denoiser", "other")
_QUADRATIC_ATTENTION = ("eager", "sliced", "_native_math")
"""Ways of attention that hold scores of all pairs of pixels, in whole or in slices."""
_HALF = ("fp16", "bf16")


@dataclass(frozen=True, slots=True)
class Idea:
    """A knob that is worth turning, untried.

    Attributes:
        knob: The knob.
        words: How it is turned, and for what.
    """

    knob: str
    words: str


def memory_advice(record: Record) -> str:
    """What to try after a record that ran out of memory, in a sentence; empty where nothing is."""
    remedies = list(dict.fromkeys(idea.words for idea in ideas(record)))
    return f"Worth a try: {', '.join(remedies)}." if remedies else ""


def ideas(record: Record) -> tuple[Idea, ...]:
    """What to try after a record that ran out of memory, what changes least first."""
    moment = record.out_of_memory
    return () if moment is None else tuple(_remedies(moment, record.knobs))


def _remedies(moment: OutOfMemory, knobs: Mapping[str, JsonValue]) -> Iterator[Idea]:
    yield from _against_fragmentation(moment, knobs)
    if moment.phase == "loading":
        yield from _while_loading(knobs)
        return
    is_batch = _number(knobs.get("batch_size")) > 1
    if moment.stage in _VAE_STAGES:
        if is_batch and knobs.get("vae_slicing") == "off":
            yield Idea("vae_slicing", "vae_slicing on")
        if knobs.get("vae_tiling") == "off":
            yield Idea("vae_tiling", "vae_tiling on (for images larger than one tile)")
    if is_batch:
        yield Idea("batch_size", "a smaller batch_size")
    yield from _half_precision(knobs)
    if moment.stage in _ATTENTION_STAGES and knobs.get("attention") in _QUADRATIC_ATTENTION:
        yield Idea("attention", "attention sdpa")
    yield from _offloading(knobs)


def _against_fragmentation(moment: OutOfMemory, knobs: Mapping[str, JsonValue]) -> Iterator[Idea]:
    """The allocator held enough, but in pieces too small: gaps."""
    held, requested = moment.reserved_unallocated_bytes, moment.requested_bytes
    is_fragmented = held is not None and requested is not None and held >= requested > 0
    is_off = moment.suggests_expandable_segments and knobs.get("allocator") == "default"
    if is_fragmented and is_off:
        yield Idea(
            "allocator",
            f"allocator expandable_segments (against fragmentation: {format_bytes(held)} were held "
            "and unused, in pieces too small)",
        )


def _while_loading(knobs: Mapping[str, JsonValue]) -> Iterator[Idea]:
    yield from _half_precision(knobs)
    source = knobs.get("pipeline")
    names = set(source) if isinstance(source, Mapping) else set()
    if names & {"id", "path"} and "variant" not in names and knobs.get("dtype") in _HALF:
        words = "`variant: fp16` beside the pipeline, where it has files in half precision"
        yield Idea("pipeline", words)
    yield from _offloading(knobs)


def _half_precision(knobs: Mapping[str, JsonValue]) -> Iterator[Idea]:
    if knobs.get("dtype") == "fp32":
        yield Idea("dtype", "dtype fp16 or bf16")


def _offloading(knobs: Mapping[str, JsonValue]) -> Iterator[Idea]:
    match knobs.get("offload"):
        case "none":
            yield Idea("offload", "offload model (on a GPU)")
        case "model":
            yield Idea("offload", "offload group or sequential")


def _number(value: JsonValue) -> float:
    return value if isinstance(value, (int, float)) else 1
