"""Which kernel computes scaled-dot-product attention, by the rules of the CPU and of CUDA.

Without values torch would decompose it into matrices of tokens times tokens, which no kernel in
use makes. The rules are those of aten/src/ATen/native/transformers (sdp_utils_cpp.cpp, and
cuda/sdp_utils.cpp) in torch 2.9 to 2.13, where no gradient is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import torch

from sdbench.predict import torch_private
from sdbench.predict.target import Capability

_FLASH_FROM: Capability = (8, 0)
_EFFICIENT_FROM: Capability = (5, 0)
_TENSOR_CORES_FROM: Capability = (7, 0)
_BF16_FROM: Capability = (8, 0)
_LARGEST_FLASH_HEAD = 256
_FLASH_HEAD_MULTIPLE = 8
_MASK_MULTIPLE = 8
"""Elements: rows of a mask begin at multiples of it in memory-efficient attention."""
_TENSOR_CORE_BITS = 128
_HALF_BITS, _SINGLE_BITS = 16, 32
_SINGLE_ALIGNMENT_OF_AMPERE = 4


class Kernel(Enum):
    """What computes attention."""

    CPU_FLASH = "flash attention on the CPU"
    FLASH = "FlashAttention"
    EFFICIENT = "memory-efficient attention"
    CUDNN = "cuDNN's attention"
    MATH = "plain products"


@dataclass(frozen=True, slots=True)
class Operands:
    """What attention is asked for.

    Attributes:
        query: [batch, heads, tokens, head size].
        key: Likewise, with tokens of its own.
        value: Likewise, as many tokens as the key.
        mask: Added to the scores, or None.
        dropout: Share of the scores that are dropped.
        is_causal: Whether tokens see only those before them.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    mask: torch.Tensor | None
    dropout: float
    is_causal: bool


def kernel_for(operands: Operands, capability: Capability | None) -> Kernel:
    """The kernel that torch picks, those that were switched off left out.

    From Hopper on torch picks cuDNN's before FlashAttention's; both allocate the same.

    Args:
        operands: What attention is asked for.
        capability: Compute capability of the CUDA device; None for the CPU.

    Raises:
        RuntimeError: All that could do it are switched off.
    """
    cuda = torch.backends.cuda
    if capability is None:
        if cuda.flash_sdp_enabled() and _fits_cpu_flash(operands):
            return Kernel.CPU_FLASH
    elif _fits_any_fused(operands):
        if cuda.flash_sdp_enabled() and _fits_flash(operands, capability):
            return Kernel.FLASH
        if cuda.mem_efficient_sdp_enabled() and _fits_efficient(operands, capability):
            return Kernel.EFFICIENT
        if cuda.cudnn_sdp_enabled() and _fits_flash(operands, capability):
            return Kernel.CUDNN
    if cuda.math_sdp_enabled():
        return Kernel.MATH
    raise RuntimeError("No available kernel. Aborting execution.")


