from __future__ import annotations

from typing import Any

import pytest

from sdbench.devices.base import OTHER_STAGE
from sdbench.measure.agreement import ROUNDING_PSNR_DB
from sdbench.pipelines import base
from sdbench.suite.gates import GATE_FIELDS, GateRule, Gates
from sdbench.suite.margins import ALL_STAGES, MOST_PSNR_DB, STAGES


def rule(gates: dict[str, Any], **configurations: Any) -> GateRule:
    return GateRule(
        configurations={knob: tuple(values) for knob, values in configurations.items()},
        gates=gates,
    )


def test_without_rules_the_gates_are_the_same_for_all() -> None:
    gates = Gates(latency=0.05)

    assert gates.for_knobs({"dtype": "fp16"}) == gates


def test_a_rule_changes_what_it_names_and_only_where_all_its_knobs_match() -> None:
    gates = Gates(rules=(rule({"latency": 0.1, "load": 0.5}, dtype=["fp16"], steps=[4, 8]),))

    matched = gates.for_knobs({"dtype": "fp16", "steps": 8, "batch_size": 1})

    assert (matched.latency, matched.load) == (0.1, 0.5)
    assert matched.peak_allocated == gates.peak_allocated
    assert gates.for_knobs({"dtype": "fp16", "steps": 10}) == gates
    assert gates.for_knobs({"dtype": "bf16", "steps": 8}) == gates


def test_of_rules_that_match_the_later_ones_decide() -> None:
    gates = Gates(
        rules=(
            rule({"latency": 0.1, "fidelity": None}, dtype=["fp16", "bf16"]),
            rule({"latency": None}, dtype=["fp16"]),
        )
    )

    assert gates.for_knobs({"dtype": "bf16"}).latency == 0.1
    assert gates.for_knobs({"dtype": "fp16"}).latency is None
    assert gates.for_knobs({"dtype": "fp16"}).fidelity is None


def test_a_knob_that_an_old_record_lacks_counts_as_neutral() -> None:
    """A record from before there was a knob would otherwise be held to other gates than today's."""
    gates = Gates(rules=(rule({"latency": 0.1}, attention_slicing=["off"]),))

    assert gates.for_knobs({"dtype": "fp16"}).latency == 0.1
    assert gates.for_knobs({"attention_slicing": "max"}).latency == gates.latency


def test_a_value_that_is_a_mapping_is_matched_as_a_whole() -> None:
    euler = {"name": "euler", "use_karras_sigmas": True}
    gates = Gates(rules=(rule({"latency": 0.1}, scheduler=[euler]),))

    assert gates.for_knobs({"scheduler": dict(euler)}).latency == 0.1
    assert gates.for_knobs({"scheduler": {"name": "euler"}}).latency == gates.latency


def test_stages_are_gated_by_name_or_all_alike_and_by_default_not() -> None:
    assert Gates().stage("denoiser") is None
    assert Gates(stages={"denoiser": 0.05}).stage("denoiser") == 0.05
    assert Gates(stages={"denoiser": 0.05}).stage("vae_decode") is None
    assert Gates(stages={ALL_STAGES: 0.1}).stage("vae_decode") == 0.1
    assert Gates(stages={ALL_STAGES: 0.1, "denoiser": None}).stage("denoiser") is None


def test_a_rule_for_one_stage_leaves_the_others_as_they_are() -> None:
    gates = Gates(
        stages={"denoiser": 0.05, "vae_decode": 0.2},
        rules=(rule({"stages": {"denoiser": 0.1}}, dtype=["fp16"]),),
    )

    matched = gates.for_knobs({"dtype": "fp16"})

    assert (matched.stage("denoiser"), matched.stage("vae_decode")) == (0.1, 0.2)


def test_a_rule_for_all_stages_is_for_those_too_that_were_named_before() -> None:
    gates = Gates(
        stages={"denoiser": 0.05}, rules=(rule({"stages": {ALL_STAGES: None}}, dtype=["fp16"]),)
    )

    assert gates.for_knobs({"dtype": "fp16"}).stage("denoiser") is None


def test_a_rule_may_change_every_gate_but_not_what_is_assumed_of_runs() -> None:
    assert "latency" in GATE_FIELDS
    assert "memory_growth_bytes" in GATE_FIELDS
    assert not {"rules", "between_runs"} & set(GATE_FIELDS)


def test_the_stages_that_a_suite_may_name_are_those_that_pipelines_report() -> None:
    reported = {
        base.TEXT_ENCODING,
        base.DENOISER,
        base.SCHEDULER_STEP,
        base.VAE_ENCODE,
        base.VAE_DECODE,
        base.SAFETY_CHECKER,
        OTHER_STAGE,
    }

    assert set(STAGES) == reported


def test_equal_pictures_pass_the_highest_bar_that_can_be_set() -> None:
    """Their PSNR is cut off at what rounding costs, so a higher bar would fail even them."""
    assert MOST_PSNR_DB <= ROUNDING_PSNR_DB
    assert pytest.approx(ROUNDING_PSNR_DB, abs=0.1) == MOST_PSNR_DB
