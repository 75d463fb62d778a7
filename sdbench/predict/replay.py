"""Runs a module once for all modules that are built like it and given inputs of the same shapes.

A denoiser is evaluated in every step, a VAE decodes every tile, and most of both is a few kinds of
blocks, repeated. What the first of them allocated, each of the others would.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from sdbench.predict import torch_private
from sdbench.predict.storage_log import Excerpt, Mark, StorageLog

_PLAIN = (bool, int, float, str, type(None), torch.dtype, torch.device)


@dataclass(frozen=True, slots=True)
class _View:
    """A tensor, without its storage."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    dtype: torch.dtype
    storage_bytes: int

    @classmethod
    def of(cls, tensor: torch.Tensor) -> _View:
        """How a tensor lies in its storage."""
        return cls(
            tuple(tensor.shape),
            tensor.stride(),
            tensor.storage_offset(),
            tensor.dtype,
            tensor.untyped_storage().nbytes(),
        )

    def on(self, tensor: torch.Tensor) -> torch.Tensor:
        """The same view of another tensor's storage."""
        whole = tensor if tensor.dtype == self.dtype else tensor.view(self.dtype)
        return whole.as_strided(self.shape, self.stride, self.offset)

    def alone(self, mode: Any) -> torch.Tensor:
        """The same view of a storage of its own, without values."""
        tensor = torch_private.fake_strided(mode, self.shape, self.stride, self.dtype)
        if self.offset == 0 and tensor.untyped_storage().nbytes() == self.storage_bytes:
            return tensor
        length = self.storage_bytes // self.dtype.itemsize
        return self.on(torch_private.fake_empty(mode, (length,), self.dtype))


@dataclass(frozen=True, slots=True)
class _OfInput:
    """An output that shares the storage of the input leaf of this number."""

    leaf: int
    view: _View


@dataclass(frozen=True, slots=True)
class _OfStorage:
    """An output in the storage of this number, which began in the call."""

    storage: int
    view: _View


@dataclass(frozen=True, slots=True)
class _Recording:
    """What a call allocated, and what it returned."""

    excerpt: Excerpt
    outputs: tuple[Any, ...]
    spec: TreeSpec


@contextmanager
def replayed(models: Collection[torch.nn.Module], log: StorageLog, mode: Any) -> Iterator[None]:
    """While entered, modules that repeat each other run once.

    Args:
        models: The pipeline's models.
        log: What writes down storages; entered as well.
        mode: What runs operations without values.
    """
    recordings: dict[Hashable, _Recording | None] = {}
    with ExitStack() as undo:
        for module in _repeated(models):
            if "forward" in module.__dict__:
                continue
            module.__dict__["forward"] = _replaying(module, recordings, log, mode)
            undo.callback(module.__dict__.pop, "forward")
        for model in models:
            for name in _BLENDS:
                blend = getattr(model, name, None)
                if blend is not None and name not in model.__dict__:
                    model.__dict__[name] = functools.partial(_first_line_blended, blend)
                    undo.callback(model.__dict__.pop, name)
        yield


_BLENDS = ("blend_v", "blend_h")
"""Methods of VAEs that blend the overlap of two tiles line by line, each like the first."""


def _first_line_blended(blend: Callable[..., Any], first: Any, second: Any, lines: int) -> Any:
    return blend(first, second, min(lines, 1))


def _repeated(models: Collection[torch.nn.Module]) -> Iterator[torch.nn.Module]:
    """Models, their encoders and decoders, and blocks that stand in lists."""
    seen: set[int] = set()
    for model in models:
        found = [model, getattr(model, "encoder", None), getattr(model, "decoder", None)]
        for module in model.modules():
            if isinstance(module, torch.nn.ModuleList):
                found.extend(module)
        for module in found:
            if isinstance(module, torch.nn.Module) and id(module) not in seen:
                seen.add(id(module))
                yield module


