"""Memory format of the convolutions' weights: channels last instead of first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Applied, Code, SetupKnob, Switch, Unsupported
from sdbench.knobs.offload import OFFLOADS_WITH_COPIES


class ChannelsLastKnob(Switch, SetupKnob):
    name = "channels_last"
    summary = "channels-last memory format for the denoiser and the VAE"

    def apply(
        self, pipe: Any, value: JsonValue, knobs: Mapping[str, JsonValue], torch_device: str
    ) -> Applied:
        import torch

        if knobs["offload"] in OFFLOADS_WITH_COPIES:
            raise Unsupported(
                f"offload {knobs['offload']} brings weights to the device from its own copies, so "
                "channels_last changes nothing"
            )
        models = [
            model
            for model in (getattr(pipe, "unet", None), getattr(pipe, "vae", None))
            if model is not None and any(p.dim() == 4 for p in model.parameters())
        ]
        if not models or models == [getattr(pipe, "vae", None)]:
            raise Unsupported(
                f"the denoiser of {type(pipe).__name__} has no two-dimensional convolutions, so "
                "channels_last changes nothing"
            )
        for model in models:
            model.to(memory_format=torch.channels_last)

        def undo() -> None:
            for model in models:
                model.to(memory_format=torch.contiguous_format)

        return Applied(undo)

    def code(self, value: JsonValue) -> Code:
        if value == "off":
            return Code()
        return Code(
            imports=("import torch",),
            statements=(
                "pipe.unet.to(memory_format=torch.channels_last)",
                "pipe.vae.to(memory_format=torch.channels_last)",
            ),
        )
