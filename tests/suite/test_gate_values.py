from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sdbench.errors import IllegalValue
from sdbench.suite.errors import SuiteError
from sdbench.suite.gate_values import RULE_KEYS
from sdbench.suite.gates import GATE_FIELDS, GateRule, Gates
from sdbench.suite.load import load_suite, suite_from_json, suite_from_mapping
from sdbench.suite.margins import STAGES, parse_picture, parse_slack
from sdbench.units import MIB

from .conftest import Load, Refusal

FULL = """\
axes: {dtype: [fp32, fp16], steps: [4, 8]}
gates:
  latency: 5%
  stages: {denoiser: 0.05, other: off}
  load: 20%
  first_call: 50%
  peak_allocated: 1%
  peak_reserved: 5%
  peak_device_used: 10%
  memory_growth: 1MiB
  fidelity: 0.03
  picture: 35dB
  status: off
  missing: allow
  between_runs: 1%
  rules:
    - for: {dtype: fp16, steps: [4, 8]}
      latency: off
      stages: 10%
      picture: 20
    - {for: {steps: 4}, memory_growth: 2MiB, missing: fail}
"""

TWO_AXES = "axes: {dtype: [fp32, fp16], steps: [4, 8]}\nmeasure: {default: off}\n"
MARGIN = "a share above 0 and up to 1, such as 5% or 0.05, or off"
GROWTH = "a share from 0 to 1, such as 5% or 0.05, or off"


def again(suite: Any) -> Any:
    """What is read from the suite as it is stored."""
    return suite_from_json(json.loads(json.dumps(suite.to_json())))


def test_gates_in_full_dress_become_values_in_shares_and_bytes(load: Load) -> None:
    assert load(FULL).gates == Gates(
        latency=0.05,
        stages={"denoiser": 0.05, "other": None},
        load=0.2,
        first_call=0.5,
        peak_allocated=0.01,
        peak_reserved=0.05,
        peak_device_used=0.1,
        memory_growth_bytes=MIB,
        fidelity=0.03,
        picture_psnr_db=35.0,
        status=False,
        missing=False,
        between_runs=0.01,
        rules=(
            GateRule(
                configurations={"dtype": ("fp16",), "steps": (4, 8)},
                gates={"latency": None, "stages": {"all": 0.1}, "picture_psnr_db": 20.0},
            ),
            GateRule(
                configurations={"steps": (4,)},
                gates={"memory_growth_bytes": 2 * MIB, "missing": True},
            ),
        ),
    )


def test_rules_change_the_gates_of_the_configurations_that_they_are_for(load: Load) -> None:
    gates = load(FULL).gates

    four, eight = (gates.for_knobs({"dtype": "fp16", "steps": steps}) for steps in (4, 8))

    assert (four.latency, four.memory_growth_bytes, four.stage("denoiser")) == (None, 2 * MIB, 0.1)
    assert (eight.latency, eight.memory_growth_bytes, eight.missing) == (None, MIB, False)
    assert gates.for_knobs({"dtype": "fp32", "steps": 8}).latency == 0.05


def test_a_suite_without_gates_has_the_default_ones(load: Load) -> None:
    assert load("").gates == load("gates: {}").gates == Gates()


def test_gates_come_back_from_the_stored_suite(load: Load) -> None:
    suite = load(FULL)

    assert again(suite) == suite


def test_a_suite_that_was_stored_before_there_were_gates_has_the_default_ones(load: Load) -> None:
    dumped = load("").to_json()
    del dumped["gates"]

    assert suite_from_json(dumped).gates == Gates()


def test_a_stored_rule_is_kept_though_an_override_took_its_configurations(load: Load) -> None:
    """Sides of a job that differ in a fixed value share the suite's gates."""
    dumped = load("fixed: {attention: sdpa}\ngates: {rules: [{for: {attention: sdpa}, load: 1%}]}")
    changed = {**dumped.to_json(), "fixed": {**dumped.fixed, "attention": "eager"}}

    assert again(suite_from_json(changed)).gates == dumped.gates


@pytest.mark.parametrize("word", ["off", "'off'", "false"])
@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("latency", "latency"),
        ("load", "load"),
        ("first_call", "first_call"),
        ("peak_allocated", "peak_allocated"),
        ("peak_reserved", "peak_reserved"),
        ("peak_device_used", "peak_device_used"),
        ("fidelity", "fidelity"),
        ("picture", "picture_psnr_db"),
    ],
)
def test_off_stands_for_no_gate(load: Load, key: str, field: str, word: str) -> None:
    suite = load(f"gates: {{{key}: {word}}}")

    assert getattr(suite.gates, field) is None
    assert again(suite) == suite


