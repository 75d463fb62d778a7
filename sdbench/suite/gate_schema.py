"""JSON Schema (draft 2020-12) of gates as people write them, from that of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdbench.suite.gate_values import FOR, RULE_KEYS, RULES
from sdbench.suite.margins import ALL_STAGES, ALLOW, FAIL, MARGIN_SCHEMA, OFF, STAGES
from sdbench.units import MIB

_MARGIN = {"$ref": "#/$defs/Margin"}


def gate_definitions(model: Mapping[str, Any]) -> dict[str, Any]:
    """Definitions of ``gates``, of a rule in it and of a margin, by name.

    Args:
        model: What pydantic makes of `sdbench.suite.gates.Gates`.
    """
    model = {**model, "properties": {**model["properties"], "stages": _stages(model)}}
    return {"Gates": _gates(model), "GateRule": _rule(model), "Margin": {**MARGIN_SCHEMA}}


def _stages(model: Mapping[str, Any]) -> dict[str, Any]:
    by_stage = {
        "type": "object",
        "properties": dict.fromkeys((*STAGES, ALL_STAGES), _MARGIN),
        "additionalProperties": False,
    }
    description = model["properties"]["stages"]["description"]
    return {"description": description, "anyOf": [_MARGIN, by_stage]}


def _gates(model: Mapping[str, Any]) -> dict[str, Any]:
    """The model's schema, with defaults as a suite writes them."""
    properties = {
        key: {**one, "default": _as_written(key, one["default"])} if "default" in one else one
        for key, one in model["properties"].items()
    }
    rules = {
        "description": "Other gates for some configurations; those that match apply in order.",
        "type": "array",
        "items": {"$ref": "#/$defs/GateRule"},
    }
    return {**model, "properties": {**properties, RULES: rules}}


def _rule(model: Mapping[str, Any]) -> dict[str, Any]:
    """What it is for, and at least one gate, which has no default here."""
    gates = {
        key: {name: part for name, part in model["properties"][key].items() if name != "default"}
        for key in RULE_KEYS
        if key != FOR
    }
    return {
        "description": "Other gates for the configurations that it is for.",
        "type": "object",
        "properties": {FOR: {"$ref": "#/$defs/Rule"}, **gates},
        "required": [FOR],
        "minProperties": 2,
        "additionalProperties": False,
    }


def _as_written(key: str, default: Any) -> Any:
    if default is None:
        return OFF
    if key == "memory_growth":
        return f"{default // MIB}MiB"
    if key == "missing":
        return FAIL if default else ALLOW
    return default
