"""Architectures made small: the same classes and code paths, an eighth as wide, few layers."""

from __future__ import annotations

import functools
from typing import Any

import torch

from sdbench.pipelines.architectures.build import MODEL_INDEX, Configs, assemble, read_configs

_WIDTHS = {
    "addition_time_embed_dim",
    "block_out_channels",
    "caption_channels",
    "caption_projection_dim",
    "cross_attention_dim",
    "d_ff",
    "d_kv",
    "d_model",
    "encoder_hid_dim",
    "ffn_hidden_size",
    "hidden_size",
    "intermediate_size",
    "joint_attention_dim",
    "kv_channels",
    "norm_num_groups",
    "pooled_projection_dim",
    "pos_embed_max_size",
    "projection_class_embeddings_input_dim",
    "projection_dim",
}
_LAYERS = {
    "layers_per_block",
    "num_hidden_layers",
    "num_layers",
    "num_single_layers",
    "transformer_layers_per_block",
}
_MOST_LAYERS = 2
_ROPE_AXES = (4, 6, 6)
"""Even parts of the width of a shrunk FLUX attention head; the true ones are 16, 56 and 56."""


def shrunk(name: str) -> Configs:
    """The configuration files of an architecture, shrunk."""
    configs = {part: _shrunk(config) for part, config in read_configs(name).items()}
    if "transformer" in configs:  # in a UNet the word stands for the number of heads
        configs["transformer"]["attention_head_dim"] //= 8
    if configs[MODEL_INDEX]["_class_name"] == "FluxPipeline":
        configs["transformer"]["axes_dims_rope"] = _ROPE_AXES
    return configs


def build_shrunk(name: str, dtype: torch.dtype = torch.float32, torch_device: str = "cpu") -> Any:
    """A shrunk architecture of its own, which the test may change."""
    pipe = assemble(shrunk(name), dtype, torch_device)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@functools.cache
def shared(name: str, dtype: torch.dtype) -> Any:
    """A shrunk architecture that all tests share, and that none may leave changed."""
    return build_shrunk(name, dtype)


def _shrunk(config: dict[str, Any]) -> dict[str, Any]:
    small: dict[str, Any] = {}
    for key, value in config.items():
        small[key] = value
        if isinstance(value, dict):
            small[key] = _shrunk(value)
        elif value is not None and key in _WIDTHS:
            small[key] = [v // 8 for v in value] if isinstance(value, list) else value // 8
        elif key in _LAYERS:
            is_list = isinstance(value, list)
            small[key] = (
                [min(v, _MOST_LAYERS) for v in value] if is_list else min(value, _MOST_LAYERS)
            )
    return small
