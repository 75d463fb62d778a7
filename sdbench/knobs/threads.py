"""Threads that torch uses for one operation on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Applied, Code, Effect, PositiveInteger, SetupKnob


class ThreadsKnob(PositiveInteger, SetupKnob):
    name = "threads"
    effect = Effect.NONE
    summary = "CPU threads of one operation; beside a GPU they serve what runs on the host"

    def apply(
        self, pipe: Any, value: JsonValue, knobs: Mapping[str, JsonValue], torch_device: str
    ) -> Applied:
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(value)
        return Applied(undo=lambda: torch.set_num_threads(before))

    def code(self, value: JsonValue) -> Code:
        if value is None:
            return Code()
        return Code(imports=("import torch",), statements=(f"torch.set_num_threads({value})",))
