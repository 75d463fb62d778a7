from __future__ import annotations

import json
import re

import pytest

from sdbench.errors import IllegalValue
from sdbench.suite.errors import SuiteError
from sdbench.suite.load import suite_from_json
from sdbench.suite.model import Limits, Metric
from sdbench.suite.quantities import parse_headroom, parse_score
from sdbench.suite.schema import suite_schema

from .conftest import Load, Refusal


def test_what_an_objective_is_subject_to_becomes_the_limits(load: Load) -> None:
    suite = load(
        "objective:\n"
        "  minimize: memory\n"
        '  subject_to: {fidelity: ">= 0.9", memory: "<= 8GiB", latency_p95: "<= 2s"}\n'
    )

    assert suite.limits == Limits(memory_bytes=8 * 2**30, latency_s=2.0, fidelity=0.9)
    assert suite.objective.minimize is Metric.MEMORY
    assert suite_from_json(json.loads(json.dumps(suite.to_json()))) == suite


@pytest.mark.parametrize("written", ["0.9", "90%", '">= 0.9"', '">=90%"', "'0.9'"])
def test_the_sign_may_be_left_out_and_a_share_be_a_percentage(load: Load, written: str) -> None:
    assert load(f"objective: {{subject_to: {{fidelity: {written}}}}}").limits.fidelity == 0.9


def test_other_quantities_may_stand_under_limits(load: Load) -> None:
    suite = load("limits: {memory: 2GiB}\nobjective: {subject_to: {fidelity: 0.9}}")

    assert suite.limits == Limits(memory_bytes=2 * 2**30, fidelity=0.9)


@pytest.mark.parametrize("written", ["0.8", "80%"])
def test_a_fidelity_can_stand_under_limits(load: Load, written: str) -> None:
    assert load(f"limits: {{fidelity: {written}}}").limits == Limits(fidelity=0.8)


def test_a_suite_that_was_dumped_before_there_was_fidelity_has_no_limit_of_it(load: Load) -> None:
    dumped = load("limits: {memory: 1KiB}").to_json()
    del dumped["limits"]["fidelity"]

    assert suite_from_json(dumped).limits == Limits(memory_bytes=1024)


SHARE = "a share above 0 and up to 1, such as 0.9 or 90%"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'objective: {subject_to: {fidelity: "<= 0.9"}}',
            f"2: objective.subject_to.fidelity: '<= 0.9' is not legal: legal is '>=' before "
            f"{SHARE}",
        ),
        (
            'objective:\n  subject_to:\n    memory: "> 2GiB"',
            "4: objective.subject_to.memory: '> 2GiB' is not legal: legal is '<=' before a size "
            "with its unit, such as 8GiB, 500MiB or 16GB",
        ),
        (
            "objective: {subject_to: {latency_p95: 2}}",
            "2: objective.subject_to.latency_p95: 2 is not legal: legal is '<=' before a time with "
            "its unit, such as 250ms, 60s, 10min or 1h",
        ),
        (
            'objective: {subject_to: {fidelity: ">= 1.5"}}',
            f"2: objective.subject_to.fidelity: '>= 1.5' is not legal: legal is '>=' before "
            f"{SHARE}",
        ),
        (
            'objective: {subject_to: {batch_size: ">= 4"}}',
            "2: objective.subject_to.batch_size: '>= 4' is not legal: legal is '<=' before a whole "
            "number above 0, such as 4",
        ),
        (
            "limits: {batch_size: 0}",
            "2: limits.batch_size: 0 is not legal: legal is a whole number from 1 upwards",
        ),
        (
            "limits: {headroom: 101%}",
            "2: limits.headroom: '101%' is not legal: legal is a share from 0 to 1, such as 5% or "
            "0.05",
        ),
        (
            "objective: {subject_to: {fidelity: }}",
            f"2: objective.subject_to.fidelity: has no value: legal is '>=' before {SHARE}",
        ),
        (
            "objective: {subject_to: {latency: 2s}}",
            "2: objective.subject_to.latency: unknown quantity: did you mean 'latency_p95'? legal: "
            "fidelity, memory, latency_p95, batch_size",
        ),
        (
            "objective: {subject_to: [fidelity]}",
            '2: objective.subject_to: ["fidelity"] is not legal: legal is a mapping of fidelity, '
            "memory, latency_p95, batch_size, such as {fidelity: '>= 0.9'}",
        ),
        (
            "objective: {subjectto: {}}",
            "2: objective.subjectto: unknown key: did you mean 'subject_to'? legal: minimize, "
            "subject_to",
        ),
        (
            "limits: {fidelity: 0.8}\nobjective: {subject_to: {fidelity: 0.9}}",
            "3: objective.subject_to.fidelity: given as limits.fidelity too; remove one of the two",
        ),
        (
            "limits: {latency: 1s}\nobjective: {subject_to: {latency_p95: 1s}}",
            "3: objective.subject_to.latency_p95: given as limits.latency too; remove one of the "
            "two",
        ),
        ("limits: {fidelity: 1.8}", f"2: limits.fidelity: 1.8 is not legal: legal is {SHARE}"),
        ("limits: {fidelity: true}", f"2: limits.fidelity: true is not legal: legal is {SHARE}"),
        (
            "objective:\n  subject_to:\n    fidelity: >= 0.9",
            "4: not YAML: a text that begins with `>` or `|` needs quotes",
        ),
    ],
)
def test_a_slip_is_refused_with_what_is_legal(refusal: Refusal, text: str, message: str) -> None:
    assert refusal(text) == f"suite.yaml:{message}"


