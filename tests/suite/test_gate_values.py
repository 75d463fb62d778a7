from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sdbench.suite.gate_values import RULE_KEYS
from sdbench.suite.gates import GATE_FIELDS, GateRule, Gates
from sdbench.suite.load import load_suite, suite_from_json, suite_from_mapping
from sdbench.units import MIB

from .conftest import Load

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


def test_the_suite_for_ci_spells_out_every_gate() -> None:
    path = Path(__file__).parents[2] / "suites" / "ci.yaml"
    written = path.read_text(encoding="utf-8").partition("\ngates:\n")[2]

    gates = load_suite(path).gates

    assert all(f"\n  {key}: " in f"\n{written}" for key in (*RULE_KEYS[1:], "between_runs"))
    assert (gates.latency, gates.peak_allocated, gates.missing) == (0.05, 0.02, True)
