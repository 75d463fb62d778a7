"""The JSON Schema of a suite file, for editors; published as ``suites/suite.schema.json``."""

from __future__ import annotations

from typing import Any

from sdbench.knobs.registry import KNOBS
from sdbench.suite.gate_schema import gate_definitions
from sdbench.suite.load import KNOBS_AMONG_INPUTS, KNOBS_AT_THE_TOP, TOP_LEVEL_KEYS
from sdbench.suite.model import SUITES
from sdbench.suite.subject_to import SUBJECT_TO, subject_to_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_FIXED = "Values of knobs that all configurations share."
_AXES = "What is swept: the configurations are the product of these lists."
_EXCLUDE = "A configuration is left out where all values of one of these rules match."
_INCLUDE = "Configurations beside the product of the axes; what a rule does not name is as fixed."


def suite_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a suite as people write it."""
    model = SUITES.json_schema(by_alias=True, mode="validation")
    _drop_titles(model)
    sections: dict[str, Any] = model["$defs"]
    sections.pop("Axis")
    for section in sections.values():
        _write_defaults_with_units(section)
    for knob in KNOBS_AMONG_INPUTS:
        sections["Inputs"]["properties"][knob] = _ref(knob)
    sections["FidelityProtocol"]["properties"]["reference_scheduler"] = _ref("scheduler")
    sections["Objective"]["properties"][SUBJECT_TO] = subject_to_schema()
    properties = {**model["properties"], **_knob_sections()}
    return {
        "$schema": DIALECT,
        "title": "A suite of sdbench",
        "type": "object",
        "properties": {key: properties[key] for key in TOP_LEVEL_KEYS},
        "additionalProperties": False,
        "anyOf": [{"required": ["pipeline"]}, _pipeline_within("fixed"), _pipeline_within("axes")],
        "$defs": {
            **sections,
            **gate_definitions(sections["Gates"]),
            "Rule": _rule(),
            **{name: _knob(name) for name in KNOBS},
        },
    }


def _knob(name: str) -> dict[str, Any]:
    return {"description": KNOBS[name].summary, **KNOBS[name].schema()}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _values(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name), "minItems": 1, "uniqueItems": True}


def _by_knob(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": description,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _rule() -> dict[str, Any]:
    properties = {name: {"anyOf": [_ref(name), _values(name)]} for name in KNOBS}
    rule = _by_knob("A value, or a list of values, for some knobs.", properties)
    return {**rule, "minProperties": 1}


def _rules(description: str) -> dict[str, Any]:
    return {"description": description, "type": "array", "items": _ref("Rule")}


def _knob_sections() -> dict[str, Any]:
    axes = {name: {"description": KNOBS[name].summary, **_values(name)} for name in KNOBS}
    return {
        **{name: _ref(name) for name in KNOBS_AT_THE_TOP},
        "fixed": _by_knob(_FIXED, {name: _ref(name) for name in KNOBS}),
        "axes": _by_knob(_AXES, axes),
        "exclude": _rules(_EXCLUDE),
        "include": _rules(_INCLUDE),
    }


def _pipeline_within(section: str) -> dict[str, Any]:
    return {"required": [section], "properties": {section: {"required": ["pipeline"]}}}


def _drop_titles(node: Any) -> None:
    """Removes pydantic's titles, which only repeat the keys."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for child in node.values():
            _drop_titles(child)
    elif isinstance(node, list):
        for child in node:
            _drop_titles(child)


def _write_defaults_with_units(section: dict[str, Any]) -> None:
    """Defaults in seconds as a suite writes them, since an editor offers them for insertion."""
    for key in section.get("properties", {}).values():
        if key.get("type") == "string" and isinstance(key.get("default"), float):
            key["default"] = f"{key['default']:g}s"
