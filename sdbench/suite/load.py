"""From a YAML file, or from a suite as dumped, to a validated `Suite`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sdbench.jsontypes import JsonValue
from sdbench.knobs.pipeline import portable_path
from sdbench.knobs.registry import KNOBS
from sdbench.suite.border import build_suite
from sdbench.suite.errors import SuiteError, phrase_unknown, show
from sdbench.suite.gate_values import SECTION, parse_gates
from sdbench.suite.idle_gates import refuse_idle_gates
from sdbench.suite.knob_values import (
    parse_axes,
    parse_fixed,
    parse_rules,
    parse_value,
    values_in_rules,
)
from sdbench.suite.model import NAME_PATTERN, PICTURES, Axis, Protocol, Rule, Suite
from sdbench.suite.source import KeyPath, Source
from sdbench.suite.subject_to import take_subject_to
from sdbench.suite.yaml_file import read_yaml

KNOBS_AMONG_INPUTS = ("height", "width", "guidance_scale")
"""Knobs that are accepted under ``inputs`` too, where people look for them first."""

KNOBS_AT_THE_TOP = ("pipeline", "task")
"""Knobs that have a key of their own, beside the sections."""

TOP_LEVEL_KEYS = (
    "name",
    "pipeline",
    "task",
    "hardware",
    "inputs",
    "fixed",
    "axes",
    "exclude",
    "include",
    "measure",
    "fidelity",
    "limits",
    "objective",
    "gates",
    "max_configurations",
)


def load_suite(path: Path) -> Suite:
    """Reads a suite file; relative paths in it are relative to its folder, and stay as written.

    Raises:
        SuiteError: It cannot be read, or is not a legal suite; the message says where and why.
    """
    source = replace(read_yaml(path), folder=path.absolute().parent)
    return _suite(source, default_name=path.stem, is_resolved=False)


def suite_from_mapping(data: Mapping[str, Any], folder: Path) -> Suite:
    """The suite that plain data stands for, written as in a suite file.

    Args:
        data: The sections of a suite; its name is among them.
        folder: What relative paths in it are relative to.

    Raises:
        SuiteError: It is not a legal suite; the message says where and why.
    """
    source = Source(data, folder=folder.absolute())
    return _suite(source, default_name=None, is_resolved=False)


def suite_from_json(data: JsonValue, file: str | None = None) -> Suite:
    """The suite that `Suite.to_json` dumped.

    Args:
        data: What was dumped.
        file: The file that it was read from, for errors.

    Raises:
        SuiteError: It is not a suite, or has a knob or a value that this version does not know.
    """
    if not isinstance(data, Mapping):
        raise SuiteError("holds no suite as `Suite.to_json` dumps it", file=file)
    try:
        axes = {axis["knob"]: axis["values"] for axis in data["axes"]}
    except (KeyError, TypeError):
        raise SuiteError(
            "is not a list of axes with knob and values", file=file, key="axes"
        ) from None
    return _suite(Source({**data, "axes": axes}, file), default_name=None, is_resolved=True)


def _suite(source: Source, default_name: str | None, is_resolved: bool) -> Suite:
    data: dict[str, Any] = dict(source.data)
    _refuse_unknown_keys(source)
    if default_name is not None and "name" not in data:
        data["name"] = _usable_name(source, default_name)
    fixed = parse_fixed(source, data.get("fixed", {}))
    fixed.update(_take_inputs(source, data, fixed))
    fixed = {**_take_knobs_at_the_top(source, data, fixed), **fixed}
    axes = parse_axes(source, data.get("axes", {}))
    _refuse_fixed_axes(source, fixed, axes)
    exclude = parse_rules(source, "exclude", data.get("exclude", []))
    include = parse_rules(source, "include", data.get("include", []))
    _refuse_idle_rules(source, exclude, fixed, axes)
    _refuse_rules_without_pipeline(source, include, fixed)
    _parse_reference_scheduler(source, data)
    if not is_resolved:
        take_subject_to(source, data)
    parsed: dict[str, Any] = {"fixed": fixed, "axes": axes, "exclude": exclude, "include": include}
    if SECTION in data:
        parsed[SECTION] = parse_gates(source, data[SECTION], is_resolved=is_resolved)
    suite = build_suite({**data, **parsed}, source, is_resolved=is_resolved)
    _refuse_crossed_bounds(source, suite.measure)
    if not is_resolved:
        _refuse_a_limit_on_nothing(source, suite)
        refuse_idle_gates(source, suite)
    return replace(suite, folder=source.folder)


def _refuse_unknown_keys(source: Source) -> None:
    for key in source.data:
        if key in TOP_LEVEL_KEYS:
            continue
        problem = phrase_unknown("key", key, TOP_LEVEL_KEYS)
        if key in KNOBS:
            problem = "unknown key: this is a knob; put it under fixed, or under axes as a list"
        raise source.error((key,), problem, at_key=True)


def _usable_name(source: Source, stem: str) -> str:
    if re.fullmatch(NAME_PATTERN, stem):
        return stem
    problem = f"is missing, and the file's, {show(stem)}, cannot name a folder: add `name: ...`"
    raise SuiteError(problem, file=source.file, key="name")


def _take_inputs(
    source: Source, data: dict[str, Any], fixed: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Moves the knobs among the inputs out of ``data``."""
    inputs = data.get("inputs")
    if not isinstance(inputs, Mapping):
        return {}
    taken = {}
    for knob in KNOBS_AMONG_INPUTS:
        if knob in inputs:
            path = ("inputs", knob)
            if knob in fixed:
                problem = "given under fixed too; remove one of the two"
                raise source.error(path, problem, at_key=True)
            taken[knob] = parse_value(source, path, knob, inputs[knob])
    data["inputs"] = {
        key: portable_path(value) if key in PICTURES and value and isinstance(value, str) else value
        for key, value in inputs.items()
        if key not in taken
    }
    return taken


