"""Which weights are on the device at which moment, for each way of offloading.

The hooks of accelerate and diffusers move weights, which tensors without values cannot. These
stand where theirs do, and only tell a log what is there:

    model       a model comes as it is called, when the one before it in the pipeline's order goes
    sequential  a layer's weights come as it is called, and go when it returns
    group       likewise, and those of the layer before it stay meanwhile (diffusers fetches the
                next layer's while one computes: two layers at once, either way)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import torch

from sdbench.knobs.base import Unsupported
from sdbench.knobs.offload import GROUP_OPTIONS
from sdbench.pipelines.effective import modules
from sdbench.predict import torch_private
from sdbench.predict.storage_log import StorageLog


def offload(pipe: Any, way: str, log: StorageLog, undo: ExitStack) -> list[torch.Tensor]:
    """Lets a log know what is on the device while the pipeline is called.

    Args:
        pipe: The pipeline.
        way: A value of the knob ``offload`` other than none.
        log: What is told.
        undo: Where the hooks' removal is put.

    Returns:
        The tensors that are on the device at all times.

    Raises:
        Unsupported: This kind of pipeline does not say in which order its models run.
    """
    if way == "model":
        return _offload_models(pipe, log, undo)
    if way == "group_blocks":
        raise Unsupported("the memory of weights offloaded block by block is not predicted")
    return _offload_layers(pipe, log, undo, keeps_previous=way in GROUP_OPTIONS)


class _ModelHook:
    """Brings a model as it is called; the VAE's ``encode`` and ``decode`` call it by themselves."""

    def __init__(self, model: Any, previous: _ModelHook | None, log: StorageLog) -> None:
        self.model = model
        self._previous = previous
        self._log = log

    def pre_forward(self, *_: Any) -> None:
        """The model is about to be called."""
        if self._previous is not None:
            self._log.end(_tensors(self._previous.model))
        self._log.begin(_tensors(self.model))


def _offload_models(pipe: Any, log: StorageLog, undo: ExitStack) -> list[torch.Tensor]:
    order = getattr(pipe, "model_cpu_offload_seq", None)
    if order is None:
        raise Unsupported(
            f"{type(pipe).__name__} does not say in which order its models run, which offload "
            "model needs"
        )
    models = modules(pipe)
    hook: _ModelHook | None = None
    for name in order.split("->"):
        if name in models:
            hook = _ModelHook(models.pop(name), hook, log)
            _attach(hook, log, undo)
    resident: list[torch.Tensor] = []
    for name, model in models.items():
        if name in pipe._exclude_from_cpu_offload:
            resident.extend(_tensors(model))
        else:
            _attach(_ModelHook(model, None, log), log, undo)
    return resident


def _attach(hook: _ModelHook, log: StorageLog, undo: ExitStack) -> None:
    model = hook.model
    _convert_where_it_is(model, log, undo)
    undo.callback(model.register_forward_pre_hook(hook.pre_forward).remove)
    model.__dict__["_hf_hook"] = hook
    undo.callback(model.__dict__.pop, "_hf_hook")


def _offload_layers(
    pipe: Any, log: StorageLog, undo: ExitStack, keeps_previous: bool
) -> list[torch.Tensor]:
    resident: list[torch.Tensor] = []
    for name, model in modules(pipe).items():
        if name in pipe._exclude_from_cpu_offload and not keeps_previous:
            resident.extend(_tensors(model))
            continue
        resident.extend(model.buffers())
        hooks = _LayerHooks(log, keeps_previous)
        for layer in model.modules():
            if any(True for _ in layer.parameters(recurse=False)):
                undo.callback(layer.register_forward_pre_hook(hooks.before).remove)
                undo.callback(layer.register_forward_hook(hooks.after).remove)
        undo.callback(model.register_forward_hook(hooks.at_end).remove)
        _convert_where_it_is(model, log, undo)
    return resident


def _convert_where_it_is(model: torch.nn.Module, log: StorageLog, undo: ExitStack) -> None:
    """Weights that are converted (SDXL's VAE to fp32) while in host memory stay there."""

    def apply(*arguments: Any) -> torch.nn.Module:
        if all(log.number_of(parameter) is not None for parameter in model.parameters()):
            return type(model)._apply(model, *arguments)
        with torch_private.no_modes():
            converted: torch.nn.Module = type(model)._apply(model, *arguments)
        return converted

    model.__dict__["_apply"] = apply
    undo.callback(model.__dict__.pop, "_apply")


class _LayerHooks:
    def __init__(self, log: StorageLog, keeps_previous: bool) -> None:
        self._log = log
        self._keeps_previous = keeps_previous
        self._previous: torch.nn.Module | None = None

    def before(self, layer: torch.nn.Module, *_: Any) -> None:
        self._log.begin(layer.parameters(recurse=False))

    def after(self, layer: torch.nn.Module, *_: Any) -> None:
        ending = layer
        if self._keeps_previous:
            if self._previous is None or self._previous is layer:
                self._previous = layer
                return
            ending, self._previous = self._previous, layer
        self._log.end(ending.parameters(recurse=False))

    def at_end(self, *_: Any) -> None:
        if self._previous is not None:
            self._log.end(self._previous.parameters(recurse=False))
            self._previous = None


def _tensors(model: torch.nn.Module) -> Iterator[torch.Tensor]:
    yield from model.parameters()
    yield from model.buffers()


def bytes_of(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes of the storages of ``tensors``, each counted once."""
    sizes = {id(tensor.untyped_storage()): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(sizes.values())
