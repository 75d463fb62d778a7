"""Whether drawn pictures go through the pipeline's safety checker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Applied, Choice, Code, SetupKnob, Unsupported

_COMPONENT = "safety_checker"


class SafetyCheckerKnob(Choice, SetupKnob):
    """``on`` verifies that the one that was loaded runs; ``off`` takes it out."""

    name = "safety_checker"
    choices = ("default", "on", "off")
    neutral = "default"
    summary = "check the pictures with the pipeline's safety checker, which blackens what it flags"

    def apply(
        self, pipe: Any, value: JsonValue, knobs: Mapping[str, JsonValue], torch_device: str
    ) -> Applied:
        checker = getattr(pipe, _COMPONENT, None)
        if checker is None:
            raise Unsupported(
                f"{type(pipe).__name__} was loaded without a safety checker, so there is none to "
                + ("run" if value == "on" else "take out")
            )
        calls: list[None] = []
        counter = checker.register_forward_pre_hook(lambda *_: calls.append(None))
        put_back = _take_out(pipe, checker, knobs, torch_device) if value == "off" else None

        def undo() -> None:
            counter.remove()
            if put_back is not None:
                put_back()

        def verify() -> None:
            counter.remove()
            if value == "on" and not calls:
                raise Unsupported("the pipeline's call does not run its safety checker")
            if value == "off" and calls:
                raise Unsupported("the pipeline's call runs the safety checker that was taken out")

        return Applied(undo, verify)

    def code(self, value: JsonValue) -> Code:
        return Code(statements=("pipe.safety_checker = None",) if value == "off" else ())


def _take_out(pipe: Any, checker: Any, knobs: Mapping[str, JsonValue], torch_device: str) -> Any:
    """Takes the checker out of the pipeline and off its device; returns what puts it back."""
    is_on_device = knobs["offload"] == "none"
    registered = pipe.config[_COMPONENT]
    pipe.safety_checker = None
    if is_on_device:
        checker.to("cpu")

    def put_back() -> None:
        if is_on_device:
            checker.to(torch_device)
        pipe.safety_checker = checker
        pipe.register_to_config(**{_COMPONENT: registered})

    return put_back
