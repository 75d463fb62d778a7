"""Slips in gates are told with their line, their key and what is legal."""

from __future__ import annotations

import pytest

from sdbench.suite.errors import SuiteError
from sdbench.suite.load import suite_from_json
from sdbench.suite.margins import STAGES

from .conftest import Load, Refusal

TWO_AXES = "axes: {dtype: [fp32, fp16], steps: [4, 8]}\nmeasure: {default: off}\n"
MARGIN = "a share above 0 and up to 1, such as 5% or 0.05, or off"
GROWTH = "a share from 0 to 1, such as 5% or 0.05, or off"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "gates:",
            "2: gates: has no value: legal is a mapping of gates such as {latency: 5%, "
            "peak_allocated: 2%}",
        ),
        (
            "gates:\n  latncy: 5%",
            "3: gates.latncy: unknown gate: did you mean 'latency'? legal: latency, stages, load, "
            "first_call, peak_allocated, peak_reserved, peak_device_used, memory_growth, "
            "fidelity, picture, status, missing, between_runs, rules",
        ),
        ("gates:\n  latency: 5", f"3: gates.latency: 5 is not legal: legal is {MARGIN}"),
        ("gates: {latency: 0%}", f"2: gates.latency: '0%' is not legal: legal is {MARGIN}"),
        ("gates: {latency: on}", f"2: gates.latency: 'on' is not legal: legal is {MARGIN}"),
        ("gates: {load: true}", f"2: gates.load: true is not legal: legal is {MARGIN}"),
        ("gates: {first_call: }", f"2: gates.first_call: has no value: legal is {MARGIN}"),
        (
            "gates: {peak_allocated: 16MiB}",
            f"2: gates.peak_allocated: '16MiB' is not legal: legal is {GROWTH}",
        ),
        ("gates: {fidelity: -0.1}", f"2: gates.fidelity: -0.1 is not legal: legal is {GROWTH}"),
        (
            "gates:\n  stages:\n    denoisr: 5%",
            "4: gates.stages.denoisr: unknown stage: did you mean 'denoiser'? legal: "
            f"{', '.join(STAGES)}, all",
        ),
        (
            "gates:\n  stages:\n    denoiser: slow",
            f"4: gates.stages.denoiser: 'slow' is not legal: legal is {MARGIN}",
        ),
        (
            "gates: {stages: [denoiser]}",
            f'2: gates.stages: ["denoiser"] is not legal: legal is {MARGIN}; or a mapping of '
            "stages to these, such as {denoiser: 5%}",
        ),
        (
            "gates: {memory_growth: 16}",
            "2: gates.memory_growth: 16 is not legal: legal is a size with its unit, such as "
            "16MiB, or 0",
        ),
        (
            "gates: {memory_growth: off}",
            "2: gates.memory_growth: 'off' is not legal: legal is a size with its unit, such as "
            "16MiB, or 0",
        ),
        (
            "gates: {picture: 60dB}",
            "2: gates.picture: '60dB' is not legal: legal is a number of decibels above 0 and up "
            "to 58.9, such as 30, or off",
        ),
        ("gates: {status: maybe}", "2: gates.status: 'maybe' is not legal: legal is on or off"),
        ("gates: {status: 5%}", "2: gates.status: '5%' is not legal: legal is on or off"),
        (
            "gates: {missing: on}",
            "2: gates.missing: 'on' is not legal: legal: fail, allow",
        ),
        (
            "gates: {missing: alow}",
            "2: gates.missing: 'alow' is not legal: did you mean 'allow'? legal: fail, allow",
        ),
        (
            "gates: {between_runs: off}",
            "2: gates.between_runs: 'off' is not legal: legal is a share from 0 to 1, such as 5% "
            "or 0.05",
        ),
    ],
)
def test_a_slip_is_refused_with_its_line_its_key_and_what_is_legal(
    refusal: Refusal, text: str, message: str
) -> None:
    assert refusal(text) == f"suite.yaml:{message}"


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            "{for: {steps: 4}, latency: 9%}",
            '5: gates.rules: {"for": {"steps": 4}, "latency": "9%"} is not legal: legal is a list '
            "of rules such as [{for: {dtype: fp16}, latency: 10%}]",
        ),
        (
            "[latency]",
            "5: gates.rules[0]: 'latency' is not legal: legal is a rule such as {for: {dtype: "
            "fp16}, latency: 10%}",
        ),
        (
            "[{latency: 9%}]",
            "5: gates.rules[0].for: is missing: say for which configurations, such as `for: "
            "{dtype: fp16}`",
        ),
        (
            "[{for: {steps: 4}}]",
            "5: gates.rules[0]: changes no gate: add one beside `for`, of latency, stages, load, "
            "first_call, peak_allocated, peak_reserved, peak_device_used, memory_growth, "
            "fidelity, picture, status, missing",
        ),
        (
            "[{for: {steps: 4}, latnecy: 9%}]",
            "5: gates.rules[0].latnecy: unknown gate: did you mean 'latency'? legal: for, "
            "latency, stages, load, first_call, peak_allocated, peak_reserved, peak_device_used, "
            "memory_growth, fidelity, picture, status, missing",
        ),
        (
            "[{for: {steps: 4}, between_runs: 1%}]",
            "5: gates.rules[0].between_runs: unknown gate: legal: for, latency, stages, load, "
            "first_call, peak_allocated, peak_reserved, peak_device_used, memory_growth, "
            "fidelity, picture, status, missing",
        ),
        (
            "\n    - for: {steps: 4}\n      load: 9%\n    - for: {steps: 8}\n      load: 9 %%",
            f"9: gates.rules[1].load: '9 %%' is not legal: legal is {MARGIN}",
        ),
        (
            "[{for: {}, latency: 9%}]",
            "5: gates.rules[0].for: {} is not legal: legal is a rule that names at least one "
            "knob, such as {dtype: fp32}",
        ),
        (
            "[{for: {steps: [4, -8]}, latency: 9%}]",
            "5: gates.rules[0].for.steps[1]: -8 is not legal: legal is a whole number above 0",
        ),
        (
            "[{for: {steps: []}, latency: 9%}]",
            "5: gates.rules[0].for.steps: this list has no values, so nothing matches it",
        ),
    ],
)
def test_a_rule_that_cannot_be_understood_is_refused(
    refusal: Refusal, rules: str, message: str
) -> None:
    assert refusal(f"{TWO_AXES}gates:\n  rules: {rules}") == f"suite.yaml:{message}"


def test_a_stored_rule_of_another_form_is_refused(load: Load) -> None:
    dumped = load("gates: {rules: [{for: {dtype: fp32}, load: 1%}]}").to_json()
    dumped["gates"]["rules"] = [{"for": {"steps": 4}}]

    with pytest.raises(
        SuiteError, match=r"gates\.rules\[0\]: .* legal is \{configurations, gates\}"
    ):
        suite_from_json(dumped)


def test_a_stored_gate_of_a_later_version_is_refused_by_its_name(load: Load) -> None:
    dumped = load("").to_json()
    dumped["gates"]["energy"] = 0.1

    with pytest.raises(SuiteError, match=r"gates\.energy: unknown gate: legal: latency, .*"):
        suite_from_json(dumped)
