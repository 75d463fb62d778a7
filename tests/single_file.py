"""A diffusers pipeline's weights under the names of single-file checkpoints, for tests of these."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import torch

Rule = tuple[str, str | Callable[[re.Match[str]], str]]

_UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_VAE_PARTS: tuple[Rule, ...] = (
    (r"conv_shortcut", "nin_shortcut"),
    (r"(en|de)coder\.conv_norm_out", r"\1coder.norm_out"),
    (r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2"),
    (r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample"),
    (r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}"),
    (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
    (r"mid_block\.attentions\.0\.to_([qkv])", r"mid.attn_1.\1"),
    (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
)


def single_file_weights(pipe: Any) -> dict[str, torch.Tensor]:
    """The weights of a Stable Diffusion pipeline by the names of its authors' checkpoints."""
    text_rules: list[Rule] = [(r"^(?!text_model\.)", "text_model.")]
    parts = (
        ("model.diffusion_model.", _unet_rules(pipe.unet), pipe.unet),
        ("first_stage_model.", _vae_rules(pipe.vae), pipe.vae),
        ("cond_stage_model.transformer.", text_rules, pipe.text_encoder),
    )
    return {
        prefix + _renamed(name, rules): weight.contiguous()
        for prefix, rules, module in parts
        for name, weight in module.state_dict().items()
    }


def _renamed(name: str, rules: Iterable[Rule]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _unet_rules(unet: Any) -> list[Rule]:
    layers = unet.config.layers_per_block
    with_attention = [hasattr(block, "attentions") for block in unet.up_blocks]

    def resnet(match: re.Match[str]) -> str:
        return f"{match[1]}.{_UNET_RESNET[match[2]]}"

    def down(match: re.Match[str]) -> str:
        index = 1 + int(match[1]) * (layers + 1) + int(match[3])
        return f"input_blocks.{index}.{0 if match[2] == 'resnets' else 1}"

    def up(match: re.Match[str]) -> str:
        index = int(match[1]) * (layers + 1) + int(match[3])
        return f"output_blocks.{index}.{0 if match[2] == 'resnets' else 1}"

    def downsampler(match: re.Match[str]) -> str:
        return f"input_blocks.{1 + int(match[1]) * (layers + 1) + layers}.0.op"

    def upsampler(match: re.Match[str]) -> str:
        block = int(match[1])
        return f"output_blocks.{block * (layers + 1) + layers}.{1 + with_attention[block]}.conv"

    return [
        (rf"(resnets\.\d+)\.({'|'.join(_UNET_RESNET)})", resnet),
        (r"time_embedding\.linear_(\d)", lambda m: f"time_embed.{2 * int(m[1]) - 2}"),
        (r"^conv_in", "input_blocks.0.0"),
        (r"^conv_norm_out", "out.0"),
        (r"^conv_out", "out.2"),
        (r"down_blocks\.(\d+)\.downsamplers\.0\.conv", downsampler),
        (r"up_blocks\.(\d+)\.upsamplers\.0\.conv", upsampler),
        (r"down_blocks\.(\d+)\.(resnets|attentions)\.(\d+)", down),
        (r"up_blocks\.(\d+)\.(resnets|attentions)\.(\d+)", up),
        (r"mid_block\.resnets\.(\d+)", lambda m: f"middle_block.{2 * int(m[1])}"),
        (r"mid_block\.attentions\.0", "middle_block.1"),
    ]


def _vae_rules(vae: Any) -> list[Rule]:
    last = len(vae.config.up_block_types) - 1

    def up(match: re.Match[str]) -> str:
        kind = "block" if match[2] == "resnets" else "upsample"
        index = f".{match[3]}" if kind == "block" else ""
        return f"up.{last - int(match[1])}.{kind}{index}"

    return [*_VAE_PARTS, (r"up_blocks\.(\d+)\.(resnets|upsamplers)\.(\d+)", up)]
