"""How torch's allocator of CUDA memory cuts what it holds of the device."""

from __future__ import annotations

import os

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Choice, Code, Effect, LoadKnob, Unsupported

VARIABLE = "PYTORCH_ALLOC_CONF"
"""What torch reads its allocator's settings from, once, before the first allocation."""
_OLD_VARIABLE = "PYTORCH_CUDA_ALLOC_CONF"
_SETTING = "expandable_segments"


class AllocatorKnob(Choice, LoadKnob):
    """Expandable segments grow in place, so that fewer gaps are left that fit nothing.

    The allocator takes the setting at any time, for what it takes of the device from then on. It is
    turned before a pipeline is loaded, when the allocator holds nothing, so that all of the
    pipeline lies in segments of one kind.
    """

    name = "allocator"
    effect = Effect.NONE
    choices = ("default", "expandable_segments")
    neutral = "default"
    summary = "segments of CUDA memory: torch's default, or expandable ones against fragmentation"

    def __init__(self) -> None:
        self._is_turned = False

    def before_load(self, value: JsonValue, torch_device: str) -> None:
        if value == self.neutral and not self._is_turned:
            return
        if not torch_device.startswith("cuda"):
            raise Unsupported(
                f"expandable segments are a setting of the allocator of CUDA memory; on "
                f"{torch_device} it would change nothing"
            )
        own = os.environ.get(VARIABLE) or os.environ.get(_OLD_VARIABLE, "")
        if value != self.neutral and f"{_SETTING}:True" in own.replace(" ", ""):
            raise Unsupported(f"{VARIABLE} turns expandable segments on already")
        import torch

        is_on = value != self.neutral
        torch._C._accelerator_setAllocatorSettings(settings_with(own, is_on))
        self._is_turned = is_on

    def code(self, value: JsonValue) -> Code:
        if value == self.neutral:
            return Code()
        return Code(environment={VARIABLE: f"{_SETTING}:True"})


def settings_with(own: str, is_on: bool) -> str:
    """The allocator's settings of the environment, with expandable segments on, or off.

    Setting one alone would put all others back to torch's defaults.
    """
    others = [part for part in own.split(",") if part and _SETTING not in part]
    return ",".join([*others, f"{_SETTING}:{is_on}"])
