import ast
import itertools

import pytest
from factories import knobs

from sdbench.analysis.code import RELATIVE_TO, python_code
from sdbench.analysis.python_layout import COLUMNS, laid_out, string_literal
from sdbench.knobs.task import Task
from sdbench.suite.model import Inputs, Suite


def suite(task: Task = Task.TEXT_TO_IMAGE, **inputs) -> Suite:
    return Suite(name="test", fixed={"task": task.value}, inputs=Inputs(**inputs))


def keyword(code: str, name: str) -> ast.expr:
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return next(k.value for call in calls for k in call.keywords if k.arg == name)


HUB = {"id": "owner/name", "variant": "fp16"}

SWEEP = {
    "pipeline": (
        HUB,
        {**HUB, "custom_pipeline": "stable_diffusion_mega", "trust_remote_code": True},
        {"path": "./a 'quoted' folder"},
        {"single_file": "./model.safetensors", "config": "./folder"},
        {"builtin": "tiny"},
        {"builtin": "emoji", "custom_pipeline": "./mega.py", "trust_remote_code": True},
        {"architecture": "sdxl", "weights": "random"},
    ),
    "dtype": ("fp32", "bf16"),
    "offload": ("none", "model", "sequential", "group_low_memory"),
    "allocator": ("default", "expandable_segments"),
    "scheduler": ("default", "dpmpp_2m_sde_karras", {"name": "euler", "use_karras_sigmas": True}),
    "attention_slicing": ("off", "max", 2),
    "batch_size": (1, 3),
}


@pytest.mark.parametrize("task", Task)
def test_the_code_of_every_configuration_is_python(task):
    for values in itertools.product(*SWEEP.values()):
        swept = dict(zip(SWEEP, values, strict=True))
        configuration = knobs(**swept, task=task.value, height=64, width=64)
        code = python_code(suite(task), configuration, "cuda:0")
        compile(code, "<code>", "exec")
        assert max(map(len, code.splitlines())) <= COLUMNS
        assert "{device}" not in code


def test_the_whole_script_reads_as_a_person_would_write_it():
    configuration = knobs(
        pipeline=HUB, dtype="fp16", scheduler="dpmpp_2m_karras", steps=20, batch_size=2
    )
    assert python_code(suite(prompts=("a cat",), seed=7), configuration, "cuda:0") == (
        """\
import torch
from diffusers import DiffusionPipeline, DPMSolverMultistepScheduler

pipe = DiffusionPipeline.from_pretrained(
    "owner/name", variant="fp16", use_safetensors=True, dtype=torch.float16
)
pipe.to("cuda:0")
pipe.scheduler = DPMSolverMultistepScheduler.from_config(
    pipe.scheduler.config, use_karras_sigmas=True
)

generator = [torch.Generator("cpu").manual_seed(seed) for seed in range(7, 9)]
images = pipe(prompt=["a cat"] * 2, num_inference_steps=20, generator=generator).images
"""
    )


def test_what_torch_reads_once_is_set_before_torch_is_imported():
    code = python_code(suite(), knobs(allocator="expandable_segments"), "cuda:0")
    assert code.startswith(
        """\
import os

os.environ["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"

import torch
"""
    )


def test_prompts_are_cycled_through_to_fill_the_batch():
    code = python_code(suite(prompts=("a cat", "a dog")), knobs(batch_size=3), "cpu")
    assert ast.literal_eval(keyword(code, "prompt")) == ["a cat", "a dog", "a cat"]


def test_the_prompt_knob_takes_the_place_of_the_inputs():
    code = python_code(suite(prompts=("a cat",)), knobs(prompt="a dog"), "cpu")
    assert ast.literal_eval(keyword(code, "prompt")) == ["a dog"]


@pytest.mark.parametrize(
    "prompt",
    [
        "it's",
        'so "quoted"',
        """both ' and " in one""",
        "two\nlines",
        "back\\slash",
        """backslashes \\' and \\\\' and \\" before quotes' """,
        "{device} and {braces}",
        "</script><!--",
        "snow ☃ and 🎨",
        "long " * 2000,
    ],
)
def test_a_prompt_survives_as_it_is(prompt):
    code = python_code(suite(prompts=(prompt,), negative_prompt=prompt), knobs(), "cpu")
    assert ast.literal_eval(keyword(code, "prompt")) == [prompt]
    assert ast.literal_eval(keyword(code, "negative_prompt")) == [prompt]


