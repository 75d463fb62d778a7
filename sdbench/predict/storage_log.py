"""Writes down when storages begin and end, while operations run without values.

Storages are seen as `sdbench.devices.tensor_bytes` sees them: as an operation's result, once each,
until nothing refers to them. So both tell the same peak.

What depends on no weight (timesteps, sigmas, token ids, noise, pictures to start from) is computed
for real, since schedulers and tokenizers look at values; all else has none. A value that is read
in spite of that is 0.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from sdbench.devices.base import OTHER_STAGE
from sdbench.predict import torch_private
from sdbench.predict.sdpa import attention
from sdbench.predict.target import Capability
from sdbench.predict.trace import LOAD_STAGE, Convolution, Event, Trace

_aten = torch.ops.aten
_CONVOLUTION = _aten.convolution.default
_FACTORIES = frozenset(
    {_aten.empty.memory_format, _aten.zeros.default, _aten.ones.default, _aten.full.default}
)
_LARGEST_REAL_ELEMENTS = 2**20
"""Plain attention makes an empty matrix of scores before it meets any weight: 32 GiB at times."""
_PRODUCTS = frozenset(
    {_aten.mm.default, _aten.addmm.default, _aten.bmm.default, _aten.baddbmm.default}
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of a log.

    Attributes:
        events: Events before it.
        convolutions: Convolutions before it.
        begun: Storages that began before it.
    """

    events: int
    convolutions: int
    begun: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What was written since a mark, with the events that the convolutions count from there.

    Attributes:
        events: Those since the mark.
        convolutions: Likewise.
        kept: Numbers of the storages that are there at the end, and were not before.
    """

    events: tuple[Event, ...]
    convolutions: tuple[Convolution, ...]
    kept: frozenset[int]


class StorageLog(torch_private.TorchDispatchMode):
    """Follows storages while it is entered; an observer of stages (`StageObserver`) too.

    Args:
        mode: What runs operations without values.
    """

    def __init__(self, mode: Any) -> None:
        super().__init__()
        self._mode = mode
        self._stage = LOAD_STAGE
        self._events: list[Event] = []
        self._convolutions: list[Convolution] = []
        self._matmul_at: int | None = None
        self._storages: dict[weakref.ref[Any], tuple[int, int]] = {}
        self._begun = 0

    def trace(self, host_bytes: int = 0) -> Trace:
        """What was seen so far."""
        return Trace(tuple(self._events), tuple(self._convolutions), self._matmul_at, host_bytes)

    def loaded(self) -> None:
        """Weights and buffers are there; what follows is the call."""
        self._stage = OTHER_STAGE

    def enter_stage(self, stage: str) -> None:
        """What follows belongs to ``stage``."""
        self._stage = stage

    def leave_stage(self, stage: str) -> None:
        """What follows belongs to no stage in particular."""
        self._stage = OTHER_STAGE

    def begin(self, tensors: Iterable[torch.Tensor]) -> None:
        """The storages of ``tensors`` are there from now on, each once."""
        for tensor in tensors:
            self._count(tensor)

    def end(self, tensors: Iterable[torch.Tensor]) -> None:
        """The storages of ``tensors`` left the device."""
        for tensor in tensors:
            self._forget(weakref.ref(tensor.untyped_storage()))

    def number_of(self, value: object) -> int | None:
        """Number of a tensor's storage; None for one that was not seen, and for other values."""
        if not isinstance(value, torch.Tensor):
            return None
        known = self._storages.get(weakref.ref(value.untyped_storage()))
        return None if known is None else known[0]

    def mark(self) -> Mark:
        """This moment."""
        return Mark(len(self._events), len(self._convolutions), self._begun)

    def excerpt(self, mark: Mark, kept: Collection[int]) -> Excerpt | None:
        """What was written since a mark.

        Args:
            mark: The moment.
            kept: Numbers of the storages that may outlive it.

        Returns:
            None where other storages outlive it, or some ended that were there before.
        """
        events = tuple(self._events[mark.events :])
        begun = {event.storage for event in events if not event.is_free}
        ended = {event.storage for event in events if event.is_free}
        if not ended <= begun or begun - ended != set(kept):
            return None
        convolutions = tuple(
            replace(convolution, at=convolution.at - mark.events)
            for convolution in self._convolutions[mark.convolutions :]
        )
        return Excerpt(events, convolutions, frozenset(kept))

    def replay(self, excerpt: Excerpt) -> dict[int, int]:
        """Writes an excerpt once more; what it kept is `adopt`-ed by the numbers returned."""
        start = len(self._events)
        numbers: dict[int, int] = {}
        for event in excerpt.events:
            if event.storage not in numbers:
                numbers[event.storage] = self._begun
                self._begun += 1
            number = numbers[event.storage]
            self._events.append(Event(number, event.bytes, event.is_free, self._stage))
        self._convolutions.extend(
            replace(convolution, at=convolution.at + start, stage=self._stage)
            for convolution in excerpt.convolutions
        )
        return {number: numbers[number] for number in excerpt.kept}

    def adopt(self, tensor: torch.Tensor, number: int) -> None:
        """The storage of ``tensor`` is the one that began under ``number``."""
        storage = tensor.untyped_storage()
        self._storages[weakref.ref(storage, self._forget)] = (number, storage.nbytes())

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = self._run(func, types, args, kwargs or {})
        if isinstance(result, torch.Tensor):
            self._count(result)
        else:
            for leaf in tree_leaves(result):
                if isinstance(leaf, torch.Tensor):
                    self._count(leaf)
        if func is _CONVOLUTION:
            self._convolutions.append(self._convolution(result, *args))
        elif self._matmul_at is None and func in _PRODUCTS:
            self._matmul_at = len(self._events)
        return result

    def _run(self, func: Any, types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if not torch_private.has_fake(types):
            if func not in _FACTORIES or math.prod(args[0]) <= _LARGEST_REAL_ELEMENTS:
                return func(*args, **kwargs)
            with self._mode:
                return func(*args, **kwargs)
        if torch_private.is_scalar_read(func):
            return torch.zeros((), dtype=args[0].dtype).item()
        if torch_private.mutates_first(func) and not torch_private.is_fake(args[0]):
            return args[0]
        with self._mode:
            return func(*args, **kwargs)

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        size = storage.nbytes()
        reference = weakref.ref(storage, self._forget)
        known = self._storages.get(reference)
        if known is not None:
            if known[1] == size:
                return
            self._forget(reference)
        if size:
            self._storages[reference] = (self._begun, size)
            self._events.append(Event(self._begun, size, False, self._stage))
            self._begun += 1

    def _forget(self, reference: weakref.ref[Any]) -> None:
        number, size = self._storages.pop(reference, (0, 0))
        if size:
            self._events.append(Event(number, size, True, self._stage))

    def _convolution(
        self,
        output: torch.Tensor,
        source: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        is_transposed: bool,
        output_padding: Sequence[int],
        groups: int,
    ) -> Convolution:
        return Convolution(
            at=len(self._events),
            stage=self._stage,
            dtype=str(source.dtype).removeprefix("torch."),
            input_bytes=source.nbytes,
            output_bytes=output.nbytes,
            weight_bytes=weight.nbytes,
            input_shape=tuple(source.shape),
            output_shape=tuple(output.shape),
            kernel=tuple(weight.shape[2:]),
            stride=tuple(stride),
            groups=groups,
            is_transposed=is_transposed,
            is_channels_last=_is_channels_last(weight) or _is_channels_last(source),
        )


class ValuesOfNothing(TorchFunctionMode):
    """While entered, tensors without values become arrays of zeros, and attention a real kernel.

    Args:
        capability: Compute capability of the CUDA device; None for the CPU.
    """

    def __init__(self, capability: Capability | None) -> None:
        super().__init__()
        self._capability = capability

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.nn.functional.scaled_dot_product_attention:
            operands = (*args, *kwargs.values())
            if any(map(torch_private.is_fake, operands)):
                return attention(func, self._capability, *args, **kwargs)
        elif func in _TO_ARRAYS and torch_private.is_fake(args[0]):
            return _TO_ARRAYS[func](args[0])
        return func(*args, **kwargs)


class _Zeros:
    """What an array is made of; it keeps the tensor's storage alive, as with a real tensor."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = tensor
        with torch_private.no_modes():
            dtype = torch.zeros((), dtype=tensor.dtype).numpy().dtype
        self._array = np.broadcast_to(np.zeros((), dtype), tuple(tensor.shape))
        self.__array_interface__ = self._array.__array_interface__


def _numpy(tensor: torch.Tensor) -> Any:
    return np.asarray(_Zeros(tensor))


_TO_ARRAYS: Mapping[Any, Callable[[torch.Tensor], Any]] = {
    torch.Tensor.numpy: _numpy,
    torch.Tensor.tolist: lambda tensor: _numpy(tensor).tolist(),
}


def _is_channels_last(tensor: torch.Tensor) -> bool:
    return (
        tensor.dim() == 4
        and not tensor.is_contiguous()
        and tensor.is_contiguous(memory_format=torch.channels_last)
    )
