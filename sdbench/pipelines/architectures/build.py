"""Building of a pipeline from configuration files alone.

A folder beside this file is laid out like a diffusers repository, less the weights and the
vocabularies. Its values are the published ones; what only describes a checkpoint's training, its
conversion or its origin is left out.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from accelerate import init_empty_weights
from diffusers import DiffusionPipeline

from sdbench.errors import IllegalValue
from sdbench.pipelines.architectures.chatglm import chatglm_tokenizer
from sdbench.pipelines.architectures.vocabulary import clip_tokenizer, t5_tokenizer
from sdbench.pipelines.architectures.weights import fill_with_noise

FOLDER = Path(__file__).parent
MODEL_INDEX = "model_index"

_PIPELINE_FOLDERS = {"KolorsPipeline": "kolors"}
"""Where diffusers has pipelines that it does not name itself when sentencepiece is missing."""

Configs = Mapping[str, dict[str, Any]]
"""The content of each configuration file by its component, and of model_index.json."""


def build_pipeline(name: str, dtype: torch.dtype, torch_device: str = "cpu") -> DiffusionPipeline:
    """The pipeline of an architecture; equal weights on every call.

    Args:
        name: A folder's name, such as ``sd15``.
        dtype: Data type of the weights.
        torch_device: Where the weights are made, such as ``cpu`` or ``cuda:0``.

    Raises:
        IllegalValue: There is no architecture of that name.
    """
    return assemble(read_configs(name), dtype, torch_device)


def names() -> tuple[str, ...]:
    """The architectures that have a folder, in alphabetical order."""
    return tuple(sorted(index.parent.name for index in FOLDER.glob(f"*/{MODEL_INDEX}.json")))


def read_configs(name: str) -> Configs:
    """The configuration files of an architecture.

    Raises:
        IllegalValue: There is no architecture of that name.
    """
    if name not in names():
        raise IllegalValue(name, names())
    folder = FOLDER / name
    paths = {MODEL_INDEX: folder / f"{MODEL_INDEX}.json"}
    paths.update((path.parent.name, path) for path in folder.glob("*/*.json"))
    return {part: json.loads(path.read_text(encoding="utf-8")) for part, path in paths.items()}


def assemble(configs: Configs, dtype: torch.dtype, torch_device: str = "cpu") -> DiffusionPipeline:
    """The pipeline that configuration files describe, with random weights."""
    arguments: dict[str, Any] = {}
    for part, value in configs[MODEL_INDEX].items():
        if part.startswith("_"):
            continue
        arguments[part] = value
        if isinstance(value, list):
            library, class_name = value
            arguments[part] = class_name and _component(library, class_name, configs[part])
    models = {part: made for part, made in arguments.items() if isinstance(made, torch.nn.Module)}
    for model in models.values():
        fill_with_noise(model, dtype, torch_device)
    class_name = configs[MODEL_INDEX]["_class_name"]
    return _class(_PIPELINE_FOLDERS.get(class_name, "diffusers"), class_name)(**arguments)


def empty_model(library: str, class_name: str, config: dict[str, Any]) -> torch.nn.Module:
    """A model whose parameters take no memory; its buffers are computed.

    Args:
        library: First word of a component in model_index.json.
        class_name: Second word.
        config: Content of the component's config.json.
    """
    model_class = _class(library, class_name)
    with torch.random.fork_rng(devices=[]), init_empty_weights(include_buffers=False):
        if library == "diffusers":
            return model_class.from_config(config).eval()
        # ChatGLMModel would fill its parameters with empty memory, as large as they are.
        options = {"empty_init": False} if class_name == "ChatGLMModel" else {}
        model = model_class(model_class.config_class.from_dict(config), **options)
    model.tie_weights()  # moving a parameter away made two of one
    return model.eval()


def _component(library: str, class_name: str, config: dict[str, Any]) -> Any:
    found = _class(library, class_name)
    if issubclass(found, torch.nn.Module):
        return empty_model(library, class_name, config)
    if class_name == "ChatGLMTokenizer":
        return chatglm_tokenizer(config)
    if issubclass(found, transformers.T5Tokenizer):
        return t5_tokenizer(config)
    if issubclass(found, transformers.CLIPTokenizer):
        return clip_tokenizer(config)
    return found.from_config(config) if library == "diffusers" else found(**config)


def _class(library: str, class_name: str) -> Any:
    """The class that a component's entry in model_index.json names."""
    if library == "diffusers":
        return getattr(diffusers, class_name)
    if library == "transformers":
        return getattr(transformers, class_name)
    return getattr(importlib.import_module(f"diffusers.pipelines.{library}"), class_name)
