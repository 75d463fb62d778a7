"""Traces what one call of a configuration allocates, by running it without values."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Unsupported
from sdbench.knobs.registry import KNOBS
from sdbench.knobs.task import Task, task_of
from sdbench.pipelines.effective import modules
from sdbench.predict import torch_private
from sdbench.predict.loading import WeightlessLoader
from sdbench.predict.replay import replayed
from sdbench.predict.residency import bytes_of, offload
from sdbench.predict.storage_log import StorageLog, ValuesOfNothing
from sdbench.predict.target import Capability
from sdbench.predict.trace import Trace
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

_BF16_FROM: Capability = (8, 0)
_TF32_FROM: Capability = (8, 0)
_STEPS = 5
"""Samplers keep up to four steps' results (LMS, PNDM), as large as latents. Of the evaluations of
the denoiser all but the first are told by it."""
_LEAST_DEFAULT_STRENGTH = 0.3
"""Of image-to-image pipelines: SDXL's."""


class Weightless:
    """A pipeline without weights, of which many configurations can be traced.

    Args:
        inputs: What it is asked to draw.
        knobs: The values of all knobs; those of the load are turned.
        trust_remote_code: Whether the user allowed code from a model's repository to run.

    Raises:
        LoadError: It cannot be found or read, or its code is not trusted.
        Unsupported: A load knob cannot be turned to its value here.
    """

    def __init__(
        self, inputs: Inputs, knobs: Mapping[str, JsonValue], trust_remote_code: bool = False
    ) -> None:
        self._mode = torch_private.fake_mode()
        self._loader = WeightlessLoader(inputs, self._mode, trust_remote_code)
        self._load_knobs = knobs
        self._pipeline = self._loader.load(knobs)

    @property
    def pipe(self) -> Any:
        """The diffusers pipeline; another one after a trace that left it changed."""
        return self._loader.pipe

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        """A tensor without values, that the pipeline's models can be called with."""
        return torch_private.fake_empty(self._mode, shape, dtype)

    def trace(self, knobs: Mapping[str, JsonValue], capability: Capability | None) -> Trace:
        """What one call of a configuration allocates.

        Args:
            knobs: The values of all knobs; those of the load as they were loaded. ``offload`` and
                ``compile`` are no part of this load.
            capability: Compute capability of a CUDA device, such as (8, 0); None for the CPU.

        Raises:
            Unsupported: A knob cannot be turned to its value, or would change nothing, or its
                effect on memory is not known.
        """
        _refuse(knobs, capability)
        try:
            return self._trace(knobs, capability)
        except torch_private.UNKNOWABLE as error:
            raise Unsupported(
                f"what it allocates depends on values that are not computed: {error}"
            ) from error
        finally:
            if self._pipeline.left_changed():
                self._pipeline = self._loader.load(self._load_knobs)

    def trace_alone(
        self,
        model: torch.nn.Module,
        inputs: Sequence[torch.Tensor],
        call: Callable[[], object],
        capability: Capability | None,
    ) -> Trace:
        """What a call of one model allocates, with no other's weights beside it.

        Args:
            model: A model of the pipeline.
            inputs: Tensors that are there from the beginning of the call; see `empty`.
            call: Calls the model.
            capability: Compute capability of a CUDA device, such as (8, 0); None for the CPU.
        """
        log = StorageLog(self._mode)
        log.begin([*model.parameters(), *model.buffers()])
        log.loaded()
        gc.collect()
        with torch.no_grad(), ValuesOfNothing(capability), log:
            log.begin(inputs)
            result = call()
            trace = log.trace()
            del result
        return trace

    def _trace(self, knobs: Mapping[str, JsonValue], capability: Capability | None) -> Trace:
        configuration = Configuration({**knobs, **_simplified(knobs, capability)})
        log = StorageLog(self._mode)
        with ExitStack() as undo:
            undo.enter_context(torch_private.conversions_replace_parameters())
            call = undo.enter_context(self._pipeline.configured(configuration))
            weights = list(call.resident())
            resident = weights
            if knobs["offload"] != "none":
                resident = offload(self.pipe, str(knobs["offload"]), log, undo)
            log.begin(resident)
            host_bytes = bytes_of(weights) - bytes_of(resident)
            del weights, resident
            log.loaded()
            gc.collect()
            call.prepare()
            models = modules(self.pipe).values()
            undo.enter_context(replayed(models, log, self._mode))
            with ValuesOfNothing(capability), log, call.observed(log):
                images = call()
            trace = log.trace(host_bytes)
            call.verify(images)
        return trace


def trace(inputs: Inputs, knobs: Mapping[str, JsonValue], capability: Capability | None) -> Trace:
    """What one call of a configuration allocates; see `Weightless`."""
    return Weightless(inputs, knobs).trace(knobs, capability)


def _refuse(knobs: Mapping[str, JsonValue], capability: Capability | None) -> None:
    if knobs["compile"] != "off":
        raise Unsupported("the memory of compiled modules is not predicted")
    if knobs["attention"] == "xformers":
        raise Unsupported("the memory of xformers' attention is not predicted")
    offload, channels_last = knobs["offload"], KNOBS["channels_last"]
    if capability is None:
        if offload != "none":
            raise Unsupported(
                "offload moves weights between an accelerator and host memory; this is the CPU"
            )
        return
    if knobs[channels_last.name] != channels_last.neutral and offload in ("sequential", "group"):
        raise Unsupported(
            f"offload {offload} brings weights to the device from its own copies, so channels_last "
            "changes nothing"
        )
    if knobs["dtype"] == "bf16" and capability < _BF16_FROM:
        raise Unsupported("this GPU has no bfloat16 arithmetic")
    if knobs["tf32"] != "default":
        if capability < _TF32_FROM:
            raise Unsupported("TF32 needs a GPU of compute capability 8.0 or later")
        if knobs["dtype"] != "fp32":
            raise Unsupported(f"TF32 changes fp32 arithmetic only; dtype is {knobs['dtype']}")


def _simplified(
    knobs: Mapping[str, JsonValue], capability: Capability | None
) -> dict[str, JsonValue]:
    """The values that cost less to trace, or that only a device has, and need the same memory."""
    simplified: dict[str, JsonValue] = {
        "steps": _fewest_steps(knobs),
        "threads": None,
        "offload": "none",
    }
    return simplified if capability is None else {**simplified, "tf32": "default"}


def _fewest_steps(knobs: Mapping[str, JsonValue]) -> int:
    """Steps after which nothing new is kept, or those that were asked for where they are fewer."""
    asked, strength = knobs["steps"], 1.0
    if task_of(knobs) is not Task.TEXT_TO_IMAGE:
        given = knobs["strength"]
        strength = given if isinstance(given, float) else _LEAST_DEFAULT_STRENGTH
    needed = math.ceil(_STEPS / strength)
    return min(asked, needed) if isinstance(asked, int) else needed
