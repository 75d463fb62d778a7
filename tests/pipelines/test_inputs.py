from __future__ import annotations

from pathlib import Path
from typing import Any

import PIL
import pytest
from PIL import Image
from tiny_pipelines import configuration, pipeline, shared

from sdbench.knobs.base import Request, Unsupported
from sdbench.knobs.task import Task
from sdbench.pipelines.inputs import InputError, call_arguments, generators
from sdbench.pipelines.tasks import for_task
from sdbench.suite.model import Inputs


def arguments(task: Task = Task.TEXT_TO_IMAGE, inputs: Inputs | None = None, **more: Any) -> Any:
    inputs = inputs or Inputs()
    pipe = for_task(shared(), task)
    return call_arguments(pipe, task, inputs, Request(prompts=("a",), **more))


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(Unsupported, match="StableDiffusionPipeline has no argument 'strength'"):
        arguments(arguments={"strength": 0.5})


def test_an_argument_that_kwargs_would_swallow_is_refused() -> None:
    """Stable Diffusion's call ends in ``**kwargs``, where it would change nothing."""
    with pytest.raises(Unsupported, match="no argument 'kwarg'"):
        arguments(arguments={"kwarg": 1})


def test_image_to_image_has_no_height() -> None:
    with pytest.raises(Unsupported, match="has no argument 'height'"):
        arguments(Task.IMAGE_TO_IMAGE, arguments={"height": 64})


def test_prompts_are_cycled_through_and_the_negative_prompt_is_repeated() -> None:
    request = Request(prompts=("a", "b"), negative_prompt="c", batch_size=3)
    given = call_arguments(shared(), Task.TEXT_TO_IMAGE, Inputs(), request)
    assert given == {"prompt": ["a", "b", "a"], "negative_prompt": ["c", "c", "c"]}


def test_each_seed_has_a_generator_on_the_cpu() -> None:
    made = generators((7, 8, 9))
    assert [generator.initial_seed() for generator in made] == [7, 8, 9]
    assert {generator.device.type for generator in made} == {"cpu"}


@pytest.mark.parametrize(
    ("task", "class_name", "knobs"),
    [
        (Task.TEXT_TO_IMAGE, "StableDiffusionPipeline", {}),
        (
            Task.IMAGE_TO_IMAGE,
            "StableDiffusionImg2ImgPipeline",
            {"height": None, "width": None, "strength": 0.5},
        ),
        (Task.INPAINTING, "StableDiffusionInpaintPipeline", {"strength": 1.0}),
    ],
)
def test_each_task_gives_images(
    task: Task, class_name: str, knobs: dict[str, Any], tmp_path: Path
) -> None:
    Image.new("RGB", (16, 16), "red").save(tmp_path / "picture.png")
    inputs = Inputs(image=str(tmp_path / "picture.png"))
    loaded = pipeline(inputs=inputs)
    with loaded.configured(configuration(task=task.value, batch_size=2, **knobs)) as call:
        call.prepare()
        images = call()
        call.verify(images)
        assert call.effective()["pipeline_class"] == class_name
    assert [image.size for image in images] == [(16, 16)] * 2
    assert loaded.left_changed() == []


def test_without_files_a_test_card_and_the_centre_are_taken() -> None:
    given = arguments(Task.INPAINTING)
    (picture,), (mask,) = given["image"], given["mask_image"]
    assert picture.size == mask.size == (512, 512)
    # from a quarter to three quarters of each side
    assert [mask.getpixel(at) for at in ((127, 256), (128, 256), (384, 256), (385, 256))] == [
        0,
        255,
        255,
        0,
    ]


def test_the_mask_has_the_size_of_the_picture(tmp_path: Path) -> None:
    Image.new("L", (32, 24)).save(tmp_path / "grey.png")
    given = arguments(Task.INPAINTING, Inputs(image=str(tmp_path / "grey.png")))
    assert given["image"][0].mode == "RGB"
    assert given["mask_image"][0].size == (32, 24)


def test_a_picture_argument_of_another_name_is_given_by_it() -> None:
    class Old:
        def img2img(self, prompt: Any, init_image: Any, generator: Any) -> None: ...

    request = Request(prompts=("a",), batch_size=2)
    given = call_arguments(Old(), Task.IMAGE_TO_IMAGE, Inputs(), request)
    assert len(given["init_image"]) == 2


def test_a_method_that_takes_no_list_of_pictures_is_given_one() -> None:
    """Diffusers' community pipeline for several tasks fails on a list."""

    class OnePicture:
        def inpaint(
            self, prompt: Any, image: PIL.Image.Image, mask_image: PIL.Image.Image, generator: Any
        ) -> None: ...

    request = Request(prompts=("a",), batch_size=2)
    given = call_arguments(OnePicture(), Task.INPAINTING, Inputs(), request)
    assert given["image"].size == given["mask_image"].size == (512, 512)
    assert given["prompt"] == ["a", "a"]


def test_an_argument_that_the_method_of_a_task_lacks_is_refused() -> None:
    class Several:
        def text2img(self, prompt: Any, generator: Any) -> None: ...

    request = Request(prompts=("a",), arguments={"height": 64})
    with pytest.raises(Unsupported, match="the method text2img of Several has no argument 'heig"):
        call_arguments(Several(), Task.TEXT_TO_IMAGE, Inputs(), request)


def test_a_strength_that_leaves_no_step_is_refused() -> None:
    """The pipelines fail on it with a tensor that cannot be reshaped."""
    with pytest.raises(Unsupported, match=r"of 1 steps a strength of 0\.8 runs none"):
        arguments(Task.IMAGE_TO_IMAGE, arguments={"num_inference_steps": 1})
    assert arguments(Task.IMAGE_TO_IMAGE, arguments={"num_inference_steps": 1, "strength": 1.0})


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "No such file or directory"), (b"text", "it is no picture")]
)
def test_a_picture_that_cannot_be_read_is_a_clear_error(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "picture.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        arguments(Task.IMAGE_TO_IMAGE, Inputs(image=str(path)))
    assert str(path) in str(raised.value)
    assert problem in str(raised.value)
