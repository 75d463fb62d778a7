"""The architectures are the published ones: parameters, classes, schedulers, sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pipelines.architectures.shrunk import shared

from sdbench.knobs.pipeline import ARCHITECTURES
from sdbench.pipelines.architectures.build import (
    FOLDER,
    MODEL_INDEX,
    empty_model,
    names,
    read_configs,
)

CLIP_L = 123_060_480
CLIP_L_WITH_PROJECTION = 123_650_304
OPENCLIP_H = 340_387_840
OPENCLIP_BIG_G = 694_659_840
T5_XXL = 4_762_310_656
CHATGLM3_6B = 6_243_584_000
VAE_4_CHANNELS = 83_653_863
VAE_16_CHANNELS = 83_819_683

PARAMETERS = {
    "sd15": {
        "unet": 859_520_964,
        "vae": VAE_4_CHANNELS,
        "text_encoder": CLIP_L,
        "safety_checker": 303_981_588,
    },
    "sd21": {
        "unet": 865_910_724,
        "vae": VAE_4_CHANNELS,
        "text_encoder": OPENCLIP_H,
    },
    "sdxl": {
        "unet": 2_567_463_684,
        "vae": VAE_4_CHANNELS,
        "text_encoder": CLIP_L,
        "text_encoder_2": OPENCLIP_BIG_G,
    },
    "sd3_medium": {
        "transformer": 2_028_328_000,
        "vae": VAE_16_CHANNELS,
        "text_encoder": CLIP_L_WITH_PROJECTION,
        "text_encoder_2": OPENCLIP_BIG_G,
        "text_encoder_3": T5_XXL,
    },
    "flux1_dev": {
        "transformer": 11_901_408_320,
        "vae": VAE_16_CHANNELS,
        "text_encoder": CLIP_L,
        "text_encoder_2": T5_XXL,
    },
    "pixart_alpha": {
        "transformer": 611_349_152,
        "vae": VAE_4_CHANNELS,
        "text_encoder": T5_XXL,
    },
    "kolors": {
        "unet": 2_579_458_820,
        "vae": VAE_4_CHANNELS,
        "text_encoder": CHATGLM3_6B,
    },
}
"""Parameters of the published checkpoints, and where the figures come from.

- T5-XXL: the published index of weights says 9,524,621,312 bytes in half precision.
- FLUX.1-dev's transformer: its index says 23,802,816,640 bytes in half precision.
- SDXL's UNet: the sum over the 1,680 tensors in the header of sd_xl_base_1.0.safetensors.
- The safety checker: its file in fp32 has 1,215,981,830 bytes, 55,478 of them header.
- SD3's transformer and VAE: sd3_medium.safetensors has 4,337,667,306 bytes in half precision,
  125,732 of them header; 113,246,208 bytes are the position table, which is no parameter here.
- The 16-channel VAE, the UNets and VAE of SD 1.5 and 2.1, and the CLIP text encoders: what projects
  that load the checkpoints print. A projection adds 768 x 768 to CLIP ViT-L.
