"""A comparison as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import comparisons as ready
import pytest
from comparisons import SLOWER, comparison, row

from sdbench.report.comparison_json import COMPARISON_SCHEMA, comparison_json


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(comparison_json(ready.READY[name]()))
    return found


@pytest.mark.parametrize("name", ready.READY)
def test_every_document_tells_its_version_and_how_the_job_ended(name: str) -> None:
    found, document = ready.READY[name](), read(name)
    assert document["schema"] == COMPARISON_SCHEMA
    assert document["exit_code"] == found.exit_code
    assert document["ending"] == found.ending.name.lower()
    assert [one["key"] for one in document["configurations"]] == [r.key for r in found.rows]


def test_a_finding_has_its_figures_as_they_are() -> None:
    findings = read("slower")["configurations"][0]["findings"]
    latency = next(one for one in findings if one["metric"] == "latency")
    assert latency["verdict"] == "SLOWER"
    assert latency["fails"] is True
    assert latency["unit"] == "s"
    assert latency["effect"]["ratio"] == 1.071
    assert (latency["baseline"], latency["margin"]) == (1.0, 0.02)


def test_a_finding_of_an_advisory_comparison_tells_that_the_gate_was_broken() -> None:
    document = read("advisory")
    assert document["exit_code"] == 0
    assert document["advisory"]
    assert any(one["fails"] for one in document["configurations"][0]["findings"])


def test_what_is_not_finite_is_null() -> None:
    assert SLOWER.effect is not None
    endless = replace(
        SLOWER, effect=replace(SLOWER.effect, degrees=math.inf), detectable_ratio=math.inf
    )
    document = json.loads(comparison_json(comparison(row(endless))))
    (finding,) = document["configurations"][0]["findings"]
    assert finding["effect"]["degrees"] is None
    assert finding["detectable_ratio"] is None
