from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdbench.errors import SdbenchError
from sdbench.knobs.registry import KNOBS
from sdbench.suite.errors import SuiteError
from sdbench.suite.load import load_suite, suite_from_json
from sdbench.suite.model import Axis, Inputs, Limits, Metric, Objective, Protocol, Suite

from .conftest import Load, Refusal

SUITES = sorted((Path(__file__).parents[2] / "suites").glob("*.yaml"))

FULL = """\
name: everything
task: image-to-image
inputs: {prompts: [a fox, a hen], negative_prompt: blurry, seed: 7, height: 64, image: in.png}
fixed: {strength: 0.5, threads: 2}
axes:
  scheduler: [pndm, {use_karras_sigmas: true, name: euler}]
  steps: [10, 20]
  attention_slicing: [off, max, 4]
  vae_tiling: [true, false]
exclude: [{scheduler: pndm, steps: [10, 20]}]
include: [{steps: [1, 2], dtype: fp16}]
measure: {min_samples: 3, target_interval: 2%, time_budget: 250ms, timeout: 2min}
limits: {memory: 2GiB, latency: 1.5s}
objective: {minimize: memory}
max_configurations: 20
"""


def test_a_suite_in_full_dress_becomes_values_in_bytes_and_seconds(load: Load) -> None:
    assert load(FULL) == Suite(
        name="everything",
        inputs=Inputs(
            prompts=("a fox", "a hen"), negative_prompt="blurry", seed=7, image="./in.png"
        ),
        fixed={
            "pipeline": {"builtin": "tiny"},
            "task": "image-to-image",
            "strength": 0.5,
            "threads": 2,
            "height": 64,
        },
        axes=(
            Axis("scheduler", ("pndm", {"name": "euler", "use_karras_sigmas": True})),
            Axis("steps", (10, 20)),
            Axis("attention_slicing", ("off", "max", 4)),
            Axis("vae_tiling", ("on", "off")),
        ),
        exclude=({"scheduler": ("pndm",), "steps": (10, 20)},),
        include=({"steps": (1, 2), "dtype": ("fp16",)},),
        measure=Protocol(min_samples=3, target_interval=0.02, time_budget_s=0.25, timeout_s=120.0),
        limits=Limits(memory_bytes=2 * 2**30, latency_s=1.5),
        objective=Objective(minimize=Metric.MEMORY),
        max_configurations=20,
    )


def test_a_pipeline_is_enough(load: Load) -> None:
    assert load("") == Suite(name="suite", fixed={"pipeline": {"builtin": "tiny"}})


@pytest.mark.parametrize("knob", ["pipeline: tiny", "task: inpainting"])
@pytest.mark.parametrize("section", ["fixed: {%s}", "axes: {%s}"])
def test_a_knob_at_the_top_cannot_be_elsewhere_too(
    refusal: Refusal, knob: str, section: str
) -> None:
    name, value = knob.split(": ")
    word = section % (f"{name}: [{value}]" if "axes" in section else knob)
    pipeline = "" if name == "pipeline" else "pipeline: tiny\n"
    message = refusal(f"{knob}\n{word}\n", pipeline=pipeline)
    assert f"{name}: given under {section[: section.index(':')]} too" in message


def test_all_tasks_can_be_swept(load: Load) -> None:
    (axis,) = load("axes: {task: [text-to-image, image-to-image, inpainting]}").axes
    assert axis.values == ("text-to-image", "image-to-image", "inpainting")


def test_a_suite_that_was_stored_with_its_task_at_the_top_is_read() -> None:
    """Before the task was a knob, `Suite.to_json` dumped it beside the sections."""
    stored = {**Suite(name="old", fixed={"pipeline": {"builtin": "tiny"}}).to_json()}
    suite = suite_from_json({**stored, "task": "inpainting"})
    assert suite.fixed == {"pipeline": {"builtin": "tiny"}, "task": "inpainting"}
    assert suite_from_json(suite.to_json()) == suite


