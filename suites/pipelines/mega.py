"""A custom pipeline that draws from text, from a picture, and within a mask, with one load.

It has the form of diffusers' community pipelines: one class, whose methods ``text2img``,
``img2img`` and ``inpaint`` are called in place of the pipeline itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from diffusers.schedulers import KarrasDiffusionSchedulers
from transformers import CLIPImageProcessor, CLIPTextModel, CLIPTokenizer


class MegaPipeline(DiffusionPipeline):
    """Three Stable Diffusion pipelines that share their components."""

    model_cpu_offload_seq = "text_encoder->unet->vae"
    _optional_components = ["safety_checker", "feature_extractor"]
    _exclude_from_cpu_offload = ["safety_checker"]

    def __init__(
        self,
        vae: AutoencoderKL,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        unet: UNet2DConditionModel,
        scheduler: KarrasDiffusionSchedulers,
        safety_checker: StableDiffusionSafetyChecker,
        feature_extractor: CLIPImageProcessor,
    ) -> None:
        super().__init__()
        self.register_modules(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=scheduler,
            safety_checker=safety_checker,
            feature_extractor=feature_extractor,
        )

    def text2img(
        self,
        prompt: str | list[str],
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int = 50,
        guidance_scale: float = 7.5,
        negative_prompt: str | list[str] | None = None,
        generator: Any = None,
    ) -> Any:
        """Pictures of prompts."""
        return self._draw(
            StableDiffusionPipeline,
            prompt=prompt,
            height=height,
            width=width,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            negative_prompt=negative_prompt,
            generator=generator,
        )

    def img2img(
        self,
        prompt: str | list[str],
        image: Any,
        strength: float = 0.8,
        num_inference_steps: int = 50,
        guidance_scale: float = 7.5,
        negative_prompt: str | list[str] | None = None,
        generator: Any = None,
    ) -> Any:
        """Pictures of prompts that start from other pictures."""
        return self._draw(
            StableDiffusionImg2ImgPipeline,
            prompt=prompt,
            image=image,
            strength=strength,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            negative_prompt=negative_prompt,
            generator=generator,
        )

    def inpaint(
        self,
        prompt: str | list[str],
        image: Any,
        mask_image: Any,
        height: int | None = None,
        width: int | None = None,
        strength: float = 1.0,
        num_inference_steps: int = 50,
        guidance_scale: float = 7.5,
        negative_prompt: str | list[str] | None = None,
        generator: Any = None,
    ) -> Any:
        """Pictures that are drawn anew where the mask is white."""
        return self._draw(
            StableDiffusionInpaintPipeline,
            prompt=prompt,
            image=image,
            mask_image=mask_image,
            height=height,
            width=width,
            strength=strength,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            negative_prompt=negative_prompt,
            generator=generator,
        )

    def _draw(self, kind: Callable[..., Any], **arguments: Any) -> Any:
        """Calls a pipeline of a kind with the components that this one has now."""
        pipe = kind(**self.components, requires_safety_checker=self.safety_checker is not None)
        pipe.set_progress_bar_config(**getattr(self, "_progress_bar_config", {}))
        output = pipe(**arguments)
        self.maybe_free_model_hooks()
        return output
