"""TensorFloat-32 in matrix products and convolutions of fp32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Applied, Choice, Code, SetupKnob, Unsupported

_FIRST_CAPABILITY_WITH_TF32 = (8, 0)


class Tf32Knob(Choice, SetupKnob):
    name = "tf32"
    choices = ("default", "off", "on")
    neutral = "default"
    summary = "TensorFloat-32 for fp32 matrix products and convolutions (Ampere and later)"

    def apply(
        self, pipe: Any, value: JsonValue, knobs: Mapping[str, JsonValue], torch_device: str
    ) -> Applied:
        import torch

        if not torch_device.startswith("cuda"):
            raise Unsupported("TF32 exists on CUDA devices only")
        if torch.cuda.get_device_capability(torch_device) < _FIRST_CAPABILITY_WITH_TF32:
            raise Unsupported("TF32 needs a GPU of compute capability 8.0 or later")
        if knobs["dtype"] != "fp32":
            raise Unsupported(f"TF32 changes fp32 arithmetic only; dtype is {knobs['dtype']}")
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        before = matmul.allow_tf32, cudnn.allow_tf32
        matmul.allow_tf32 = cudnn.allow_tf32 = value == "on"

        def undo() -> None:
            matmul.allow_tf32, cudnn.allow_tf32 = before

        return Applied(undo)

    def code(self, value: JsonValue) -> Code:
        if value == "default":
            return Code()
        enabled = value == "on"
        return Code(
            imports=("import torch",),
            statements=(
                f"torch.backends.cuda.matmul.allow_tf32 = {enabled}",
                f"torch.backends.cudnn.allow_tf32 = {enabled}",
            ),
        )