def _take_knobs_at_the_top(
    source: Source, data: dict[str, Any], fixed: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Moves the knobs that have a key of their own out of ``data``."""
    axes = data.get("axes")
    swept = axes if isinstance(axes, Mapping) else {}
    if all("pipeline" not in section for section in (data, swept, fixed)):
        problem = (
            "is missing: say what to measure, such as `pipeline: owner/name` (of the Hugging Face "
            "hub), `pipeline: {path: ./folder}` or `pipeline: {builtin: tiny}`"
        )
        raise SuiteError(problem, file=source.file, key="pipeline")
    taken = {}
    for knob in KNOBS_AT_THE_TOP:
        if knob not in data:
            continue
        if knob in swept or knob in fixed:
            section = "axes" if knob in swept else "fixed"
            problem = f"given under {section} too; remove one of the two"
            raise source.error((knob,), problem, at_key=True)
        taken[knob] = parse_value(source, (knob,), knob, data.pop(knob))
    return taken


def _parse_reference_scheduler(source: Source, data: dict[str, Any]) -> None:
    """Makes the value canonical in ``data``, as a knob's."""
    section, name = data.get("fidelity"), "reference_scheduler"
    if isinstance(section, Mapping) and section.get(name) is not None:
        value = parse_value(source, ("fidelity", name), "scheduler", section[name])
        data["fidelity"] = {**section, name: value}


def _refuse_fixed_axes(
    source: Source, fixed: Mapping[str, JsonValue], axes: tuple[Axis, ...]
) -> None:
    for axis in axes:
        if axis.knob in fixed:
            among_inputs = axis.knob not in source.data.get("fixed", {})
            section = "inputs" if among_inputs else "fixed"
            problem = f"given under {section} too; a knob is either fixed or swept"
            raise source.error(("axes", axis.knob), problem, at_key=True)


def _refuse_idle_rules(
    source: Source,
    exclude: tuple[Rule, ...],
    fixed: Mapping[str, JsonValue],
    axes: tuple[Axis, ...],
) -> None:
    """A value of a rule that no configuration has is a slip that would change the sweep."""
    swept = {axis.knob: axis.values for axis in axes}
    for index, knob, position, value in values_in_rules(exclude):
        possible = swept.get(knob, (fixed.get(knob, KNOBS[knob].neutral),))
        if value in possible:
            continue
        is_listed = isinstance(source.data["exclude"][index][knob], list)
        path: KeyPath = ("exclude", index, knob, *([position] if is_listed else []))
        listed = ", ".join(KNOBS[knob].text(one) for one in possible)
        where = "the axis has" if knob in swept else "in every configuration it is"
        problem = f"{KNOBS[knob].text(value)} matches no configuration: {where} {listed}"
        raise source.error(path, problem)


def _refuse_rules_without_pipeline(
    source: Source, include: tuple[Rule, ...], fixed: Mapping[str, JsonValue]
) -> None:
    for index, rule in enumerate(include):
        if "pipeline" not in rule and "pipeline" not in fixed:
            problem = "name the pipeline in this rule: it is an axis, so nothing else does"
            raise source.error(("include", index), problem)


def _refuse_a_limit_on_nothing(source: Source, suite: Suite) -> None:
    """Without fidelities nothing keeps to a limit on them, which a sweep would show at its end."""
    if suite.fidelity is None and suite.limits.fidelity is not None:
        problem = "is off, so that nothing can keep to the fidelity limit: remove one of the two"
        raise source.error(("fidelity",), problem, at_key=True)


def _refuse_crossed_bounds(source: Source, measure: Protocol) -> None:
    given = source.data.get("measure", {})
    for low, high in (("min_samples", "max_samples"), ("warmup", "max_warmup")):
        least, most = getattr(measure, low), getattr(measure, high)
        if least > most:
            key, other = (high, low) if high in given else (low, high)
            value, bound = getattr(measure, key), getattr(measure, other)
            order = "below" if key == high else "above"
            default = "" if other in given else " by default"
            problem = f"{value} is {order} {other}, which is {bound}{default}"
            raise source.error(("measure", key), problem)