@pytest.mark.parametrize("section", ["fixed: {pipeline: tiny}", "axes: {pipeline: [tiny]}"])
def test_the_pipeline_can_stand_where_other_knobs_do(load: Load, section: str) -> None:
    load(section, pipeline="")


def test_a_prompt_can_be_a_plain_text(load: Load) -> None:
    assert load("inputs: {prompts: a fox}").inputs.prompts == ("a fox",)


def test_off_is_a_word(load: Load) -> None:
    assert load("fixed: {attention_slicing: off}").fixed["attention_slicing"] == "off"


def test_anchors_and_aliases_are_written_out(load: Load) -> None:
    suite = load("exclude: [{dtype: &narrow [fp16]}]\naxes: {dtype: [fp16, fp32]}\n")
    aliased = load("axes: {dtype: &types [fp16, fp32]}\ninclude: [{dtype: *types, steps: 3}]\n")

    assert suite.exclude == ({"dtype": ("fp16",)},)
    assert aliased.include == ({"dtype": ("fp16", "fp32"), "steps": (3,)},)


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(load: Load) -> None:
    assert load("\ufeffpipeline: tiny\r\nname: x\r\n", pipeline="").name == "x"


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.name)
def test_the_suites_of_the_repository_load_and_survive_a_round_trip(path: Path) -> None:
    suite = load_suite(path)

    assert suite.name == path.stem
    assert suite_from_json(json.loads(json.dumps(suite.to_json()))) == suite


def test_a_round_trip_through_json_is_exact(load: Load) -> None:
    suite = load(FULL)
    dumped = json.loads(json.dumps(suite.to_json()))

    assert suite_from_json(dumped) == suite
    assert suite_from_json(dumped).to_json() == dumped


def test_a_dumped_suite_names_its_units(load: Load) -> None:
    dumped = load("measure: {timeout: 2min}\nlimits: {memory: 1KiB}\n").to_json()

    assert dumped["measure"]["timeout_s"] == 120.0
    assert dumped["limits"]["memory_bytes"] == 1024


def test_axes_keep_their_order_even_where_json_sorts_its_keys(load: Load) -> None:
    suite = load("axes: {steps: [1], dtype: [fp32]}")
    dumped = json.loads(json.dumps(suite.to_json(), sort_keys=True))

    assert [axis.knob for axis in suite_from_json(dumped).axes] == ["steps", "dtype"]


def test_an_error_in_a_dumped_suite_names_its_file_and_key(load: Load) -> None:
    dumped = load("axes: {steps: [1]}").to_json()
    dumped["axes"][0]["values"] = [0]

    with pytest.raises(SuiteError) as refused:
        suite_from_json(dumped, "run.json")
    assert str(refused.value) == (
        "run.json: axes.steps[0]: 0 is not legal: legal is a whole number above 0"
    )


@pytest.mark.parametrize("data", [None, [], "x", {}, {"axes": [1]}, {"axes": {"steps": [1]}}])
def test_what_was_never_dumped_is_refused(data: object) -> None:
    with pytest.raises(SuiteError):
        suite_from_json(data)  # type: ignore[arg-type]


def test_an_error_ends_a_command_as_wrong_usage_and_carries_its_place(load: Load) -> None:
    with pytest.raises(SdbenchError) as refused:
        load("axes:\n  steps: [1, x]\n")
    error = refused.value

    assert isinstance(error, SuiteError)
    assert error.exit_code == 2
    assert (error.file, error.line, error.column, error.key) == (
        "suite.yaml",
        3,
        14,
        "axes.steps[1]",
    )


