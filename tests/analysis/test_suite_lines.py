"""The suite that a recommendation comes with stands for that configuration alone."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sdbench.analysis.suite_lines import reproducing_suite
from sdbench.errors import IllegalValue
from sdbench.knobs.registry import KNOBS
from sdbench.suite.configuration import Configuration
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite
from sdbench.suite.model import Axis, FidelityProtocol, Inputs, Limits, Protocol, Suite

TINY = {"builtin": "tiny"}
SUITE = Suite(
    name="sweep",
    fixed={"pipeline": TINY},
    axes=(Axis("steps", (10, 20)), Axis("dtype", ("fp32", "bf16"))),
    limits=Limits(memory_bytes=2**30),
)

NASTY = (
    "<script>alert(1)</script>",
    "a \"quoted\" 'cat'",
    "two\nlines: and # no comment",
    "\ttab\r\n",
    "off",
    "null",
    "~",
    "1e3",
    "2026-01-01",
    "",
    "  spaces  ",
    "- a list",
    "{a: mapping}",
    "&anchor *alias !tag %directive @at `tick`",
    "<<",
    "back\\slash \\n",
    "日本語 é 😀 \u2028 \x85 \ufeff \x07",
    "x" * 10_000,
    "words " * 2_000,
)


def read_back(text: str, folder: Path) -> Suite:
    path = folder / "suite.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    return load_suite(path)


def require_reproduced(suite: Suite, knobs: dict[str, Any], folder: Path) -> Suite:
    """Reads the suite back, and compares configuration, inputs and protocols."""
    one = Configuration.of({"pipeline": TINY, **knobs})
    found = read_back(reproducing_suite(suite, one.knobs), folder)
    assert [c.key for c in configurations(found)] == [one.key]
    assert configurations(found)[0] == one
    assert found.inputs == suite.inputs
    assert found.measure == replace(suite.measure, default=False)
    assert found.fidelity == suite.fidelity
    return found


VALUES: list[tuple[str, Any]] = [
    ("pipeline", "owner/name"),
    ("pipeline", {"id": "owner/name", "variant": "fp16", "trust_remote_code": False}),
    ("pipeline", {"path": "/models/with: a colon # and more"}),
    ("pipeline", {"single_file": "/a.ckpt", "allow_pickle": True}),
    ("pipeline", {"architecture": "sdxl", "weights": "random"}),
    ("pipeline", {"builtin": "tiny", "custom_pipeline": "/mega.py", "trust_remote_code": True}),
    ("scheduler", "dpmpp_2m_karras"),
    ("scheduler", {"name": "euler", "beta_end": 1.2e-05, "use_karras_sigmas": True}),
    ("scheduler", {"name": "euler", "timestep_spacing": "off"}),
    ("attention_slicing", "max"),
    ("attention_slicing", 2),
    ("steps", 7),
    ("height", 512),
    ("width", 768),
    ("guidance_scale", 7.5),
    ("guidance_scale", 0),
    ("strength", 0.3),
    ("batch_size", 8),
    ("threads", 3),
    *(("prompt", text) for text in NASTY),
    *(
        (name, choice)
        for name, knob in KNOBS.items()
        for choice in getattr(knob, "choices", ())
        if name != "scheduler"
    ),
]


@pytest.mark.parametrize(("name", "raw"), VALUES, ids=lambda value: str(value)[:40])
def test_the_suite_stands_for_that_configuration_alone(name: str, raw: Any, tmp_path: Path) -> None:
    try:
        value = KNOBS[name].parse(raw)
    except IllegalValue:
        assert (name, raw) == ("prompt", "")
        return
    require_reproduced(SUITE, {name: value}, tmp_path)


def test_every_knob_is_among_those_values() -> None:
    assert {name for name, _ in VALUES} == set(KNOBS)


def test_prompts_are_quoted_so_that_they_come_back_as_they_were(tmp_path: Path) -> None:
    inputs = Inputs(prompts=NASTY, negative_prompt="no: #1\n", seed=7, image="/a b's.png")
    protocol = FidelityProtocol(prompts=NASTY)
    require_reproduced(replace(SUITE, inputs=inputs, fidelity=protocol), {}, tmp_path)


def test_random_texts_come_back_as_they_were(tmp_path: Path) -> None:
    chance = random.Random(0)
    alphabet = "ab \n\t\"'\\:#-?{}[],&*!|>%@`~=<\u00a0\u2029é😀0"
    texts = tuple("".join(chance.choices(alphabet, k=chance.randint(1, 12))) for _ in range(300))
    require_reproduced(replace(SUITE, inputs=Inputs(prompts=texts)), {}, tmp_path)


@pytest.mark.parametrize(
    "measure",
    [
        Protocol(),
        Protocol(warmup=2, min_samples=3, max_samples=4, target_interval=0.025),
        Protocol(time_budget_s=0.25, timeout_s=1e-05, load_timeout_s=7200.0, confirm_rounds=0),
        Protocol(default=False),
    ],
)
def test_the_protocol_is_kept_and_the_default_is_not_measured_beside(
    measure: Protocol, tmp_path: Path
) -> None:
    require_reproduced(replace(SUITE, measure=measure), {"steps": 10}, tmp_path)


@pytest.mark.parametrize(
    "fidelity",
    [
        None,
        FidelityProtocol(),
        FidelityProtocol(seeds=4, reference_steps=50, timeout_s=90.0),
        FidelityProtocol(reference_scheduler={"name": "heun", "beta_end": 0.01}),
    ],
)
def test_fidelity_is_measured_as_it_was(fidelity: FidelityProtocol | None, tmp_path: Path) -> None:
    require_reproduced(replace(SUITE, fidelity=fidelity), {"steps": 10}, tmp_path)


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    one = Configuration.of({"pipeline": TINY, "steps": 10, "dtype": "bf16"})
    suite = replace(SUITE, measure=Protocol(time_budget_s=5.0))
    assert reproducing_suite(suite, one.knobs) == (
        "name: sweep-again\n"
        "pipeline:\n"
        "  builtin: tiny\n"
        "fixed:\n"
        "  dtype: bf16\n"
        "  steps: 10\n"
        "measure:\n"
        "  time_budget: 5s\n"
        "  default: off\n"
    )


def test_the_name_stays_one_that_a_folder_takes(tmp_path: Path) -> None:
    found = require_reproduced(replace(SUITE, name="x" * 100), {}, tmp_path)
    assert found.name == "x" * 94 + "-again"


def test_a_pipeline_that_was_handed_over_says_so() -> None:
    one = Configuration.of({"pipeline": {"loaded": "StableDiffusionPipeline"}})
    text = reproducing_suite(SUITE, one.knobs)
    assert "# A StableDiffusionPipeline that was handed over: say here where it is" in text


def test_a_text_of_many_lines_stays_on_one() -> None:
    """A page numbers the lines of suites, and a prompt of its own lines would break them."""
    one = Configuration.of({"pipeline": TINY, "prompt": "a\nb\n\n c\x85d\u2028e"})
    text = reproducing_suite(SUITE, one.knobs)
    assert json.dumps("a\nb\n\n c")[1:-1] in text
    assert text.splitlines() == text.split("\n")[:-1]


def test_relative_paths_stay_so_and_it_says_to_what(tmp_path: Path) -> None:
    """They were made absolute, so that the suite was of one machine."""
    knobs = {"pipeline": {"path": "./model"}}
    found = require_reproduced(replace(SUITE, inputs=Inputs(image="./in.png")), knobs, tmp_path)
    assert found.fixed["pipeline"] == {"path": "./model"}
    text = reproducing_suite(SUITE, Configuration.of(knobs).knobs)
    assert "# Put it into the folder of the suite's file" in text
