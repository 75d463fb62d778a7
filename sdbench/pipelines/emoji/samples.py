"""The picture of the model card: eight prompts, drawn by the embedded pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import EulerDiscreteScheduler
from PIL import Image

PROMPTS = (
    "an emoji of a hot dog",
    "an emoji of a pizza",
    "an emoji of a tulip",
    "an emoji of a cactus",
    "an emoji of a penguin",
    "an emoji of a red apple",
    "an emoji of a frog",
    "an emoji of a dog",
)
STEPS = 25
GUIDANCE_SCALE = 3.0
SEED = 0
COLUMNS = 4


def draw(pipe: Any, prompts: Sequence[str]) -> list[Image.Image]:
    """One picture for each prompt: Euler, 25 steps, guidance 3, seed 0."""
    shipped = pipe.scheduler
    pipe.scheduler = EulerDiscreteScheduler.from_config(shipped.config, timestep_spacing="trailing")
    generators = [torch.Generator("cpu").manual_seed(SEED) for _ in prompts]
    pictures: list[Image.Image] = pipe(
        prompt=list(prompts),
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE_SCALE,
        generator=generators,
    ).images
    pipe.scheduler = shipped
    return pictures


def draw_samples(pipe: Any) -> Image.Image:
    """A grid of the pictures of `PROMPTS`."""
    pictures = draw(pipe, PROMPTS)
    width, height = pictures[0].size
    grid = Image.new("RGB", (COLUMNS * width, -(-len(pictures) // COLUMNS) * height), "white")
    for index, picture in enumerate(pictures):
        grid.paste(picture, (index % COLUMNS * width, index // COLUMNS * height))
    return grid
