from __future__ import annotations

import pytest

from .conftest import Load, Refusal

ALONE = "measure: {default: off}\n"
AXES = "axes: {dtype: [fp16, bf16], steps: [4, 8]}\n"


def rule(configurations: str) -> str:
    return f"gates: {{rules: [{{for: {configurations}, latency: 9%}}]}}\n"


@pytest.mark.parametrize(
    ("suite", "configurations", "message"),
    [
        (AXES, "{steps: 15}", "rules[0].for.steps: 15 matches no configuration: they have 4, 8"),
        (
            AXES,
            "{steps: [4, 15]}",
            "rules[0].for.steps[1]: 15 matches no configuration: they have 4, 8",
        ),
        (
            "fixed: {steps: 5}\n",
            "{steps: 15}",
            "rules[0].for.steps: 15 matches no configuration: in every configuration it is 5",
        ),
        (
            AXES,
            "{attention_slicing: max}",
            "rules[0].for.attention_slicing: max matches no configuration: in every configuration "
            "it is off",
        ),
        (
            f"{AXES}exclude: [{{dtype: fp16, steps: 4}}]\n",
            "{dtype: fp16, steps: [8, 4]}",
            "rules[0].for.steps[1]: 4 matches no configuration together with the rest of this rule",
        ),
        (
            f"{AXES}include: [{{dtype: fp32, steps: 20}}]\n",
            "{steps: 21}",
            "rules[0].for.steps: 21 matches no configuration: they have 4, 8, 20",
        ),
        (
            f"{AXES}include: [{{dtype: fp32, steps: 20}}]\n",
            "{dtype: fp16, steps: 20}",
            "rules[0].for.dtype: fp16 matches no configuration together with the rest of this rule",
        ),
    ],
)
def test_a_value_that_nothing_has_is_refused_with_those_that_there_are(
    refusal: Refusal, suite: str, configurations: str, message: str
) -> None:
    assert refusal(f"{ALONE}{suite}{rule(configurations)}").partition("gates.")[2] == message


@pytest.mark.parametrize(
    ("suite", "configurations"),
    [
        (AXES, "{dtype: [fp16, bf16], steps: 4}"),
        (f"{AXES}exclude: [{{dtype: fp16, steps: 4}}]\n", "{dtype: [fp16, bf16], steps: 8}"),
        (f"{AXES}include: [{{dtype: fp32, steps: 20}}]\n", "{dtype: fp32}"),
        (f"{AXES}include: [{{dtype: fp32}}]\nexclude: [{{steps: [4, 8]}}]\n", "{dtype: fp32}"),
        (AXES, "{attention_slicing: off, steps: 8}"),
        ("fixed: {steps: 5}\n", "{steps: [5]}"),
    ],
)
def test_a_rule_whose_values_all_match_something_is_taken(
    load: Load, suite: str, configurations: str
) -> None:
    assert len(load(f"{ALONE}{suite}{rule(configurations)}").gates.rules) == 1


def test_a_rule_may_be_for_the_default_that_is_measured_beside_the_sweep(
    load: Load, refusal: Refusal
) -> None:
    text = f"{AXES}{rule('{dtype: fp32}')}"

    assert len(load(text).gates.rules) == 1
    assert refusal(f"{ALONE}{text}").endswith("fp32 matches no configuration: they have fp16, bf16")


def test_a_suite_that_stands_for_too_many_is_not_searched(load: Load) -> None:
    """The rule's configurations are excluded, all million of them, which takes long to find out."""
    values = "[" + ", ".join(map(str, range(1, 1001))) + "]"
    axes = f"axes: {{dtype: [fp16, bf16], steps: {values}, batch_size: {values}}}\n"

    suite = load(f"{ALONE}{axes}exclude: [{{dtype: fp16}}]\n{rule('{dtype: fp16}')}")

    assert len(suite.gates.rules) == 1
