"""Attention in slices: less memory at once, in place of scaled-dot-product attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdbench.errors import IllegalValue
from sdbench.jsontypes import JsonValue
from sdbench.knobs.attention import remember_processors, slice_attention
from sdbench.knobs.base import Applied, Code, SetupKnob


class AttentionSlicingKnob(SetupKnob):
    """Values are ``off``, ``auto``, ``max`` or a slice size; slicing REPLACES SDPA."""

    name = "attention_slicing"
    neutral = "off"
    summary = "off, auto, max or a slice size; replaces scaled-dot-product attention"

    def parse(self, raw: JsonValue) -> JsonValue:
        if raw is False:
            return "off"
        is_size = isinstance(raw, int) and not isinstance(raw, bool) and raw > 0
        if raw not in ("off", "auto", "max") and not is_size:
            raise IllegalValue(raw, ["off", "auto", "max", "a whole number above 0"])
        return raw

    def schema(self) -> dict[str, Any]:
        return {
            "anyOf": [{"enum": ["off", "auto", "max", False]}, {"type": "integer", "minimum": 1}]
        }

    def apply(
        self, pipe: Any, value: JsonValue, knobs: Mapping[str, JsonValue], torch_device: str
    ) -> Applied:
        restore = remember_processors(pipe)
        try:
            slice_attention(pipe, value)  # type: ignore[arg-type]
        except Exception:
            restore()
            raise
        return Applied(restore)

    def code(self, value: JsonValue) -> Code:
        if value == "off":
            return Code()
        return Code(statements=(f"pipe.enable_attention_slicing({value!r})",))
