"""All tasks with one load: nothing is copied, nothing is cast, everything is put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tiny_pipelines import build, configuration, pipeline, shared

from sdbench.knobs.base import Unsupported
from sdbench.knobs.task import Task
from sdbench.pipelines.diffusers_pipeline import DiffusersPipeline
from sdbench.pipelines.effective import modules
from sdbench.pipelines.tasks import TaskPipelines, entry_point, for_task
from sdbench.suite.model import Inputs

OF_PICTURES = (Task.IMAGE_TO_IMAGE, Task.INPAINTING)
NO_SIDES: Mapping[str, Any] = {"height": None, "width": None}


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """A small picture, so that a call takes hundredths of a second."""
    Image.new("RGB", (16, 16), "red").save(tmp_path / "picture.png")
    return Inputs(prompts=("a cat",), image=str(tmp_path / "picture.png"))


def sides(task: Task) -> Mapping[str, Any]:
    """Image-to-image takes no size."""
    return NO_SIDES if task is Task.IMAGE_TO_IMAGE else {}


def draw(loaded: DiffusersPipeline, task: Task, **knobs: Any) -> bytes:
    values = {"task": task.value, **sides(task), **knobs}
    with loaded.configured(configuration(**values)) as call:
        call.prepare()
        images = call()
        call.verify(images)
    return bytes(images[0].tobytes())


def parameters(pipe: Any) -> Iterator[torch.nn.Parameter]:
    for module in modules(pipe).values():
        yield from module.parameters()


@pytest.mark.parametrize("task", Task)
def test_a_pipeline_of_a_task_has_the_same_parameters_as_the_one_that_was_loaded(
    task: Task,
) -> None:
    converted = for_task(shared(), task)
    assert [id(p) for p in parameters(converted)] == [id(p) for p in parameters(shared())]


@pytest.mark.parametrize("task", OF_PICTURES)
def test_a_task_leaves_data_types_as_they_are(task: Task) -> None:
    """``DiffusionPipeline.from_pipe`` casts all modules, also those that are kept in fp32."""
    pipe = build(torch.bfloat16)
    pipe.text_encoder.float()
    before = [p.dtype for p in parameters(pipe)]
    assert set(before) == {torch.bfloat16, torch.float32}
    assert [p.dtype for p in parameters(for_task(pipe, task))] == before


def test_a_task_that_the_pipeline_does_is_done_by_itself() -> None:
    inpainting = for_task(shared(), Task.INPAINTING)
    assert for_task(shared(), Task.TEXT_TO_IMAGE) is shared()
    assert for_task(inpainting, Task.INPAINTING) is inpainting
    assert type(for_task(inpainting, Task.TEXT_TO_IMAGE)) is type(shared())


def test_a_pipeline_that_cannot_do_a_task_is_unsupported() -> None:
    class Strange:
        config: dict[str, Any] = {}

    strange = Strange()
    assert for_task(strange, Task.TEXT_TO_IMAGE) is strange
    with pytest.raises(Unsupported, match="Strange cannot do inpainting"):
        for_task(strange, Task.INPAINTING)


def test_weights_for_inpainting_alone_are_told() -> None:
    pipe = for_task(build(), Task.INPAINTING)
    pipe.unet.register_to_config(in_channels=9)  # 4 of latents, 4 of the masked picture, 1 of mask
    with pytest.raises(Unsupported, match="takes 9 channels, so it was trained for inpainting"):
        for_task(pipe, Task.TEXT_TO_IMAGE)
    assert for_task(pipe, Task.INPAINTING) is pipe


def test_a_pipeline_of_a_task_is_made_once() -> None:
    pipes = TaskPipelines(build(), "cpu")
    knobs = configuration(task="inpainting").knobs
    assert pipes.configured_for(knobs) is pipes.configured_for(knobs)
    assert pipes.configured_for(configuration().knobs) is pipes.loaded


def test_a_task_draws_the_same_whatever_was_drawn_before(inputs: Inputs) -> None:
    fresh = {task: draw(pipeline(build(), inputs), task) for task in Task}
    reused = pipeline(build(), inputs)
    for task in (*Task, *reversed(Task)):
        draw(reused, task, scheduler="heun", safety_checker="off", attention_slicing="max")
        assert draw(reused, task) == fresh[task]
    assert len(set(fresh.values())) == 3
    assert reused.left_changed() == []


def test_a_change_that_one_task_leaves_behind_is_noticed(inputs: Inputs) -> None:
    pipe = build()
    loaded = pipeline(pipe, inputs)
    draw(loaded, Task.INPAINTING)
    converted = loaded._pipes.configured_for(configuration(task="inpainting").knobs)
    converted.scheduler = type(converted.scheduler)()
    assert loaded.left_changed() == ["scheduler"]
    assert pipe.scheduler is not converted.scheduler


def test_a_knob_that_makes_no_sense_for_a_task_is_unsupported(inputs: Inputs) -> None:
    loaded = pipeline(inputs=inputs)
    with (
        pytest.raises(Unsupported, match="StableDiffusionPipeline has no argument 'strength'"),
        loaded.configured(configuration(strength=0.5)),
    ):
        pass
    with (
        pytest.raises(Unsupported, match="Img2ImgPipeline has no argument 'height'"),
        loaded.configured(configuration(task="image-to-image")),
    ):
        pass
    assert loaded.left_changed() == []


def test_offloaded_models_are_handed_over_to_the_task_that_runs(inputs: Inputs) -> None:
    """The hooks that move whole models belong to one pipeline: its call takes them back."""
    pipe = build()
    pipe.enable_model_cpu_offload(device="cpu")
    loaded = pipeline(pipe, inputs)
    for task in (Task.INPAINTING, Task.TEXT_TO_IMAGE, Task.IMAGE_TO_IMAGE):
        draw(loaded, task, offload="model")
        active = loaded._pipes._active
        hooked = {id(hook.model) for hook in active._all_hooks}
        assert type(active) is type(for_task(pipe, task))
        assert {id(pipe.unet), id(pipe.vae), id(pipe.text_encoder)} <= hooked
    assert loaded.left_changed() == []


def test_a_pipeline_that_cannot_take_offloaded_models_over_is_unsupported() -> None:
    pipes = TaskPipelines(build(), "cpu")
    converted = pipes.configured_for(configuration(task="inpainting").knobs)
    pipes.configured_for(configuration().knobs)
    converted.model_cpu_offload_seq = None
    with pytest.raises(Unsupported, match="does not say in which order its models run"):
        pipes.configured_for(configuration(task="inpainting", offload="model").knobs)


def test_a_pipeline_of_several_tasks_is_called_by_the_method_of_the_task() -> None:
    class Several:
        def text2img(self) -> str:
            return "text"

        def img2img(self) -> str:
            return "picture"

        def inpaint(self) -> str:
            return "mask"

    several = Several()
    assert [entry_point(several, task)() for task in Task] == ["text", "picture", "mask"]
    assert all(for_task(several, task) is several for task in Task)
    assert entry_point(shared(), Task.TEXT_TO_IMAGE) is shared()
