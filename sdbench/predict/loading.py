"""Pipelines whose weights have a shape and a data type, and no values.

They are made by the loader that runs use, of configuration files alone: the three places that give
weights their values are replaced while it runs. So the largest pipeline takes seconds, and no
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import diffusers
import torch
import transformers
from accelerate import init_empty_weights

from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Unsupported
from sdbench.pipelines.architectures import build
from sdbench.pipelines.architectures.weights import kept_in_fp32
from sdbench.pipelines.diffusers_pipeline import DiffusersPipeline
from sdbench.pipelines.effective import modules
from sdbench.pipelines.load import DiffusersLoader
from sdbench.predict import torch_private
from sdbench.suite.model import Inputs

_FILES_WITHOUT_WEIGHTS = ("*.json", "*.txt", "*.model", "*.jinja", "*.py")
"""Configurations, vocabularies, and a pipeline's own code."""


_OF_WEIGHTS = ("revision", "variant", "use_safetensors")
"""Arguments of ``from_pretrained`` that pick among files of weights, or were used up before."""


class WeightlessLoader(DiffusersLoader):
    """Loads pipelines without their weights, as if onto the CPU.

    Args:
        inputs: What they are asked to draw.
        mode: What runs operations without values.
        trust_remote_code: Whether the user allowed code from a model's repository to run.
    """

    def __init__(self, inputs: Inputs, mode: Any, trust_remote_code: bool) -> None:
        super().__init__(inputs, "cpu", trust_remote_code)
        self._mode = mode
        self.pipe: Any = None

    def load(self, knobs: Mapping[str, JsonValue]) -> DiffusersPipeline:
        """The pipeline with its load knobs turned; offloading and compiling are not among them."""
        with torch_private.conversions_replace_parameters():
            return super().load({**knobs, "offload": "none", "compile": "off"})

    def _from_source(
        self, source: Mapping[str, Any], arguments: dict[str, Any], stays_on_device: bool
    ) -> Any:
        if "single_file" in source:
            raise Unsupported(
                "the memory of a checkpoint in one file is not predicted, since its configuration "
                "is told by its weights: name the folder or the repository of the same pipeline"
            )
        if "id" in source:
            folder = _without_weights(source)
            source = {**{k: v for k, v in source.items() if k != "id"}, "path": folder}
        arguments = {key: value for key, value in arguments.items() if key not in _OF_WEIGHTS}
        with _no_values(self._mode):
            pipe = super()._from_source(source, arguments, stays_on_device)
        for model in modules(pipe).values():
            forget_values(model, self._mode)
        self.pipe = pipe
        return pipe


def forget_values(model: torch.nn.Module, mode: Any, dtype: torch.dtype | None = None) -> None:
    """Gives a model parameters without values. Shared ones stay shared; buffers keep their values.

    Args:
        model: Its parameters may lie on the meta device.
        mode: What runs operations without values.
        dtype: Data type of parameters and of buffers that are not integers, but for those that
            the model's class keeps in fp32; None leaves each as it is.
    """
    kept = kept_in_fp32(model) if dtype == torch.float16 else frozenset()
    made: dict[int, torch.nn.Parameter] = {}
    for path, module in model.named_modules():
        own = torch.float32 if kept.intersection(path.split(".")) else dtype
        for name, parameter in module.named_parameters(recurse=False):
            if torch_private.is_fake(parameter):
                continue
            if id(parameter) not in made:
                values = torch_private.fake_empty(mode, parameter.shape, own or parameter.dtype)
                made[id(parameter)] = torch.nn.Parameter(values, requires_grad=False)
            module._parameters[name] = made[id(parameter)]
        for name, buffer in module.named_buffers(recurse=False):
            if dtype is not None and buffer.is_floating_point():
                module._buffers[name] = buffer.to(dtype)


@contextmanager
def _no_values(mode: Any) -> Iterator[None]:
    """While entered, models come without values, whoever makes them."""

    def fill(model: torch.nn.Module, dtype: torch.dtype, torch_device: str) -> None:
        forget_values(model, mode, dtype)

    def of_diffusers(cls: Any, /, folder: Any, **options: Any) -> Any:
        config = cls.load_config(folder, subfolder=options.get("subfolder"))
        return _weightless(cls.from_config, config, mode, options)

    def of_transformers(cls: Any, /, folder: Any, *_: Any, **options: Any) -> Any:
        config = cls.config_class.from_pretrained(folder, subfolder=options.get("subfolder") or "")
        return _weightless(cls, config, mode, options)

    with ExitStack() as undo:
        for owner, name, replacement in (
            (build, "fill_with_noise", fill),
            (diffusers.ModelMixin, "from_pretrained", classmethod(of_diffusers)),
            (transformers.PreTrainedModel, "from_pretrained", classmethod(of_transformers)),
        ):
            undo.callback(setattr, owner, name, vars(owner)[name])
            setattr(owner, name, replacement)
        yield


def _weightless(
    make: Callable[[Any], Any], config: Any, mode: Any, options: Mapping[str, Any]
) -> torch.nn.Module:
    quantization = (
        config.get("quantization_config")
        if isinstance(config, Mapping)
        else getattr(config, "quantization_config", None)
    )
    if quantization is not None:
        raise Unsupported("the memory of quantised layers is not predicted")
    with torch.random.fork_rng(devices=[]), init_empty_weights(include_buffers=False):
        model = make(config)
    if hasattr(model, "tie_weights"):
        model.tie_weights()  # moving a parameter away made two of one
    forget_values(model, mode, options.get("dtype") or options.get("torch_dtype") or torch.float32)
    return model.eval()


def _without_weights(source: Mapping[str, Any]) -> str:
    """The folder of a repository's files, less its weights, downloaded unless they are there."""
    from huggingface_hub import snapshot_download

    folder: str = snapshot_download(
        source["id"],
        revision=source.get("revision"),
        allow_patterns=list(_FILES_WITHOUT_WEIGHTS),
    )
    return folder
