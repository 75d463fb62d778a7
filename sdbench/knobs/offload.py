"""Where the weights wait while they are not needed: on the device, or in host memory."""

from __future__ import annotations

from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Choice, Code, Effect, LoadKnob, Unsupported


class OffloadKnob(Choice, LoadKnob):
    name = "offload"
    effect = Effect.NONE
    choices = ("none", "model", "sequential", "group")
    neutral = "none"
    summary = "keep weights in host memory: none, whole models, each layer, or groups of layers"

    def after_load(self, pipe: Any, value: JsonValue, torch_device: str) -> None:
        if value == "none":
            pipe.to(torch_device)
            return
        if torch_device == "cpu":
            raise Unsupported(
                "offload moves weights between an accelerator and host memory; this is the CPU"
            )
        import torch

        if value == "model":
            _offload_models(pipe, torch_device)
        elif value == "sequential":
            pipe.enable_sequential_cpu_offload(device=torch_device)
        else:
            pipe.enable_group_offload(
                onload_device=torch.device(torch_device),
                offload_device=torch.device("cpu"),
                offload_type="leaf_level",
                use_stream=torch_device.startswith("cuda"),
            )

    def code(self, value: JsonValue) -> Code:
        if value == "none":
            return Code(statements=('pipe.to("{device}")',))
        if value == "group":
            return Code(
                imports=("import torch",),
                statements=(
                    'pipe.enable_group_offload(onload_device=torch.device("{device}"), '
                    'offload_device=torch.device("cpu"), offload_type="leaf_level", '
                    "use_stream=True)",
                ),
            )
        return Code(statements=(f'pipe.enable_{value}_cpu_offload(device="{{device}}")',))


def hand_over(pipe: Any, value: JsonValue, torch_device: str) -> None:
    """Lets another pipeline with the same components go on offloading them.

    Whole models are moved by hooks that one pipeline object owns and takes off the device after
    its calls. The other ways are hooks of the modules alone, which all their pipelines share.

    Raises:
        Unsupported: This kind of pipeline does not say in which order its models run.
    """
    if value == "model":
        _offload_models(pipe, torch_device)


def _offload_models(pipe: Any, torch_device: str) -> None:
    if getattr(pipe, "model_cpu_offload_seq", None) is None:
        raise Unsupported(
            f"{type(pipe).__name__} does not say in which order its models run, which offload "
            "model needs"
        )
    pipe.enable_model_cpu_offload(device=torch_device)
