"""Single fixed knobs, replaced from outside of the suite."""

from __future__ import annotations

import pytest

from sdbench.suite.configuration import Configuration
from sdbench.suite.errors import SuiteError
from sdbench.suite.expand import configurations
from sdbench.suite.model import Axis, Suite
from sdbench.suite.overrides import overridden, override_all, parse_overrides, refuse_varied

SUITE = Suite(
    name="s",
    fixed={"pipeline": {"builtin": "tiny"}, "dtype": "fp16"},
    axes=(Axis("steps", (2, 4)),),
    include=({"dtype": ("fp32",)},),
)


def test_a_value_is_written_as_in_a_suite() -> None:
    texts = ["fixed.attention=eager", "fixed.steps=4", "fixed.vae_tiling=on", "fixed.pipeline=tiny"]
    assert parse_overrides(texts, "--set") == {
        "attention": "eager",
        "steps": 4,
        "vae_tiling": "on",
        "pipeline": {"builtin": "tiny"},
    }


def test_a_value_may_be_a_mapping_with_equals_signs_in_it() -> None:
    text = "fixed.scheduler={name: ddim, timestep_spacing: trailing}"
    (value,) = parse_overrides([text], "--set").values()
    assert value == {"name": "ddim", "timestep_spacing": "trailing"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps", "'steps' replaces no fixed knob: write fixed.attention=eager"),
        ("steps=4", "'steps=4' replaces no fixed knob: write fixed.steps=4"),
        ("axes.steps=4", "write fixed.attention=eager"),
        ("fixed.step=4", "--set: fixed.step: unknown knob: did you mean 'steps'?"),
        ("fixed.steps=many", "--set: fixed.steps: 'many' is not legal"),
        ("fixed.steps=[2, 4]", r"\[2, 4\] is a list: values to sweep belong under axes"),
        ("fixed.steps={2", "--set: fixed.steps: '{2' is no value in YAML"),
    ],
)
def test_what_is_no_knob_with_a_legal_value_is_refused(text: str, words: str) -> None:
    with pytest.raises(SuiteError, match=words):
        parse_overrides([text], "--set")


def test_a_knob_is_replaced_once() -> None:
    with pytest.raises(SuiteError, match=r"--set: fixed.steps: given twice"):
        parse_overrides(["fixed.steps=2", "fixed.steps=4"], "--set")


def test_all_configurations_have_the_value_and_keep_their_order() -> None:
    given = configurations(SUITE)
    replaced = override_all(given, {"attention": "eager"})
    assert [one.knobs["attention"] for one in replaced] == ["eager"] * len(given)
    assert [Configuration({**one.knobs, "attention": "default"}) for one in replaced] == list(given)
    assert overridden(SUITE, {"dtype": "bf16"}).fixed["dtype"] == "bf16"


@pytest.mark.parametrize(
    ("knob", "words"),
    [
        ("steps", r"fixed.steps: is an axis of the suite \(2, 4\): only what is the same in all"),
        ("dtype", r"fixed.dtype: varies by the suite's include \(fp16, fp32\)"),
    ],
)
def test_what_varies_cannot_be_replaced(knob: str, words: str) -> None:
    with pytest.raises(SuiteError, match=words):
        refuse_varied(SUITE, configurations(SUITE), [knob], "--set")


def test_an_axis_of_one_value_cannot_be_replaced_either() -> None:
    suite = Suite(name="s", fixed=SUITE.fixed, axes=(Axis("steps", (2,)),))
    with pytest.raises(SuiteError, match=r"is an axis of the suite \(2\)"):
        refuse_varied(suite, configurations(suite), ["steps"], "--set")
    refuse_varied(suite, configurations(suite), ["dtype", "attention"], "--set")