def _replaying(
    module: torch.nn.Module,
    recordings: dict[Hashable, _Recording | None],
    log: StorageLog,
    mode: Any,
) -> Callable[..., Any]:
    forward = module.forward
    structure = functools.cache(lambda: _structure(module))

    @functools.wraps(forward)
    def replaying(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = tree_flatten((args, kwargs))
        signature = _signature(leaves)
        if signature is None:
            return forward(*args, **kwargs)
        key = (structure(), str(spec), signature)
        if key in recordings:
            recording = recordings[key]
            if recording is None:
                return forward(*args, **kwargs)
            return _replay(recording, leaves, log, mode)
        mark = log.mark()
        output = forward(*args, **kwargs)
        recordings[key] = _record(output, leaves, log, mark)
        return output

    return replaying


def _structure(module: torch.nn.Module) -> str:
    """All that decides what a module computes, but for the values of its weights."""
    return "\n".join(
        f"{path} {type(part).__qualname__} {_plain(part)} {_processor(part)} "
        f"{[(n, p.shape, p.dtype, p.stride()) for n, p in part.named_parameters(recurse=False)]} "
        f"{[(n, b.shape, b.dtype) for n, b in part.named_buffers(recurse=False)]} "
        f"{len(part._forward_pre_hooks)} {len(part._forward_hooks)}"
        for path, part in module.named_modules()
    )


def _plain(thing: object) -> list[tuple[str, Any]]:
    return [
        (name, value)
        for name, value in vars(thing).items()
        if isinstance(value, _PLAIN) or (isinstance(value, tuple) and _signature(value))
        if name not in _NUMBERS_IN_A_LIST
    ]


_NUMBERS_IN_A_LIST = ("layer_idx", "layer_id", "layer_number")
"""Attributes that only tell where a block stands."""


def _processor(part: object) -> str:
    processor = getattr(part, "processor", None)
    if processor is None:
        return ""
    backend = getattr(processor, "_attention_backend", None)
    return f"{type(processor).__qualname__} {_plain(processor)} {backend}"


def _signature(leaves: Any) -> Hashable | None:
    """What inputs have in common that lead to the same allocations; None where nobody knows."""
    parts: list[Hashable] = []
    storages: list[Any] = []
    for leaf in leaves:
        if isinstance(leaf, torch.Tensor):
            storage = leaf.untyped_storage()
            if all(storage is not known for known in storages):
                storages.append(storage)
            shared = next(i for i, known in enumerate(storages) if known is storage)
            view = (tuple(leaf.shape), leaf.dtype, leaf.stride(), leaf.storage_offset())
            parts.append((shared, view))
        elif isinstance(leaf, _PLAIN):
            parts.append((type(leaf).__name__, leaf))
        else:
            return None
    return tuple(parts)


def _record(output: Any, inputs: list[Any], log: StorageLog, mark: Mark) -> _Recording | None:
    """What a call did, or None where another call may do otherwise."""
    leaves, spec = tree_flatten(output)
    of_inputs = [log.number_of(leaf) for leaf in inputs]
    outputs: list[Any] = []
    kept: set[int] = set()
    for leaf in leaves:
        if isinstance(leaf, torch.Tensor):
            number = log.number_of(leaf)
            if number is None or not torch_private.is_fake(leaf):
                return None
            if number in of_inputs:
                outputs.append(_OfInput(of_inputs.index(number), _View.of(leaf)))
            else:
                kept.add(number)
                outputs.append(_OfStorage(number, _View.of(leaf)))
        elif isinstance(leaf, _PLAIN):
            outputs.append(leaf)
        else:
            return None
    excerpt = log.excerpt(mark, kept)
    return None if excerpt is None else _Recording(excerpt, tuple(outputs), spec)


def _replay(recording: _Recording, inputs: list[Any], log: StorageLog, mode: Any) -> Any:
    numbers = log.replay(recording.excerpt)
    made: dict[int, torch.Tensor] = {}
    outputs: list[Any] = []
    with torch_private.no_modes():
        for output in recording.outputs:
            if isinstance(output, _OfInput):
                leaf = inputs[output.leaf]
                outputs.append(leaf if output.view == _View.of(leaf) else output.view.on(leaf))
            elif isinstance(output, _OfStorage):
                known = made.get(output.storage)
                if known is None:
                    tensor = output.view.alone(mode)
                    log.adopt(tensor, numbers[output.storage])
                    made[output.storage] = tensor
                else:
                    tensor = output.view.on(known)
                outputs.append(tensor)
            else:
                outputs.append(output)
    return tree_unflatten(outputs, recording.spec)
