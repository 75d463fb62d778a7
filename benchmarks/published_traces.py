"""Traces of what published rows ran: pipelines, or a VAE or a denoiser alone.

A row that repeats another's configuration takes its trace. Loading is what takes longest, so a
pipeline is kept for the rows that follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from published_rows import Row, Scope

from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.base import Cost
from sdbench.predict.target import Capability
from sdbench.predict.trace import Trace
from sdbench.predict.tracing import Weightless
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

_GENERATIONS: tuple[Capability, ...] = ((8, 0), (7, 5), (6, 0))
"""Attention runs the same kernels on all devices of a generation."""
_LATENT_PIXELS = 8
_TOKENS = 77
_DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}


class Tracer:
    """Traces rows, each configuration once."""

    def __init__(self) -> None:
        self._traces: dict[str, Trace] = {}
        self._loaded: tuple[str, Weightless] | None = None

    def trace(self, row: Row) -> Trace:
        """What a row's call allocates.

        Raises:
            Unsupported: It cannot be told.
        """
        capability = next(known for known in _GENERATIONS if known <= row.capability)
        knobs = canonical_json(dict(row.knobs))
        key = f"{row.scope.name} {capability} {knobs}"
        if key not in self._traces:
            self._traces[key] = self._traced(row, capability)
        return self._traces[key]

    def _traced(self, row: Row, capability: Capability) -> Trace:
        weightless = self._weightless(row.knobs)
        if row.scope is not Scope.PIPELINE:
            return _alone(weightless, row, capability)
        return weightless.trace(row.knobs, capability)

    def _weightless(self, knobs: Mapping[str, JsonValue]) -> Weightless:
        key = canonical_json(Configuration(knobs).part(Cost.LOAD))
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None
            self._loaded = key, Weightless(Inputs(prompts=("a horse",)), knobs)
        return self._loaded[1]


def _alone(weightless: Weightless, row: Row, capability: Capability) -> Trace:
    """One model's call, beside no other's weights."""
    pipe, dtype = weightless.pipe, _DTYPES[str(row.knobs["dtype"])]

    def empty(*shape: int) -> torch.Tensor:
        return weightless.empty(shape, dtype)

    height, width = (_integer(row.knobs[side]) for side in ("height", "width"))
    latents = empty(1, 4, height // _LATENT_PIXELS, width // _LATENT_PIXELS)
    if row.scope is Scope.DENOISER:
        conditions = {"text_embeds": empty(1, 1280), "time_ids": empty(1, 6)}
        text, time = empty(1, _TOKENS, pipe.unet.config.cross_attention_dim), empty(1)

        def denoise() -> object:
            return pipe.unet(
                latents, time, encoder_hidden_states=text, added_cond_kwargs=conditions
            )

        inputs = [latents, time, text, *conditions.values()]
        return weightless.trace_alone(pipe.unet, inputs, denoise, capability)
    pipe.vae.use_tiling = row.knobs["vae_tiling"] == "on"
    if row.scope is Scope.DECODE:
        return weightless.trace_alone(
            pipe.vae, [latents], lambda: pipe.vae.decode(latents), capability
        )
    picture = empty(1, 3, height, width)
    return weightless.trace_alone(pipe.vae, [picture], lambda: pipe.vae.encode(picture), capability)


def _integer(value: Any) -> int:
    return int(value)
