"""torch.compile of the denoiser."""

from __future__ import annotations

from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Choice, Code, LoadKnob, Unsupported


class CompileKnob(Choice, LoadKnob):
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
        denoiser.compile(mode=value)

    def code(self, value: JsonValue) -> Code:
        if value == "off":
            return Code()
        return Code(
            statements=(
                'denoiser = getattr(pipe, "unet", None) or pipe.transformer',
                f'denoiser.compile(mode="{value}")',
            )
        )