@pytest.mark.parametrize(
    ("task", "converter", "pictures"),
    [
        (Task.IMAGE_TO_IMAGE, "AutoPipelineForImage2Image", ["image"]),
        (Task.INPAINTING, "AutoPipelineForInpainting", ["image", "mask_image"]),
    ],
)
def test_a_task_that_starts_from_a_picture_converts_the_pipeline(task, converter, pictures):
    configuration = knobs(task=task.value, dtype="bf16", batch_size=2)
    code = python_code(suite(task, image="in.png"), configuration, "cpu")
    assert f"pipe = {converter}.from_pipe(pipe)" in code
    assert 'image = load_image("in.png")' in code
    # The converted pipeline has settings of its own, so they are made on it.
    assert code.index("from_pipe") < code.index("pipe.to")
    for name in pictures:
        assert ast.unparse(keyword(code, name)) == f"[{name}] * 2"


def test_knobs_from_before_the_task_was_one_have_their_suites() -> None:
    configuration = {name: value for name, value in knobs().items() if name != "task"}
    assert "AutoPipelineForInpainting" in python_code(suite(Task.INPAINTING), configuration, "cpu")


@pytest.mark.parametrize(
    ("task", "call"),
    [
        (Task.TEXT_TO_IMAGE, "images = text2img(prompt="),
        (Task.IMAGE_TO_IMAGE, "images = pipe.img2img(prompt="),
        (Task.INPAINTING, "images = pipe.inpaint(\n"),
    ],
)
def test_a_custom_pipeline_is_called_by_the_method_of_the_task(task, call):
    source = {**HUB, "custom_pipeline": "stable_diffusion_mega", "trust_remote_code": True}
    inputs = {"prompts": ("a cat",), "image": "in.png", "mask": "mask.png"}
    code = python_code(suite(task, **inputs), knobs(pipeline=source, task=task.value), "cpu")
    assert call in code
    assert "from_pipe" not in code
    assert ast.literal_eval(keyword(code, "custom_pipeline")) == "stable_diffusion_mega"
    assert ast.literal_eval(keyword(code, "trust_remote_code")) is True


def test_a_single_file_is_read_by_its_class():
    source = {
        "single_file": "xl.safetensors",
        "pipeline_class": "StableDiffusionXLPipeline",
        "allow_pickle": True,
    }
    code = python_code(suite(), knobs(pipeline=source), "cpu")
    assert "from diffusers import StableDiffusionXLPipeline" in code
    assert 'StableDiffusionXLPipeline.from_single_file("xl.safetensors", dtype=' in code


def test_double_quotes_are_used_unless_single_ones_take_fewer_escapes():
    assert string_literal("plain") == '"plain"'
    assert string_literal("it's") == '"it\'s"'
    assert string_literal('a "b"') == "'a \"b\"'"
    assert string_literal("""both "b" and 'c'""") == r'''"both \"b\" and 'c'"'''


def test_what_fits_stays_on_its_line():
    assert (
        laid_out("pipe.enable_attention_slicing('max')") == 'pipe.enable_attention_slicing("max")'
    )


def test_a_long_import_is_broken_one_name_a_line():
    names = [f"Scheduler{'X' * 20}{number}" for number in range(5)]
    lines = laid_out(f"from diffusers import {', '.join(names)}").splitlines()
    assert lines == ["from diffusers import (", *(f"    {name}," for name in names), ")"]


@pytest.mark.parametrize(
    ("source", "image", "is_told"),
    [
        ({"path": "./model"}, None, True),
        ({"path": "/models/one"}, None, False),
        (HUB, None, False),
        (HUB, "./in.png", True),
    ],
)
def test_the_code_says_what_relative_paths_are_relative_to(source, image, is_told):
    """A stored run does not tell where its suite lay."""
    swept = knobs(pipeline=source, task=Task.IMAGE_TO_IMAGE.value)
    code = python_code(suite(image=image), swept, "cpu")
    assert (code.splitlines()[0] == RELATIVE_TO) is is_told
    assert str(source.get("path", source.get("id"))) in code


def test_the_users_folder_is_written_out_since_nothing_there_knows_of_it(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("USERPROFILE", "/home/someone")
    swept = knobs(pipeline={"path": "~/model"}, task=Task.IMAGE_TO_IMAGE.value)
    code = python_code(suite(image="~/in.png"), swept, "cpu")
    assert "/home/someone/model" in code
    assert "/home/someone/in.png" in code
    assert "~" not in code
