"""The arguments of one call: prompts, generators, and for some tasks a picture and a mask."""

from __future__ import annotations

import inspect
from collections.abc import Container, Iterable, Mapping
from typing import Any

import torch
from PIL import Image, ImageDraw

from sdbench.errors import SdbenchError
from sdbench.knobs.base import Request, Unsupported
from sdbench.knobs.task import METHODS, Task
from sdbench.pipelines.tasks import entry_point
from sdbench.suite.model import Inputs

_TEST_CARD_PIXELS = 512


class InputError(SdbenchError):
    """A picture or mask that cannot be read."""


def call_arguments(pipe: Any, task: Task, inputs: Inputs, request: Request) -> dict[str, Any]:
    """Keyword arguments of what is called for a request, but for the generators.

    Raises:
        InputError: A picture of the suite cannot be read.
        Unsupported: The pipeline's call has no such argument. It would often be swallowed by
            ``**kwargs`` and change nothing.
    """
    prompts = [request.prompts[i % len(request.prompts)] for i in range(request.batch_size)]
    arguments: dict[str, Any] = {"prompt": prompts, **request.arguments}
    if request.negative_prompt is not None:
        arguments["negative_prompt"] = [request.negative_prompt] * request.batch_size
    call = entry_point(pipe, task)
    legal = inspect.signature(call).parameters
    if task is not Task.TEXT_TO_IMAGE:
        picture = _open(inputs.image) if inputs.image else _test_card()
        name = _picture_argument(legal)
        arguments[name] = _for_batch(picture, legal.get(name), request)
    if task is Task.INPAINTING:
        mask = _open(inputs.mask) if inputs.mask else _centre_mask(picture.size)
        arguments["mask_image"] = _for_batch(mask, legal.get("mask_image"), request)
    for name in (*arguments, "generator"):
        if name not in legal:
            called = "call" if call is pipe else f"method {METHODS[task]}"
            raise Unsupported(f"the {called} of {type(pipe).__name__} has no argument {name!r}")
    if "strength" in legal:
        _refuse_no_steps({name: p.default for name, p in legal.items()} | arguments)
    return arguments


def generators(seeds: Iterable[int]) -> list[torch.Generator]:
    """One CPU generator an image, so that noise is equal on any device."""
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def _for_batch(picture: Any, parameter: inspect.Parameter | None, request: Request) -> Any:
    """A picture for each image; one for all, where the parameter says that it takes no list.

    The community pipelines for several tasks say so, and mean it.
    """
    annotation = getattr(parameter, "annotation", Any)
    if "PIL" in str(annotation) and "list" not in str(annotation).lower():
        return picture
    return [picture] * request.batch_size


def _refuse_no_steps(arguments: Mapping[str, Any]) -> None:
    """Pipelines run the last ``int(steps * strength)`` steps, and fail obscurely on none."""
    steps, strength = arguments.get("num_inference_steps"), arguments["strength"]
    if not isinstance(steps, int) or not isinstance(strength, (int, float)):
        return
    if int(steps * strength) < 1:
        raise Unsupported(f"of {steps} steps a strength of {strength:g} runs none: ask for more")


def _picture_argument(legal: Container[str]) -> str:
    """What the argument is called; diffusers and its community pipelines once said init_image."""
    return "init_image" if "init_image" in legal and "image" not in legal else "image"


def _open(path: str) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError as error:
        problem = error.strerror or "it is no picture"
        raise InputError(
            f"the picture {path} of the suite's inputs cannot be read: {problem}"
        ) from None


def _test_card() -> Image.Image:
    """A picture with edges, colours and a gradient, the same everywhere."""
    side = _TEST_CARD_PIXELS
    card = Image.linear_gradient("L").resize((side, side)).convert("RGB")
    draw = ImageDraw.Draw(card)
    for index, colour in enumerate(("#d1495b", "#edae49", "#66a182", "#2e4057")):
        left = side // 8 + index * side // 5
        draw.ellipse((left, side // 3, left + side // 6, side // 3 + side // 6), fill=colour)
    return card


def _centre_mask(size: tuple[int, int]) -> Image.Image:
    """White, which is painted anew, in the middle quarter of the picture."""
    mask = Image.new("L", size, 0)
    width, height = size
    box = (width // 4, height // 4, 3 * width // 4, 3 * height // 4)
    ImageDraw.Draw(mask).rectangle(box, fill=255)
    return mask