TOP_LEVEL = (
    "name, pipeline, task, hardware, inputs, fixed, axes, exclude, include, measure, "
    "fidelity, limits, objective, gates, max_configurations"
)
SCHEDULERS = (
    "default, pndm, ddim, ddpm, euler, euler_karras, euler_a, heun, lms, lms_karras, dpmpp_2m, "
    "dpmpp_2m_karras, ... (64 in all; see `sdbench schema`)"
)
MEASURE = (
    "warmup, max_warmup, min_samples, max_samples, target_interval, time_budget, timeout, "
    "load_timeout, default, confirm_rounds"
)
SIZE = "legal is a size with its unit, such as 8GiB, 500MiB or 16GB"
TIME = "legal is a time with its unit, such as 250ms, 60s, 10min or 1h"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("axis: {}", f"2: axis: unknown key: did you mean 'axes'? legal: {TOP_LEVEL}"),
        (
            "steps: 20",
            "2: steps: unknown key: this is a knob; put it under fixed, or under axes as a list",
        ),
        (
            "measure:\n  warmpu: 1",
            f"3: measure.warmpu: unknown key: did you mean 'warmup'? legal: {MEASURE}",
        ),
        (
            "axes: {shceduler: [pndm]}",
            "2: axes.shceduler: unknown knob: did you mean 'scheduler'? legal: " + ", ".join(KNOBS),
        ),
        (
            "axes:\n  scheduler:\n    - pndm\n    - eular",
            "5: axes.scheduler[1]: 'eular' is not legal: did you mean 'euler'? "
            f"legal: {SCHEDULERS}",
        ),
        (
            "fixed:\n  scheduler:\n    name: eular",
            "4: fixed.scheduler.name: 'eular' is not legal: did you mean 'euler'? "
            f"legal: {SCHEDULERS}",
        ),
        (
            "axes: {steps: [10, -1]}",
            "2: axes.steps[1]: -1 is not legal: legal is a whole number above 0",
        ),
        ("axes: {steps: [5, 10, 5]}", "2: axes.steps[2]: 5 is given twice, first as axes.steps[0]"),
        (
            "axes: {attention_slicing: [off, false]}",
            "2: axes.attention_slicing[1]: false means the same as axes.attention_slicing[0]",
        ),
        (
            "axes:\n  steps: []",
            "3: axes.steps: this axis has no values: list at least one, or remove it",
        ),
        (
            "axes:\n  steps: 10",
            "3: axes.steps: 10 is one value: an axis is a list such as [10]; a value that all "
            "configurations share belongs under fixed",
        ),
        (
            "fixed: {steps: [10, 20]}",
            "2: fixed.steps: [10, 20] is a list: values to sweep belong under axes",
        ),
        (
            "axes:\nname: x",
            "2: axes: has no value: legal is a mapping of knobs to lists such as {steps: [10, 20]}",
        ),
        (
            "axes:\n  steps: [1]\n  dtype: [fp32]\n  steps: [2]",
            "5: axes.steps: this key is given twice, first on line 3",
        ),
        ("limits: {memory: 8}", f"2: limits.memory: 8 is not legal: {SIZE}"),
        ("limits: {memory: 8 gigs}", f"2: limits.memory: '8 gigs' is not legal: {SIZE}"),
        ("measure:\n  timeout: 10", f"3: measure.timeout: 10 is not legal: {TIME}"),
        (
            "measure: {warmup: true}",
            "2: measure.warmup: true is not legal: legal is a whole number",
        ),
        (
            "measure: {max_samples: 3}",
            "2: measure.max_samples: 3 is below min_samples, which is 6 by default",
        ),
        (
            "measure: {warmup: 4, max_warmup: 2}",
            "2: measure.max_warmup: 2 is below warmup, which is 4",
        ),
        ("measure: {warmup: 9}", "2: measure.warmup: 9 is above max_warmup, which is 5 by default"),
        (
            "task: text2image",
            "2: task: 'text2image' is not legal: did you mean 'text-to-image'? legal: "
            "text-to-image, image-to-image, inpainting",
        ),
        (
            "inputs: {prompts: [2024]}",
            "2: inputs.prompts[0]: 2024 is not legal: legal is a text; what looks like a number "
            "needs quotes",
        ),
        (
            "max_configurations: 0",
            "2: max_configurations: 0 is not legal: legal is a whole number from 1 upwards",
        ),
        (
            "name: ../x",
            "2: name: '../x' is not legal: legal is a name for a folder: up to 100 letters, "
            "digits, '.', '_' and '-', beginning with a letter, a digit or '_'",
        ),
    ],
)
def test_a_slip_is_refused_with_its_line_its_key_and_what_is_legal(
    refusal: Refusal, text: str, message: str
) -> None:
    assert refusal(text) == f"suite.yaml:{message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "fixed: {steps: 1}\naxes: {steps: [2]}",
            "3: axes.steps: given under fixed too; a knob is either fixed or swept",
        ),
        (
            "inputs: {height: 64}\naxes: {height: [64]}",
            "3: axes.height: given under inputs too; a knob is either fixed or swept",
        ),
        (
            "inputs: {height: 64}\nfixed: {height: 64}",
            "2: inputs.height: given under fixed too; remove one of the two",
        ),
        (
            "axes: {pipeline: [tiny]}",
            "1: pipeline: given under axes too; remove one of the two",
        ),
        (
            "fixed: {pipeline: tiny}",
            "1: pipeline: given under fixed too; remove one of the two",
        ),
    ],
)
def test_a_knob_is_given_in_one_place(refusal: Refusal, text: str, message: str) -> None:
    assert refusal(text) == f"suite.yaml:{message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "axes: {steps: [5, 10]}\nexclude:\n  - steps: 15",
            "4: exclude[0].steps: 15 matches no configuration: the axis has 5, 10",
        ),
        (
            "fixed: {steps: 5}\nexclude: [{steps: [5, 15]}]",
            "3: exclude[0].steps[1]: 15 matches no configuration: in every configuration it is 5",
        ),
        (
            "axes: {steps: [5]}\nexclude: [{dtype: fp16}]",
            "3: exclude[0].dtype: fp16 matches no configuration: in every configuration it is fp32",
        ),
        (
            "exclude: [{}]",
            "2: exclude[0]: {} is not legal: legal is a rule that names at least one knob, such as "
            "{dtype: fp32}",
        ),
        (
            "include: [{dtype: []}]",
            "2: include[0].dtype: this list has no values, so nothing matches it",
        ),
        (
            "exclude:\n  dtype: fp32",
            '2: exclude: {"dtype": "fp32"} is not legal: legal is a list of rules such as '
            "[{dtype: fp32, batch_size: [4, 8]}]",
        ),
    ],
)
def test_a_rule_that_would_do_nothing_is_refused(refusal: Refusal, text: str, message: str) -> None:
    assert refusal(text) == f"suite.yaml:{message}"


def test_a_rule_of_include_names_the_pipeline_where_that_is_an_axis(refusal: Refusal) -> None:
    assert refusal("axes: {pipeline: [tiny]}\ninclude: [{steps: 3}]", pipeline="") == (
        "suite.yaml:2: include[0]: name the pipeline in this rule: it is an axis, so nothing else "
        "does"
    )


def test_a_missing_pipeline_is_asked_for(refusal: Refusal) -> None:
    assert refusal("name: x", pipeline="") == (
        "suite.yaml: pipeline: is missing: say what to measure, such as `pipeline: owner/name` (of "
        "the Hugging Face hub), `pipeline: {path: ./folder}` or `pipeline: {builtin: tiny}`"
    )


def test_a_file_whose_name_cannot_name_a_folder_needs_a_name(tmp_path: Path) -> None:
    path = tmp_path / "my suite.yaml"
    path.write_text("pipeline: tiny\n")

    with pytest.raises(SuiteError) as refused:
        load_suite(path)
    assert str(refused.value) == (
        f"{path}: name: is missing, and the file's, 'my suite', cannot name a folder: add "
        "`name: ...`"
    )
