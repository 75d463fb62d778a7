"""Traces of what published rows ran: pipelines, or a VAE or a denoiser alone.

A row that repeats another's configuration takes its trace. Loading is what takes longest, so a
pipeline is kept for the rows that follow.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from published_rows import Row, Scope
from torch.overrides import TorchFunctionMode

from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.base import Cost
from sdbench.predict import torch_private
from sdbench.predict.sdpa import Capability
from sdbench.predict.storage_log import StorageLog, ValuesOfNothing
from sdbench.predict.trace import Trace
from sdbench.predict.tracing import Weightless
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

_GENERATIONS: tuple[Capability, ...] = ((8, 0), (7, 5), (6, 0))
"""Attention runs the same kernels on all devices of a generation."""
_LATENT_PIXELS = 8
_TOKENS = 77
_LARGE_ELEMENTS = 2**20
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
        with _LargeHaveNoValues(weightless._mode):
            return weightless.trace(row.knobs, capability)

    def _weightless(self, knobs: Mapping[str, JsonValue]) -> Weightless:
        key = canonical_json(Configuration(knobs).part(Cost.LOAD))
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None
            self._loaded = key, Weightless(Inputs(prompts=("a horse",)), knobs)
        return self._loaded[1]


class _LargeHaveNoValues(TorchFunctionMode):
    """While entered, large tensors that come without values have none, nor memory for them.

    Plain attention asks for a matrix of scores: 32 GiB at batch 64.
    """

    def __init__(self, mode: Any) -> None:
        super().__init__()
        self._mode = mode

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.empty and _elements(args) > _LARGE_ELEMENTS:
            return torch_private.fake_empty(self._mode, args, kwargs["dtype"])
        return func(*args, **(kwargs or {}))


def _elements(sides: Sequence[Any]) -> int:
    """Elements of a tensor of these sides; 0 where they are given otherwise."""
    return math.prod(sides) if all(isinstance(side, int) for side in sides) else 0


def _alone(weightless: Weightless, row: Row, capability: Capability) -> Trace:
    """One model's call, beside no other's weights."""
    pipe, mode = weightless._loader.pipe, weightless._mode
    dtype = _DTYPES[str(row.knobs["dtype"])]

    def empty(*shape: int) -> torch.Tensor:
        return torch_private.fake_empty(mode, shape, dtype)

    model = pipe.unet if row.scope is Scope.DENOISER else pipe.vae
    if row.scope is not Scope.DENOISER:
        model.use_tiling = row.knobs["vae_tiling"] == "on"
    height, width = (_integer(row.knobs[side]) for side in ("height", "width"))
    latent = (1, 4, height // _LATENT_PIXELS, width // _LATENT_PIXELS)
    gc.collect()
    log = StorageLog(mode)
    log.begin([*model.parameters(), *model.buffers()])
    log.loaded()
    with torch.no_grad(), ValuesOfNothing(capability), log:
        if row.scope is Scope.ENCODE:
            log.begin([picture := empty(1, 3, height, width)])
            result = model.encode(picture)
        elif row.scope is Scope.DECODE:
            log.begin([latents := empty(*latent)])
            result = model.decode(latents)
        else:
            log.begin([noisy := empty(*latent)])
            conditions = {"text_embeds": empty(1, 1280), "time_ids": empty(1, 6)}
            text = empty(1, _TOKENS, model.config.cross_attention_dim)
            result = model(
                noisy, empty(1), encoder_hidden_states=text, added_cond_kwargs=conditions
            )
        trace = log.trace()
        del result
    return trace


def _integer(value: Any) -> int:
    return int(value)
