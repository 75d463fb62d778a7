"""docs/recommendation.md says what `sdbench recommend --json` prints, no less and no more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from factories import around, derived, fidelity, record, run

from sdbench.analysis import recommend as rules
from sdbench.analysis.advice import ADVICE_SCHEMA
from sdbench.analysis.how_measured import how_measured
from sdbench.analysis.measurement import measurements
from sdbench.analysis.recommend import recommend_for_run
from sdbench.analysis.relaxing import SAME_RELAXATION_RATIO, SMALLEST_GAIN
from sdbench.suite.model import HEADROOM_RATIO, Limits
from sdbench.units import MIB

PAGE = (Path(__file__).parents[2] / "docs" / "recommendation.md").read_text()


def rows(opening: str) -> list[list[str]]:
    """The cells of the first table after a line, without its head."""
    _, found, rest = PAGE.partition(f"\n{opening}\n")
    assert found, opening
    table = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)
    assert table
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]
    ]


def fields(opening: str) -> set[str]:
    return {cell.strip("`") for cell, *_ in rows(opening)}


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An answer in which every part is there."""
    default = record(samples_s=around(9.0), fidelity=fidelity(0.99))
    records = [
        record(steps=20, samples_s=around(2.0), fidelity=fidelity(0.95)),
        record(steps=20, threads=1, samples_s=around(2.01), fidelity=fidelity(0.95)),
        record(steps=10, samples_s=around(1.0), fidelity=fidelity(0.5)),
        default,
    ]
    found = run(tmp_path_factory.mktemp("page"), records)
    return recommend_for_run(found, Limits(fidelity=0.9)).to_json()


@pytest.fixture(scope="module")
def miss(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = run(tmp_path_factory.mktemp("page"), [record()])
    return recommend_for_run(found, Limits(memory_bytes=MIB)).to_json()


EVIDENCE = "Of `recommendation`, `ties`, `default` and `nearest_miss`:"


def test_the_fields_of_the_answer(answer: dict[str, Any]) -> None:
    # The command adds how the run came to its figures.
    assert fields("### The answer") == {*answer, "how_measured"}
    assert f"## The JSON form, version {ADVICE_SCHEMA}\n" in PAGE
    assert fields("### `limits`") == set(answer["limits"])


def test_the_fields_of_the_evidence(answer: dict[str, Any], miss: dict[str, Any]) -> None:
    evidence = fields(EVIDENCE)
    assert answer["ties"]
    assert set(answer["ties"][0]) == evidence
    own = fields("`recommendation` has beside it:")
    assert set(answer["recommendation"]) == evidence | own
    assert set(answer["default"]) == evidence | fields("`default` has beside it:")
    assert set(miss["nearest_miss"]) == {*evidence, "exceeds"}


def test_the_parts_that_are_told_in_a_line(answer: dict[str, Any], miss: dict[str, Any]) -> None:
    told = {cell.strip("`"): text for cell, text in rows("### The answer")}
    choice = {"recommendation", "reason", "ties", "default", "relaxing", "nearest_miss"}
    by_steps = set(re.findall(r"`(\w+)`", told["by_steps"]))
    assert by_steps == {"steps", "work", *choice} == set(answer["by_steps"][0])
    assert set(answer["without_fidelity_limit"]) == choice
    evidence = {cell.strip("`"): text for cell, text in rows(EVIDENCE)}
    for name in ("latency_per_image_s", "fidelity"):
        named = set(re.findall(r"`(\w+)`", evidence[name]))
        assert named == set(answer["recommendation"][name])
    (exceeds,) = miss["nearest_miss"]["exceeds"]
    line = PAGE[PAGE.index("`nearest_miss` has `exceeds`") :].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", line)) - {"nearest_miss", "exceeds"} == set(exceeds)


def test_the_fields_of_what_relaxing_buys(answer: dict[str, Any]) -> None:
    assert answer["relaxing"]
    assert fields("### `relaxing`") == set(answer["relaxing"][0])


def test_the_fields_of_how_it_was_measured(tmp_path: Path) -> None:
    found = run(tmp_path, [record(steps=10), derived(steps=20)])
    how = how_measured(found, measurements(found), recommend_for_run(found))
    assert how is not None
    assert fields("### `how_measured`") == set(how.to_json())


def test_the_constants() -> None:
    values = {what: value for what, value, _ in rows("## The constants")}
    assert values == {
        "headroom": f"{100 * HEADROOM_RATIO:g} %",
        "equal memory": (
            f"{100 * rules.EQUAL_MEMORY_RATIO:g} % or {rules.EQUAL_MEMORY_BYTES // MIB} MiB"
        ),
        "equal fidelity": f"{rules.EQUAL_FIDELITY}",
        "least gain": f"{SMALLEST_GAIN}",
        "same relaxation": f"{SAME_RELAXATION_RATIO}",
    }
