"""The embedded pipeline: a real Stable Diffusion with all seven components, very small.

Its weights are random from a fixed seed, so that it draws noise, but it runs the same code as a
large one. It is built in code, in well under a second, with no download.
"""

from __future__ import annotations

import string
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    PNDMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
)

_SEED = 0
_TEXT_WIDTH = 32
_TOKENS = 77
_IMAGE_PIXELS = 64
_LATENT_PIXELS = 32
_CHECKER_PIXELS = 32
_WORD_END = "</w>"


def build_pipeline(dtype: torch.dtype = torch.float32) -> StableDiffusionPipeline:
    """A Stable Diffusion pipeline of 64x64 images; equal weights on every call.

    Args:
        dtype: Data type of the weights.
    """
    tokenizer = _tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        pipe = StableDiffusionPipeline(
            vae=_vae(),
            text_encoder=_text_encoder(tokenizer),
            tokenizer=tokenizer,
            unet=_unet(),
            scheduler=scheduler(),
            safety_checker=safety_checker(len(tokenizer)),
            feature_extractor=feature_extractor(),
        )
    return pipe if dtype == torch.float32 else pipe.to(dtype, silence_dtype_warnings=True)


def _tokenizer() -> CLIPTokenizer:
    """Letter by letter: a vocabulary without merges."""
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    words = [
        *letters,
        *(letter + _WORD_END for letter in letters),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    vocabulary = {word: index for index, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=_TOKENS)


def _text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=_TEXT_WIDTH,
            intermediate_size=2 * _TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=_TOKENS,
            projection_dim=_TEXT_WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).eval()


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=_LATENT_PIXELS,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=_TEXT_WIDTH,
        attention_head_dim=8,
    ).eval()


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=4,
        sample_size=_IMAGE_PIXELS,
    ).eval()


def scheduler() -> PNDMScheduler:
    """The scheduler that Stable Diffusion 1.x ships.

    PNDM knows no ``clip_sample``, but those that are made from its configuration do, and would
    clip the latents (DDIM then draws another picture, however many steps it takes).
    """
    shipped = PNDMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    shipped.register_to_config(clip_sample=False)
    return shipped


def feature_extractor() -> CLIPImageProcessorPil:
    """What makes of a picture the pixels that the safety checker looks at."""
    return CLIPImageProcessorPil(
        size={"shortest_edge": _CHECKER_PIXELS},
        crop_size={"height": _CHECKER_PIXELS, "width": _CHECKER_PIXELS},
    )


def safety_checker(vocabulary_size: int) -> StableDiffusionSafetyChecker:
    """The real checker, very small and untrained; it flags nothing."""
    shared: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "projection_dim": 32,
    }
    vision = {"image_size": _CHECKER_PIXELS, "patch_size": 8, **shared}
    last = vocabulary_size - 1
    text = {
        "vocab_size": vocabulary_size,
        "bos_token_id": last - 1,
        "eos_token_id": last,
        "pad_token_id": last,
        **shared,
    }
    return StableDiffusionSafetyChecker(
        CLIPConfig(text_config=text, vision_config=vision, projection_dim=32)
    ).eval()
