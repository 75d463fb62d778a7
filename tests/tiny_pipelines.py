"""The tiny pipeline, configured in one line, for tests of everything that turns or measures it."""

from __future__ import annotations

import functools
from typing import Any

import torch

from sdbench.knobs.task import Task
from sdbench.pipelines import tiny
from sdbench.pipelines.diffusers_pipeline import DiffusersPipeline
from sdbench.pipelines.tasks import for_task
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

torch.set_num_threads(1)  # with more, operations this small wait for each other on busy cores

SMALL = {"steps": 2, "height": 16, "width": 16}
"""Knobs that make one call take some hundredths of a second."""


def build(dtype: torch.dtype = torch.float32, task: Task = Task.TEXT_TO_IMAGE) -> Any:
    """A tiny Stable Diffusion pipeline of its own, which the test may change."""
    pipe = for_task(tiny.build_pipeline(dtype), task)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@functools.cache
def shared() -> Any:
    """The tiny Stable Diffusion pipeline that all tests share, and that none may leave changed."""
    return build()


@functools.cache
def shared_flux() -> Any:
    """A tiny FLUX pipeline: a transformer with diffusers' attention dispatcher; shared as well."""
    from diffusers import (
        AutoencoderKL,
        FlowMatchEulerDiscreteScheduler,
        FluxPipeline,
        FluxTransformer2DModel,
    )
    from transformers import T5Config, T5EncoderModel

    tokenizer = tiny._tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipe = FluxPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=AutoencoderKL(
                block_out_channels=(32,),
                down_block_types=("DownEncoderBlock2D",),
                up_block_types=("UpDecoderBlock2D",),
                latent_channels=4,
                sample_size=32,
                shift_factor=0.06,
                use_quant_conv=False,
                use_post_quant_conv=False,
            ).eval(),
            text_encoder=tiny._text_encoder(tokenizer),
            tokenizer=tokenizer,
            text_encoder_2=T5EncoderModel(
                T5Config(
                    vocab_size=len(tokenizer),
                    d_model=32,
                    d_kv=8,
                    d_ff=32,
                    num_layers=1,
                    num_heads=4,
                )
            ).eval(),
            tokenizer_2=tokenizer,
            transformer=FluxTransformer2DModel(
                patch_size=1,
                in_channels=16,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=32,
                pooled_projection_dim=32,
                axes_dims_rope=(4, 4, 8),
            ).eval(),
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def pipeline(pipe: Any = None, inputs: Inputs | None = None) -> DiffusersPipeline:
    """A loaded pipeline on the CPU: ``pipe``, or the shared tiny one."""
    return DiffusersPipeline(pipe or shared(), inputs or Inputs(prompts=("a cat",)), "cpu")


def configuration(**values: Any) -> Configuration:
    """A configuration of two steps at 16 x 16 pixels, unless ``values`` say otherwise."""
    return Configuration.of({"pipeline": {"builtin": "tiny"}, **SMALL, **values})
