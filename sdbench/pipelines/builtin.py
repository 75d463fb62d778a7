"""The pipelines that come with sdbench, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline

from sdbench.errors import IllegalValue
from sdbench.knobs.pipeline import BUILTIN_PIPELINES
from sdbench.pipelines import tiny
from sdbench.pipelines.errors import LoadError

EMOJI_FOLDER = Path(__file__).with_name("emoji")
_LARGEST_INT8 = 127


def build_pipeline(name: str, dtype: torch.dtype = torch.float32) -> Any:
    """A built-in pipeline; equal weights on every call.

    Args:
        name: One of `sdbench.knobs.pipeline.BUILTIN_PIPELINES`.
        dtype: Data type of the weights.

    Raises:
        IllegalValue: There is none of this name.
        LoadError: Its weights are not part of this installation.
    """
    match name:
        case "tiny":
            return tiny.build_pipeline(dtype=dtype)
        case "emoji":
            return _emoji(dtype)
        case "emoji-int8":
            pipe = _emoji(torch.float32)
            round_to_int8(pipe.unet)
            return pipe.to(dtype, silence_dtype_warnings=True)
        case _:
            raise IllegalValue(name, BUILTIN_PIPELINES)


def round_to_int8(module: torch.nn.Module) -> None:
    """Rounds the weights of linear and convolution layers to 8 bits, and takes them back.

    One scale an output channel, symmetric: the largest magnitude of a channel becomes 127. What is
    left of the weights is what an 8-bit checkpoint would hold; arithmetic and memory stay as they
    are.
    """
    for layer in module.modules():
        if isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d)):
            weight = layer.weight.data
            largest = weight.abs().amax(dim=tuple(range(1, weight.dim())), keepdim=True)
            scale = (largest / _LARGEST_INT8).clamp(min=torch.finfo(weight.dtype).tiny)
            weight.copy_((weight / scale).round() * scale)


def _emoji(dtype: torch.dtype) -> Any:
    if not (EMOJI_FOLDER / "model_index.json").is_file():
        raise LoadError(
            "the weights of the built-in pipeline emoji are not part of this installation: install "
            "sdbench with its data files, or name another pipeline such as {builtin: tiny}"
        )
    return DiffusionPipeline.from_pretrained(
        EMOJI_FOLDER, dtype=dtype, use_safetensors=True, local_files_only=True
    )
