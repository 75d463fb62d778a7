"""Turns a recommended configuration on a pipeline that its owner goes on with."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import CallKnob, LoadKnob, Request, SetupKnob, Unsupported
from sdbench.knobs.registry import KNOBS
from sdbench.tuning.errors import CannotApply
from sdbench.tuning.given import Given, given

_LATER = ("offload", "compile")
"""Knobs of loading that can be turned on a pipeline that was loaded without."""

_applied: weakref.WeakKeyDictionary[Any, Callable[[], None]] = weakref.WeakKeyDictionary()
"""What takes back, for each pipeline, what was applied to it last."""


def apply(pipe: Any, knobs: Mapping[str, JsonValue], code: str) -> dict[str, Any]:
    """Turns the knobs, and gives the keyword arguments of the call.

    Args:
        pipe: A loaded pipeline.
        knobs: The configuration's values.
        code: The Python that loads a pipeline for them, for errors.

    Raises:
        CannotApply: A knob cannot be turned here; nothing is left changed.
    """
    told = given(pipe)
    arguments = _call_arguments(pipe, knobs)
    later = _turned_later(told, knobs, code)
    if (before := _applied.pop(pipe, None)) is not None:
        before()
    try:
        with ExitStack() as undo:
            for name, value in knobs.items():
                knob = KNOBS[name]
                if isinstance(knob, SetupKnob) and value != knob.neutral:
                    undo.callback(_turn(pipe, knob, value, knobs, told.torch_device))
            for knob, value in later:
                knob.after_load(pipe, value, told.torch_device)
            _applied[pipe] = undo.pop_all().close
    except Unsupported as error:
        raise CannotApply(f"this pipeline cannot be set like this: {error}") from None
    return arguments


def keep(pipe: Any) -> None:
    """Makes what was applied to a pipeline its own, so that nothing takes it back any more.

    What is measured from then on is measured with it.
    """
    _applied.pop(pipe, None)


def _turn(
    pipe: Any, knob: SetupKnob, value: JsonValue, knobs: Mapping[str, JsonValue], device: str
) -> Callable[[], None]:
    """Turns a knob for good, and gives what takes it back."""
    applied = knob.apply(pipe, value, knobs, device)
    with suppress(Unsupported):  # it was verified when it was measured; this ends its counting
        applied.verify()
    return applied.undo


def _turned_later(
    told: Given, knobs: Mapping[str, JsonValue], code: str
) -> list[tuple[LoadKnob, JsonValue]]:
    """The knobs of loading that are to be turned now; refuses those that it is too late for."""
    later, too_late = [], []
    for name, own in told.knobs.items():
        wanted, knob = knobs.get(name, own), KNOBS[name]
        if name == "pipeline" or wanted == own:
            continue
        if name in _LATER and own == knob.neutral and isinstance(knob, LoadKnob):
            later.append((knob, wanted))
        else:
            too_late.append(f"{name} {knob.text(wanted)} (this one has {knob.text(own)})")
    if too_late:
        raise CannotApply(
            f"what is recommended is settled when a pipeline is loaded: {', '.join(too_late)}. "
            f"Load it like this:\n\n{code}"
        )
    return later


def _call_arguments(pipe: Any, knobs: Mapping[str, JsonValue]) -> dict[str, Any]:
    request = Request(prompts=())
    for name, value in knobs.items():
        knob = KNOBS[name]
        if isinstance(knob, CallKnob) and value != knob.neutral and name != "prompt":
            request = knob.turn(request, value)
    arguments = dict(request.arguments)
    if request.batch_size > 1:
        arguments["num_images_per_prompt"] = request.batch_size
    legal = inspect.signature(type(pipe).__call__).parameters
    for name in arguments:
        if name not in legal:
            raise CannotApply(f"the call of {type(pipe).__name__} has no argument {name!r}")
    return arguments
