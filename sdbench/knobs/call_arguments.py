"""The knobs that are plain keyword arguments of the pipeline's call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from sdbench.errors import IllegalValue
from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import CallKnob, Code, Effect, PositiveInteger, Request, Unsupported


class _ArgumentKnob(CallKnob):
    """A knob that sets one keyword argument; None leaves the pipeline's own default.

    Attributes:
        argument: Name of the keyword argument.
    """

    argument: ClassVar[str]
    effect = Effect.CONTENT

    def turn(self, request: Request, value: JsonValue) -> Request:
        return request.with_argument(self.argument, value)

    def code(self, value: JsonValue) -> Code:
        return Code(call_arguments=() if value is None else (f"{self.argument}={value!r}",))


class StepsKnob(PositiveInteger, _ArgumentKnob):
    name = "steps"
    effect = Effect.SAMPLER
    argument = "num_inference_steps"
    summary = "denoising steps"


class _SideKnob(PositiveInteger, _ArgumentKnob):
    step = 8

    def verify(self, value: JsonValue, images: Sequence[Any]) -> None:
        side = getattr(images[0], self.argument)
        if side != value:
            raise Unsupported(f"{self.name} {value} was asked for, the image has {side}")


class HeightKnob(_SideKnob):
    name = "height"
    argument = "height"
    summary = "height of the images in pixels, a multiple of 8"


class WidthKnob(_SideKnob):
    name = "width"
    argument = "width"
    summary = "width of the images in pixels, a multiple of 8"


class GuidanceScaleKnob(_ArgumentKnob):
    name = "guidance_scale"
    argument = "guidance_scale"
    summary = "classifier-free guidance; at 1 and below most pipelines evaluate half as much"

    def parse(self, raw: JsonValue) -> JsonValue:
        if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not raw >= 0:
            raise IllegalValue(raw, "a number from 0 upwards")
        return float(raw)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0}


class StrengthKnob(_ArgumentKnob):
    name = "strength"
    argument = "strength"
    summary = "share of the steps that image-to-image and inpainting run, above 0 and up to 1"

    def parse(self, raw: JsonValue) -> JsonValue:
        if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not 0 < raw <= 1:
            raise IllegalValue(raw, "a number above 0 and up to 1")
        return float(raw)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
