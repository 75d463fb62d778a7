from __future__ import annotations

import re
from typing import Any

import pytest

from sdbench.suite.gate_values import RULE_KEYS
from sdbench.suite.gates import Gates
from sdbench.suite.schema import suite_schema

from .conftest import Load


def definition(name: str) -> dict[str, Any]:
    found: dict[str, Any] = suite_schema()["$defs"][name]
    return found


def accepts(schema: dict[str, Any], value: Any) -> bool:
    """Whether a value is legal by the few words of JSON Schema that gates use."""
    if "$ref" in schema:
        return accepts(definition(schema["$ref"].rpartition("/")[2]), value)
    if "anyOf" in schema:
        return any(accepts(option, value) for option in schema["anyOf"])
    words = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if words is not None:
        return any(type(value) is type(word) and value == word for word in words)
    if isinstance(value, bool):
        return schema["type"] == "boolean"
    if isinstance(value, str):
        return schema["type"] == "string" and re.search(schema["pattern"], value) is not None
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return all(key in known and accepts(known[key], one) for key, one in value.items())
    if schema["type"] != "number" or value > schema["maximum"]:
        return False
    is_above = value > schema.get("exclusiveMinimum", -1)
    return is_above and value >= schema.get("minimum", value)


def test_keys_are_those_of_a_suite_file_in_the_order_of_the_fields() -> None:
    assert list(definition("Gates")["properties"]) == [*RULE_KEYS[1:], "between_runs", "rules"]


def test_defaults_are_written_as_in_a_suite_file_and_mean_the_defaults(load: Load) -> None:
    written = {
        key: one["default"]
        for key, one in definition("Gates")["properties"].items()
        if "default" in one
    }
    lines = "".join(f"  {key}: {str(value).lower()}\n" for key, value in written.items())

    assert (written["load"], written["missing"], written["memory_growth"]) == (
        "off",
        "fail",
        "16MiB",
    )
    assert load("gates:\n" + lines.replace("mib", "MiB")).gates == Gates()


def test_every_default_is_legal_by_its_own_schema() -> None:
    for one in definition("Gates")["properties"].values():
        assert "default" not in one or accepts(one, one["default"])


@pytest.mark.parametrize(
    ("key", "legal", "illegal"),
    [
        ("latency", ["5%", 0.05, "off", False, 1], ["off%", 0, 2]),
        ("peak_allocated", ["0%", 0, "off"], ["16MiB", -0.1, 1.5]),
        ("memory_growth", ["16MiB", "0B", 0], ["16", 16, "off"]),
        ("picture", [30, "30dB", "30 dB", "off"], [0, 60, "30db", "off dB"]),
        ("missing", ["fail", "allow"], ["on", True]),
        ("stages", ["5%", "off", {"denoiser": "off", "all": 0.1}], [{"unet": 0.1}, {"all": 0}]),
    ],
)
def test_the_schema_takes_what_the_loader_takes(
    key: str, legal: list[Any], illegal: list[Any]
) -> None:
    schema = definition("Gates")["properties"][key]

    assert all(accepts(schema, one) for one in legal)
    assert not any(accepts(schema, one) for one in illegal)


def test_a_rule_says_what_it_is_for_and_changes_at_least_one_gate() -> None:
    rule = definition("GateRule")

    assert list(rule["properties"]) == list(RULE_KEYS)
    assert rule["properties"]["for"] == {"$ref": "#/$defs/Rule"}
    assert (rule["required"], rule["minProperties"]) == (["for"], 2)
    assert not any("default" in one for one in rule["properties"].values())
