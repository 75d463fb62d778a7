"""The embedded pipeline as it is shipped: its size, its parts, and what it draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sdbench.pipelines import emoji
from sdbench.pipelines.builtin import build_pipeline
from sdbench.pipelines.emoji.samples import PROMPTS, draw_samples

FOLDER = Path(emoji.__file__).parent
MOST_BYTES = 12_000_000


@pytest.fixture(scope="module")
def pipe() -> Any:
    torch.set_num_threads(1)
    built = build_pipeline("emoji")
    built.set_progress_bar_config(disable=True)
    return built


@pytest.fixture(scope="module")
def samples(pipe: Any) -> Image.Image:
    return draw_samples(pipe)


def test_it_is_small_and_holds_no_pickle() -> None:
    files = [
        path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]

    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    assert {path.suffix for path in files} <= {
        ".json",
        ".safetensors",
        ".md",
        ".txt",
        ".png",
        ".py",
    }


def test_it_is_a_stable_diffusion_1_with_all_its_parts(pipe: Any) -> None:
    classes = {name: type(component).__name__ for name, component in pipe.components.items()}

    assert type(pipe).__name__ == "StableDiffusionPipeline"
    assert {name: kind for name, kind in classes.items() if name != "image_encoder"} == {
        "vae": "AutoencoderKL",
        "text_encoder": "CLIPTextModel",
        "tokenizer": "CLIPTokenizer",
        "unet": "UNet2DConditionModel",
        "scheduler": "PNDMScheduler",
        "safety_checker": "StableDiffusionSafetyChecker",
        "feature_extractor": "CLIPImageProcessorPil",
    }
    assert pipe.scheduler.config.steps_offset == 1
    assert pipe.scheduler.config.skip_prk_steps is True
    assert pipe.scheduler.config.clip_sample is False, "or DDIM clips the latents"
    assert pipe.tokenizer.model_max_length == 77


def test_it_draws_what_the_model_card_shows(samples: Image.Image) -> None:
    with Image.open(FOLDER / "samples.png") as shown:
        card = shown.convert("RGB").resize(samples.size, Image.Resampling.NEAREST)
    error = np.asarray(samples, float) - np.asarray(card, float)

    assert np.sqrt(np.mean(error**2)) < 6, "8-bit levels: the card has 256 colours in all"


def test_each_prompt_has_a_picture_of_its_own_on_white(samples: Image.Image) -> None:
    side = samples.width // 4
    tiles = [
        np.asarray(samples.crop((left, top, left + side, top + side)), float)
        for top in range(0, samples.height, side)
        for left in range(0, samples.width, side)
    ]

    assert len(tiles) == len(PROMPTS)
    for index, tile in enumerate(tiles):
        corners = tile[[1, 1, -2, -2], [1, -2, 1, -2]]
        assert corners.min() > 225
        assert (tile.min(axis=-1) < 200).mean() > 0.15, "something is drawn"
        for other in tiles[:index]:
            assert np.sqrt(np.mean((tile - other) ** 2)) > 30


def test_colours_follow_the_words(pipe: Any) -> None:
    def colour(prompt: str) -> Any:
        drawn = pipe(
            prompt,
            num_inference_steps=20,
            guidance_scale=3.0,
            generator=torch.Generator().manual_seed(0),
        ).images[0]
        pixels = np.asarray(drawn, float).reshape(-1, 3)
        return pixels[pixels.min(axis=1) < 200].mean(axis=0)

    red, green, _ = colour("an emoji of a red apple")
    assert red > 2 * green
    red, green, _ = colour("an emoji of a green apple")
    assert green > red


def test_the_variant_has_its_weights_rounded_to_8_bits(pipe: Any) -> None:
    variant = build_pipeline("emoji-int8")
    weight, rounded = (
        one.unet.down_blocks[0].resnets[0].conv1.weight.detach() for one in (pipe, variant)
    )
    scale = weight.abs().amax(dim=(1, 2, 3), keepdim=True) / 127

    assert not torch.equal(weight, rounded)
    assert torch.allclose(weight, rounded, atol=float(scale.max()) / 2 + 1e-6)
    levels = rounded / scale
    assert torch.allclose(levels, levels.round(), atol=1e-3)