"""


def _pipe(name: str) -> Any:
    """The pipeline, shrunk: its scheduler, default size and scale of latents are the true ones."""
    return shared(name, torch.float32)


def _parameters(name: str) -> dict[str, int]:
    """The number of parameters of each model; everything lies on the meta device."""
    configs = read_configs(name)
    parameters = {}
    for part, value in configs[MODEL_INDEX].items():
        if isinstance(value, list) and "config" in _files(name, part):
            with torch.device("meta"):
                model = empty_model(*value, configs[part])
            parameters[part] = sum(parameter.numel() for parameter in model.parameters())
    return parameters


def _files(name: str, part: str) -> set[str]:
    return {path.stem for path in (FOLDER / name / part).glob("*.json")}


def test_the_folders_are_those_that_a_suite_may_name() -> None:
    assert set(names()) == set(ARCHITECTURES) == set(PARAMETERS)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_component_has_the_parameters_of_the_published_one(name: str) -> None:
    assert _parameters(name) == PARAMETERS[name]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_component_is_of_the_class_that_the_index_names(name: str) -> None:
    pipe = _pipe(name)
    index = read_configs(name)[MODEL_INDEX]
    aliases = {"T5TokenizerFast": "T5Tokenizer"}
    assert type(pipe).__name__ == index["_class_name"]
    for part, value in index.items():
        if isinstance(value, list) and part != "feature_extractor":
            found = type(getattr(pipe, part)).__name__ if getattr(pipe, part) is not None else None
            assert found == aliases.get(value[1], value[1])
    assert (pipe.components.get("feature_extractor") is not None) == ("feature_extractor" in index)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sd15", "StableDiffusionPipeline"),
        ("sd21", "StableDiffusionPipeline"),
        ("sdxl", "StableDiffusionXLPipeline"),
        ("sd3_medium", "StableDiffusion3Pipeline"),
        ("flux1_dev", "FluxPipeline"),
        ("pixart_alpha", "PixArtAlphaPipeline"),
        ("kolors", "KolorsPipeline"),
    ],
)
def test_each_architecture_is_run_by_its_own_pipeline(name: str, expected: str) -> None:
    assert type(_pipe(name)).__name__ == expected


@pytest.mark.parametrize(
    ("name", "class_name", "settings"),
    [
        ("sd15", "PNDMScheduler", {"steps_offset": 1, "skip_prk_steps": True}),
        ("sd21", "DDIMScheduler", {"steps_offset": 1, "prediction_type": "v_prediction"}),
        ("sdxl", "EulerDiscreteScheduler", {"steps_offset": 1, "timestep_spacing": "leading"}),
        (
            "sd3_medium",
            "FlowMatchEulerDiscreteScheduler",
            {"shift": 3.0, "use_dynamic_shifting": False},
        ),
        (
            "flux1_dev",
            "FlowMatchEulerDiscreteScheduler",
            {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15},
        ),
        (
            "pixart_alpha",
            "DPMSolverMultistepScheduler",
            {"solver_order": 2, "beta_schedule": "linear", "beta_end": 0.02},
        ),
        (
            "kolors",
            "EulerDiscreteScheduler",
            {"num_train_timesteps": 1100, "beta_end": 0.014, "timestep_spacing": "leading"},
        ),
    ],
)
def test_each_scheduler_is_the_published_one(
    name: str, class_name: str, settings: dict[str, Any]
) -> None:
    scheduler = _pipe(name).scheduler
    assert type(scheduler).__name__ == class_name
    assert {key: scheduler.config[key] for key in settings} == settings


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        *(("sd15", 512), ("sd21", 768), ("sdxl", 1024), ("sd3_medium", 1024)),
        *(("flux1_dev", 1024), ("pixart_alpha", 1024), ("kolors", 1024)),
    ],
)
def test_images_have_the_published_size_where_none_is_asked_for(name: str, pixels: int) -> None:
    pipe = _pipe(name)
    denoiser = pipe.unet if hasattr(pipe, "unet") else pipe.transformer
    latent_pixels = getattr(pipe, "default_sample_size", None) or denoiser.config.sample_size
    assert latent_pixels * pipe.vae_scale_factor == pixels


@pytest.mark.parametrize(
    ("name", "scaling", "shift"),
    [
        ("sd15", 0.18215, None),
        ("sd21", 0.18215, None),
        ("sdxl", 0.13025, None),
        ("sd3_medium", 1.5305, 0.0609),
        ("flux1_dev", 0.3611, 0.1159),
        ("pixart_alpha", 0.18215, None),
        ("kolors", 0.13025, None),
    ],
)
def test_latents_are_scaled_as_the_published_ones(
    name: str, scaling: float, shift: float | None
) -> None:
    config = _pipe(name).vae.config
    assert (config.scaling_factor, config.shift_factor) == (scaling, shift)


def test_flux_takes_the_guidance_as_an_input() -> None:
    assert _pipe("flux1_dev").transformer.config.guidance_embeds


def test_sd21_computes_attention_in_full_precision_and_needs_no_safety_checker() -> None:
    pipe = _pipe("sd21")
    assert pipe.unet.config.upcast_attention
    assert not pipe.config.requires_safety_checker


def test_the_files_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*/**/*.json")) < 64 * 1024
