from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdbench.knobs.registry import KNOBS
from sdbench.suite.load import TOP_LEVEL_KEYS
from sdbench.suite.quantities import RATIO_PATTERN, SIZE_PATTERN, TIME_PATTERN
from sdbench.suite.schema import suite_schema
from sdbench.suite.yaml_file import read_yaml

SUITES = Path(__file__).parents[2] / "suites"


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from nodes(child)


def test_the_published_schema_is_the_generated_one() -> None:
    """Write it anew with `sdbench schema > suites/suite.schema.json`."""
    published = (SUITES / "suite.schema.json").read_text(encoding="utf-8")

    assert published == json.dumps(suite_schema(), indent=2) + "\n"


def test_it_names_its_dialect() -> None:
    assert suite_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_reference_leads_to_a_definition_and_every_definition_is_used() -> None:
    schema = suite_schema()
    used = {node["$ref"] for node in nodes(schema) if "$ref" in node}

    assert used == {f"#/$defs/{name}" for name in schema["$defs"]}


def test_unknown_keys_are_refused_everywhere_but_among_a_schedulers_options() -> None:
    open_objects = [
        node
        for node in nodes(suite_schema())
        if node.get("type") == "object" and node["additionalProperties"] is not False
    ]

    assert [list(node["properties"]) for node in open_objects] == [["name"]]


def test_every_knob_can_be_fixed_swept_excluded_and_included() -> None:
    schema = suite_schema()
    properties = schema["properties"]

    assert list(properties["fixed"]["properties"]) == list(KNOBS)
    assert list(properties["axes"]["properties"]) == list(KNOBS)
    assert list(schema["$defs"]["Rule"]["properties"]) == list(KNOBS)
    assert properties["exclude"]["items"] == properties["include"]["items"]


@pytest.mark.parametrize("knob", KNOBS)
def test_a_knob_brings_its_own_schema_and_summary(knob: str) -> None:
    definition = suite_schema()["$defs"][knob]

    assert definition == {"description": KNOBS[knob].summary, **KNOBS[knob].schema()}


def test_an_axis_is_a_list_of_different_values() -> None:
    axis = suite_schema()["properties"]["axes"]["properties"]["steps"]

    assert axis["items"] == {"$ref": "#/$defs/steps"}
    assert (axis["type"], axis["minItems"], axis["uniqueItems"]) == ("array", 1, True)


def test_keys_are_those_of_a_suite_file_and_not_those_of_the_model() -> None:
    schema = suite_schema()

    assert list(schema["properties"]) == list(TOP_LEVEL_KEYS)
    assert "timeout" in schema["$defs"]["Protocol"]["properties"]
    assert "timeout_s" not in schema["$defs"]["Protocol"]["properties"]
    assert {"height", "width", "guidance_scale"} <= set(schema["$defs"]["Inputs"]["properties"])


def test_defaults_are_written_as_in_a_suite_file() -> None:
    assert suite_schema()["$defs"]["Protocol"]["properties"]["time_budget"]["default"] == "60s"


def test_the_patterns_of_quantities_take_their_units_and_nothing_without_one() -> None:
    sizes = ["1B", "2KB", "2KiB", "3MB", "3MiB", "16GB", "8 GiB", "1TB", ".5TiB"]
    times = ["5us", "250ms", "60s", "10min", "1.5 h"]

    assert all(re.match(SIZE_PATTERN, size) for size in sizes)
    assert all(re.match(TIME_PATTERN, time) for time in times)
    assert re.match(RATIO_PATTERN, "1%")
    assert not any(
        re.match(pattern, "8") for pattern in (SIZE_PATTERN, TIME_PATTERN, RATIO_PATTERN)
    )


@pytest.mark.parametrize("path", sorted(SUITES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_suite_of_the_repository_uses_only_keys_of_the_schema(path: Path) -> None:
    schema = suite_schema()

    def refuse_unknown(data: dict[str, Any], section: dict[str, Any]) -> None:
        if "$ref" in section:
            section = schema["$defs"][section["$ref"].rpartition("/")[2]]
        assert set(data) <= set(section["properties"])

    data = read_yaml(path).data
    refuse_unknown(data, schema)
    for key in ("inputs", "fixed", "axes", "measure", "limits", "objective", "gates"):
        refuse_unknown(data.get(key, {}), schema["properties"][key])
    assert path.read_text(encoding="utf-8").startswith(
        "# yaml-language-server: $schema=./suite.schema.json\n"
    )
