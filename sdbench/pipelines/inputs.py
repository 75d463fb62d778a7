"""The arguments of one call: prompts, generators, and for some tasks a picture and a mask."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from PIL import Image, ImageDraw

from sdbench.errors import SdbenchError
from sdbench.knobs.base import Request, Unsupported
from sdbench.suite.model import Inputs, Task

_TEST_CARD_PIXELS = 512


class InputError(SdbenchError):
    """A picture or mask that cannot be read."""


def call_arguments(pipe: Any, task: Task, inputs: Inputs, request: Request) -> dict[str, Any]:
    """Keyword arguments of ``pipe(...)`` for a request, but for the generators.

    Raises:
        InputError: A picture of the suite cannot be read.
        Unsupported: The pipeline's call has no such argument. It would often be swallowed by
            ``**kwargs`` and change nothing.
    """
    prompts = [request.prompts[i % len(request.prompts)] for i in range(request.batch_size)]
    arguments: dict[str, Any] = {"prompt": prompts, **request.arguments}
    if request.negative_prompt is not None:
        arguments["negative_prompt"] = [request.negative_prompt] * request.batch_size
    if task is not Task.TEXT_TO_IMAGE:
        picture = _open(inputs.image) if inputs.image else _test_card()
        arguments["image"] = [picture] * request.batch_size
    if task is Task.INPAINTING:
        mask = _open(inputs.mask) if inputs.mask else _centre_mask(arguments["image"][0].size)
        arguments["mask_image"] = [mask] * request.batch_size
    legal = inspect.signature(type(pipe).__call__).parameters
    for name in (*arguments, "generator"):
        if name not in legal:
            raise Unsupported(f"the call of {type(pipe).__name__} has no argument {name!r}")
    return arguments


def generators(request: Request) -> list[torch.Generator]:
    """One CPU generator an image, seeded ``seed + i``, so that noise is equal on any device."""
    return [
        torch.Generator("cpu").manual_seed(request.seed + index)
        for index in range(request.batch_size)
    ]


def for_task(pipe: Any, task: Task) -> Any:
    """The pipeline that does ``task`` with the components of ``pipe``.

    Raises:
        Unsupported: diffusers has none for this kind of pipeline.
    """
    if task is Task.TEXT_TO_IMAGE:
        return pipe
    from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting

    kinds: Mapping[Task, Any] = {
        Task.IMAGE_TO_IMAGE: AutoPipelineForImage2Image,
        Task.INPAINTING: AutoPipelineForInpainting,
    }
    try:
        converted = kinds[task].from_pipe(pipe, dtype=pipe.dtype)
    except ValueError as error:
        raise Unsupported(f"{type(pipe).__name__} cannot do {task.value}: {error}") from None
    return converted


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
