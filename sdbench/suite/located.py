"""The files that a suite names, found from its folder.

A suite keeps paths as they are written, so that its configurations have the same keys in every
checkout. Whoever opens a file asks here where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.pipeline import absolute_path, has_relative_path, is_relative
from sdbench.knobs.registry import KNOBS
from sdbench.suite.model import PICTURES, Axis, Inputs, Rule, Suite


def located(suite: Suite) -> Suite:
    """The suite with absolute paths; as it is where its folder is not known."""
    folder = suite.folder
    if folder is None:
        return suite
    return replace(
        suite,
        inputs=_located_inputs(suite.inputs, folder),
        fixed=located_knobs(suite.fixed, folder),
        axes=tuple(Axis(one.knob, _all(one.knob, one.values, folder)) for one in suite.axes),
        exclude=tuple(_located_rule(rule, folder) for rule in suite.exclude),
        include=tuple(_located_rule(rule, folder) for rule in suite.include),
    )


def located_knobs(knobs: Mapping[str, JsonValue], folder: Path | None) -> dict[str, JsonValue]:
    """Values of knobs with absolute paths; as they are where the folder is not known."""
    if folder is None:
        return dict(knobs)
    return {name: KNOBS[name].located(value, folder) for name, value in knobs.items()}


def has_relative_paths(suite: Suite, source: JsonValue) -> bool:
    """Whether a pipeline or the suite's pictures must be told what they are relative to."""
    pictures = [getattr(suite.inputs, name) for name in PICTURES]
    return has_relative_path(source) or any(path and is_relative(path) for path in pictures)


def _located_inputs(inputs: Inputs, folder: Path) -> Inputs:
    named: dict[str, Any] = {
        name: absolute_path(path, folder) for name in PICTURES if (path := getattr(inputs, name))
    }
    return replace(inputs, **named)


def _located_rule(rule: Rule, folder: Path) -> Rule:
    return {knob: _all(knob, values, folder) for knob, values in rule.items()}


def _all(knob: str, values: tuple[JsonValue, ...], folder: Path) -> tuple[JsonValue, ...]:
    return tuple(KNOBS[knob].located(value, folder) for value in values)