@pytest.mark.parametrize("written", ["4", '"<= 4"', '"<=4"', "'4'"])
def test_a_batch_limit_is_a_whole_number(load: Load, written: str) -> None:
    assert load(f"objective: {{subject_to: {{batch_size: {written}}}}}").limits.batch_size == 4
    assert load("limits: {batch_size: 4}").limits == Limits(batch_size=4)


@pytest.mark.parametrize(
    ("written", "ratio"), [("5%", 0.05), ("0.05", 0.05), ("0", 0.0), ("0%", 0.0), ("'0.0'", 0.0)]
)
def test_the_headroom_is_a_share_and_may_be_none(load: Load, written: str, ratio: float) -> None:
    suite = load(f"limits: {{headroom: {written}}}")

    assert suite.limits == Limits(headroom_ratio=ratio)
    assert suite_from_json(json.loads(json.dumps(suite.to_json()))) == suite


@pytest.mark.parametrize("raw", ["5%", "0.05", 0.05, " 5 % "])
def test_a_headroom_is_written_as_a_share_or_a_percentage(raw: object) -> None:
    assert parse_headroom(raw) == 0.05


@pytest.mark.parametrize("raw", [True, False, None, "", "-1%", -0.1, 1.5, "150%", "none"])
def test_what_is_no_headroom_is_refused(raw: object) -> None:
    with pytest.raises(IllegalValue, match="a share from 0 to 1"):
        parse_headroom(raw)


@pytest.mark.parametrize("raw", ["1", 1, 1.0, "100%", " 100 % "])
def test_a_whole_share_is_one(raw: object) -> None:
    assert parse_score(raw) == 1.0


@pytest.mark.parametrize("raw", [0, "0", "0%", 1.01, "101%", "-0.5", "nan", "1e-1", "", None, True])
def test_what_is_no_share_is_refused(raw: object) -> None:
    with pytest.raises(IllegalValue, match="a share above 0 and up to 1"):
        parse_score(raw)


def test_the_schema_takes_the_right_sign_only() -> None:
    quantities = suite_schema()["$defs"]["Objective"]["properties"]["subject_to"]["properties"]
    memory = quantities["memory"]["pattern"]
    text, number = quantities["fidelity"]["anyOf"]

    assert list(quantities) == ["fidelity", "memory", "latency_p95", "batch_size"]
    assert all(re.match(memory, written) for written in ("<= 8GiB", "<=500 MB", "8GiB"))
    assert not any(re.match(memory, written) for written in (">= 8GiB", "< 8GiB", "<= 8"))
    assert all(re.match(text["pattern"], written) for written in (">= 0.9", "90%", ">=90%"))
    assert not re.match(text["pattern"], "<= 0.9")
    assert number == {"type": "number", "exclusiveMinimum": 0, "maximum": 1}


@pytest.mark.parametrize(
    "limit", ["limits: {fidelity: 0.9}", 'objective: {subject_to: {fidelity: ">= 0.9"}}']
)
def test_a_fidelity_limit_without_fidelities_is_refused_before_the_sweep(
    load: Load, limit: str
) -> None:
    with pytest.raises(SuiteError, match="fidelity: is off, so that nothing can keep to"):
        load(f"axes: {{steps: [1]}}\nfidelity: off\n{limit}\n")
