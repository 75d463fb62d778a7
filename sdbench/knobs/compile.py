"""torch.compile of the denoiser."""

from __future__ import annotations

from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Choice, Code, LoadKnob, Unsupported

_SHAPES = 256
"""Shapes of input that may be compiled for one loaded pipeline. Past torch's own limit of eight, it
would run uncompiled without an error."""


class CompileKnob(Choice, LoadKnob):
    """Each shape of input is compiled by itself (``dynamic=False``).

    Otherwise the second size that a sweep meets would be compiled for all sizes, and measured
    slower than where it comes first.
    """

    name = "compile"
    choices = ("off", "default", "reduce-overhead", "max-autotune")
    neutral = "off"
    summary = "mode of torch.compile for the denoiser"

    def after_load(self, pipe: Any, value: JsonValue, torch_device: str) -> None:
        if value == "off":
            return
        denoiser = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
        if denoiser is None:
            raise Unsupported(f"{type(pipe).__name__} has no unet or transformer to compile")
        if value == "reduce-overhead" and not torch_device.startswith("cuda"):
            raise Unsupported(
                f"reduce-overhead records CUDA graphs: on {torch_device} it would be the same as "
                "default"
            )
        import torch

        torch.compiler.reset()
        torch._dynamo.config.recompile_limit = _SHAPES
        denoiser.compile(mode=value, dynamic=False)

    def code(self, value: JsonValue) -> Code:
        if value == "off":
            return Code()
        return Code(
            statements=(
                'denoiser = getattr(pipe, "unet", None) or pipe.transformer',
                f'denoiser.compile(mode="{value}", dynamic=False)',
            )
        )
