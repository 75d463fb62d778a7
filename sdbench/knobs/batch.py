"""What fills a call: the number of images, and the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sdbench.errors import IllegalValue
from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import CallKnob, Effect, PositiveInteger, Request, Unsupported


class BatchSizeKnob(PositiveInteger, CallKnob):
    name = "batch_size"
    effect = Effect.NONE
    neutral = 1
    summary = "images in one call; the prompts are cycled through"

    def turn(self, request: Request, value: JsonValue) -> Request:
        assert isinstance(value, int)
        return replace(request, batch_size=value)

    def verify(self, value: JsonValue, images: Sequence[Any]) -> None:
        if len(images) != value:
            raise Unsupported(f"batch_size {value} was asked for, the call gave {len(images)}")


class PromptKnob(CallKnob):
    name = "prompt"
    effect = Effect.CONTENT
    summary = "the prompt, in place of the suite's inputs"

    def parse(self, raw: JsonValue) -> JsonValue:
        if not isinstance(raw, str):
            raise IllegalValue(raw, "a text")
        return raw

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}

    def turn(self, request: Request, value: JsonValue) -> Request:
        return replace(request, prompts=(str(value),))