def attention(
    plain: Callable[..., torch.Tensor],
    capability: Capability | None,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """Scaled-dot-product attention of tensors without values, by the kernel that torch picks.

    Args:
        plain: The function of torch, which decomposes it.
        capability: Compute capability of the CUDA device; None for the CPU.
        query: As in torch's function, and so are all that follow.
        key: As there.
        value: As there.
        attn_mask: As there.
        dropout_p: As there.
        is_causal: As there.
        scale: As there.
        enable_gqa: As there.
    """
    operands = Operands(query, key, value, attn_mask, dropout_p, is_causal)
    kernel = kernel_for(operands, capability)
    if kernel is Kernel.MATH:
        return plain(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    mask = _additive(attn_mask, query.dtype)
    if kernel is Kernel.CPU_FLASH:
        return torch_private.flash_attention_for_cpu(query, key, value, mask, is_causal, scale)
    if kernel is Kernel.FLASH:
        scale = query.size(-1) ** -0.5 if scale is None else scale
        q, k, v = (_padded(tensor, _FLASH_HEAD_MULTIPLE) for tensor in (query, key, value))
        output = torch_private.flash_attention(q, k, v, is_causal, scale)
        return output[..., : query.size(-1)]
    mask = _aligned(mask, operands)
    if kernel is Kernel.CUDNN:
        return torch_private.cudnn_attention(query, key, value, mask, is_causal, scale)
    return torch_private.efficient_attention(query, key, value, mask, is_causal, scale)


def _fits_any_fused(operands: Operands) -> bool:
    """Four dimensions, no dropout, and rows that lie densely."""
    tensors = (operands.query, operands.key, operands.value)
    return (
        all(tensor.dim() == 4 and tensor.stride(-1) == 1 for tensor in tensors)
        and operands.dropout == 0
        and operands.query.size(-1) == operands.key.size(-1)
        and all(operands.query.size(0) == tensor.size(0) for tensor in tensors)
        and operands.query.size(-2) > 0
        and operands.key.size(-2) > 0
        and not (operands.mask is not None and operands.is_causal)
    )


def _fits_cpu_flash(operands: Operands) -> bool:
    return (
        _fits_any_fused(operands)
        and operands.query.size(-1) == operands.value.size(-1)
        and operands.query.is_floating_point()
        and (operands.mask is None or operands.mask.dim() in (2, 4))
    )


def _fits_flash(operands: Operands, capability: Capability) -> bool:
    return (
        capability >= _FLASH_FROM
        and operands.query.dtype in (torch.float16, torch.bfloat16)
        and operands.mask is None
        and operands.query.size(-1) == operands.value.size(-1)
        and operands.query.size(-1) <= _LARGEST_FLASH_HEAD
    )


def _fits_efficient(operands: Operands, capability: Capability) -> bool:
    dtype = operands.query.dtype
    legal = {torch.float16, torch.float32}
    if capability >= _BF16_FROM:
        legal.add(torch.bfloat16)
    alignment = _alignment(dtype, capability)
    return (
        capability >= _EFFICIENT_FROM
        and dtype in legal
        and operands.query.size(1) == operands.key.size(1) == operands.value.size(1)
        and operands.query.size(-1) % alignment == 0
        and operands.value.size(-1) % alignment == 0
    )


def _alignment(dtype: torch.dtype, capability: Capability) -> int:
    """Elements that head sizes must be a multiple of (minimum_gemm_alignment)."""
    bits = _SINGLE_BITS if dtype == torch.float32 else _HALF_BITS
    uses_tensor_cores = capability >= _BF16_FROM or (
        capability >= _TENSOR_CORES_FROM and bits == _HALF_BITS
    )
    least = _SINGLE_ALIGNMENT_OF_AMPERE if capability >= _BF16_FROM else 1
    return max(least, _TENSOR_CORE_BITS // bits) if uses_tensor_cores else least


def _additive(mask: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    """A mask of truth values as what is added to scores."""
    if mask is None or mask.dtype != torch.bool:
        return mask
    zero, infinite = (torch.tensor(value, dtype=dtype) for value in (0.0, float("-inf")))
    return torch.where(mask, zero, infinite)


def _padded(tensor: torch.Tensor, multiple: int) -> torch.Tensor:
    missing = -tensor.size(-1) % multiple
    return torch.nn.functional.pad(tensor, (0, missing)) if missing else tensor


def _aligned(mask: torch.Tensor | None, operands: Operands) -> torch.Tensor | None:
    """A mask of the scores' shape whose rows begin where the kernel can read them."""
    if mask is None:
        return None
    length = mask.size(-1)
    if any(stride % _MASK_MULTIPLE for stride in mask.stride()[:-1]):
        mask = _padded(mask, _MASK_MULTIPLE)[..., :length]
    query, key = operands.query, operands.key
    return mask.expand(query.size(0), query.size(1), query.size(2), key.size(2))
