"""Every interface of torch that prediction uses and that torch does not promise to keep.

A test runs each of them by itself, so that a new torch tells by name what it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    UnsupportedOperatorException,
)
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

__all__ = [
    "UNKNOWABLE",
    "TorchDispatchMode",
    "conversions_replace_parameters",
    "cudnn_attention",
    "efficient_attention",
    "fake_empty",
    "fake_mode",
    "fake_strided",
    "flash_attention",
    "flash_attention_for_cpu",
    "has_fake",
    "is_fake",
    "is_scalar_read",
    "mutates_first",
    "no_modes",
]

UNKNOWABLE = (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedOperatorException,
)
"""What is raised where a shape depends on values, which nobody computes."""

_aten = torch.ops.aten


def fake_mode() -> Any:
    """What runs operations on tensors that have a shape and a data type, and no values.

    Real tensors may take part, so that small constants can keep their values.
    """
    return FakeTensorMode(allow_non_fake_inputs=True)


def fake_empty(mode: Any, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """A tensor without values.

    It says that it lies on the CPU: without CUDA, fake ``cuda`` tensors cannot be indexed.
    """
    with mode:
        return torch.empty(tuple(shape), dtype=dtype, device="cpu")


def fake_strided(
    mode: Any, shape: Sequence[int], stride: Sequence[int], dtype: torch.dtype
) -> torch.Tensor:
    """A tensor without values whose elements lie as its strides say."""
    with mode:
        return torch.empty_strided(tuple(shape), tuple(stride), dtype=dtype, device="cpu")


def is_fake(value: object) -> bool:
    """Whether it is a tensor without values."""
    return isinstance(value, FakeTensor)


def has_fake(types: Sequence[type]) -> bool:
    """Whether a tensor without values is among an operation's operands, by their types."""
    return FakeTensor in types


@contextmanager
def no_modes() -> Iterator[None]:
    """While entered, no dispatch mode sees operations."""
    with _disable_current_modes():
        yield


@contextmanager
def conversions_replace_parameters() -> Iterator[None]:
    """While entered, ``module.to`` gives modules other parameters.

    Torch would fill those that they have with other data, which tensors without values refuse.
    """
    original = torch.nn.Module._apply
    torch.nn.Module._apply = _apply
    try:
        yield
    finally:
        torch.nn.Module._apply = original


def _apply(self: Any, function: Callable[[torch.Tensor], torch.Tensor], *_: Any, **__: Any) -> Any:
    made: dict[int, torch.nn.Parameter] = {}
    with torch.no_grad():
        for module in self.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if id(parameter) not in made:
                    converted = function(parameter)
                    made[id(parameter)] = (
                        parameter
                        if converted is parameter
                        else torch.nn.Parameter(converted, parameter.requires_grad)
                    )
                module._parameters[name] = made[id(parameter)]
            for name, buffer in module.named_buffers(recurse=False):
                module._buffers[name] = function(buffer)
    return self


def is_scalar_read(operation: Any) -> bool:
    """Whether an operation gives a tensor's only value to Python (``item``, ``bool``)."""
    return operation is _aten._local_scalar_dense.default


def mutates_first(operation: Any) -> bool:
    """Whether an operation writes into its first operand and returns it (``add_``, ``copy_``)."""
    schema = operation._schema
    return bool(schema.is_mutable and schema.name.endswith("_") and schema.returns)


def flash_attention_for_cpu(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    is_causal: bool,
    scale: float | None,
) -> torch.Tensor:
    """The CPU's fused attention; its scratch memory is not seen."""
    output, _ = _aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, is_causal, attn_mask=mask, scale=scale
    )
    return output


def flash_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    is_causal: bool,
    scale: float | None,
) -> torch.Tensor:
    """CUDA's FlashAttention; head sizes must be multiples of 8."""
    return _aten._scaled_dot_product_flash_attention(
        query, key, value, 0.0, is_causal, False, scale=scale
    )[0]


def efficient_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    is_causal: bool,
    scale: float | None,
) -> torch.Tensor:
    """CUDA's memory-efficient attention, without what only gradients need."""
    return _aten._scaled_dot_product_efficient_attention(
        query, key, value, mask, False, 0.0, is_causal, scale=scale
    )[0]


def cudnn_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    is_causal: bool,
    scale: float | None,
) -> torch.Tensor:
    """CuDNN's attention, without what only gradients need."""
    return _aten._scaled_dot_product_cudnn_attention(
        query, key, value, mask, False, 0.0, is_causal, False, scale=scale
    )[0]