@pytest.mark.parametrize("written", ["5%", "0.05", "'0.05'", " 5 % "])
def test_a_margin_is_a_percentage_or_a_fraction(load: Load, written: str) -> None:
    assert load(f"gates: {{latency: {written}}}").gates.latency == 0.05


@pytest.mark.parametrize("written", ["0", "0%", "0.0"])
def test_what_is_exact_may_be_held_to_no_change_at_all(load: Load, written: str) -> None:
    suite = load(f"gates: {{peak_allocated: {written}, fidelity: {written}, memory_growth: 0}}")

    assert (suite.gates.peak_allocated, suite.gates.fidelity) == (0.0, 0.0)
    assert suite.gates.memory_growth_bytes == 0
    assert again(suite) == suite


def test_one_share_stands_for_all_stages(load: Load) -> None:
    assert load("gates: {stages: 10%}").gates.stages == {"all": 0.1}
    assert load("gates: {stages: off}").gates.stages == {"all": None}
    assert load("gates: {stages: {all: 10%, denoiser: 5%}}").gates.stage("denoiser") == 0.05


@pytest.mark.parametrize(("written", "is_gated"), [("on", True), ("off", False), ("true", True)])
def test_a_status_is_gated_or_not(load: Load, written: str, is_gated: bool) -> None:
    assert load(f"gates: {{status: {written}}}").gates.status is is_gated


def test_gates_can_be_given_as_plain_data(tmp_path: Path) -> None:
    data = {
        "name": "x",
        "pipeline": "tiny",
        "gates": {"latency": False, "stages": {"denoiser": 0.1}, "status": True, "picture": 40},
    }

    gates = suite_from_mapping(data, tmp_path).gates

    assert gates == Gates(latency=None, stages={"denoiser": 0.1}, picture_psnr_db=40.0)


@pytest.mark.parametrize("key", RULE_KEYS[1:])
def test_a_rule_may_change_every_gate_of_a_configuration(load: Load, key: str) -> None:
    written = {"status": "off", "missing": "allow", "memory_growth": "0", "picture": "40"}
    suite = load(f"gates: {{rules: [{{for: {{dtype: fp32}}, {key}: {written.get(key, '7%')}}}]}}")

    (rule,) = suite.gates.rules

    assert list(rule.gates) == [GATE_FIELDS[RULE_KEYS.index(key) - 1]]
    assert suite.gates.for_knobs({"dtype": "fp32"}) != suite.gates
    assert again(suite) == suite


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


@pytest.mark.parametrize("raw", [0, 0.0, "0", "0B", "0 MiB", "00KB"])
def test_no_growth_may_be_written_with_a_unit_or_without(raw: object) -> None:
    assert parse_slack(raw) == 0


@pytest.mark.parametrize("raw", [1, -1, True, False, None, "1", "-1B", "0.1B", "MiB", "", "0x"])
def test_what_is_no_size_is_refused(raw: object) -> None:
    with pytest.raises(IllegalValue, match="a size with its unit"):
        parse_slack(raw)


@pytest.mark.parametrize("raw", [30, 30.0, "30", "30dB", " 30.0 dB "])
def test_decibels_may_be_written_with_their_unit_or_without(raw: object) -> None:
    assert parse_picture(raw) == 30.0


@pytest.mark.parametrize(
    "raw", [0, -1, 59, "0dB", "30db", "3e1", "dB", "", None, True, float("nan")]
)
def test_what_is_no_psnr_is_refused(raw: object) -> None:
    with pytest.raises(IllegalValue, match="a number of decibels"):
        parse_picture(raw)


def test_the_suite_for_ci_spells_out_every_gate() -> None:
    path = Path(__file__).parents[2] / "suites" / "ci.yaml"
    written = path.read_text(encoding="utf-8").partition("\ngates:\n")[2]

    gates = load_suite(path).gates

    assert all(f"\n  {key}: " in f"\n{written}" for key in (*RULE_KEYS[1:], "between_runs"))
    assert (gates.latency, gates.peak_allocated, gates.missing) == (0.05, 0.02, True)
