"""The data type of weights and activations."""

from __future__ import annotations

from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Choice, Code, LoadKnob, Unsupported

TORCH_NAMES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


class DtypeKnob(Choice, LoadKnob):
    name = "dtype"
    choices = tuple(TORCH_NAMES)
    neutral = "fp32"
    summary = "data type of weights and activations"

    def load_arguments(self, value: JsonValue) -> dict[str, Any]:
        import torch

        return {"dtype": getattr(torch, TORCH_NAMES[str(value)])}

    def after_load(self, pipe: Any, value: JsonValue, torch_device: str) -> None:
        import torch

        wanted = getattr(torch, TORCH_NAMES[str(value)])
        if (
            wanted == torch.bfloat16
            and torch_device.startswith("cuda")
            and not torch.cuda.is_bf16_supported(including_emulation=False)
        ):
            raise Unsupported("this GPU has no bfloat16 arithmetic")
        denoiser = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
        if denoiser is not None and denoiser.dtype != wanted:
            raise Unsupported(
                f"{type(denoiser).__name__} was loaded as {denoiser.dtype}, though dtype is {value}"
            )

    def code(self, value: JsonValue) -> Code:
        return Code(
            imports=("import torch",), load_arguments=(f"dtype=torch.{TORCH_NAMES[str(value)]}",)
        )
