"""Where the weights wait while they are not needed: on the device, or in host memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Choice, Code, Effect, LoadKnob, Unsupported

GROUP_OPTIONS: Mapping[str, Mapping[str, str | int | bool]] = {
    "group": {"offload_type": "leaf_level", "use_stream": True},
    "group_blocks": {"offload_type": "block_level", "num_blocks_per_group": 1, "use_stream": True},
    "group_low_memory": {
        "offload_type": "leaf_level",
        "use_stream": True,
        "low_cpu_mem_usage": True,
    },
}
"""Arguments of diffusers' group offloading for each way: layer by layer, block by block (larger
and fewer copies), and layer by layer with host memory pinned only while it is copied from."""

OFFLOADS_WITH_COPIES = ("sequential", *GROUP_OPTIONS)
"""Bring weights to the device from copies of their own in host memory."""


class OffloadKnob(Choice, LoadKnob):
    """Groups are brought to the device ahead of time, by a stream of its own where CUDA has one."""

    name = "offload"
    effect = Effect.NONE
    choices = ("none", "model", "sequential", *GROUP_OPTIONS)
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
            options = dict(GROUP_OPTIONS[str(value)])
            if not torch_device.startswith("cuda"):
                for needs_stream in ("use_stream", "low_cpu_mem_usage"):
                    options.pop(needs_stream, None)
            pipe.enable_group_offload(
                onload_device=torch.device(torch_device),
                offload_device=torch.device("cpu"),
                **options,
            )

    def code(self, value: JsonValue) -> Code:
        if value == "none":
            return Code(statements=('pipe.to("{device}")',))
        if value in GROUP_OPTIONS:
            options = ", ".join(f"{k}={v!r}" for k, v in GROUP_OPTIONS[str(value)].items())
            return Code(
                imports=("import torch",),
                statements=(
                    'pipe.enable_group_offload(onload_device=torch.device("{device}"), '
                    f'offload_device=torch.device("cpu"), {options})',
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
