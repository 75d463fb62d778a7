"""The kernels that torch's own rules give (aten/src/ATen/native/transformers)."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from sdbench.devices.tensor_bytes import TensorBytes
from sdbench.predict import torch_private
from sdbench.predict.sdpa import Kernel, Operands, kernel_for
from sdbench.predict.storage_log import StorageLog, ValuesOfNothing

AMPERE, TURING, PASCAL, HOPPER = (8, 0), (7, 5), (6, 1), (9, 0)
HALF, BRAIN, SINGLE = torch.float16, torch.bfloat16, torch.float32
MODE = torch_private.fake_mode()


def empty(*shape: int, dtype: torch.dtype = HALF) -> torch.Tensor:
    return torch_private.fake_empty(MODE, shape, dtype)


def operands(dtype: torch.dtype, head: int = 64, mask: bool = False) -> Operands:
    tensor = empty(2, 8, 128, head, dtype=dtype)
    return Operands(
        tensor, tensor, tensor, empty(2, 8, 128, 128, dtype=dtype) if mask else None, 0.0, False
    )


@pytest.mark.parametrize(
    ("capability", "given", "expected"),
    [
        (AMPERE, operands(HALF), Kernel.FLASH),
        (AMPERE, operands(BRAIN), Kernel.FLASH),
        (HOPPER, operands(HALF), Kernel.FLASH),
        (AMPERE, operands(HALF, head=256), Kernel.FLASH),
        (AMPERE, operands(HALF, head=512), Kernel.EFFICIENT),  # the VAE's
        (AMPERE, operands(HALF, mask=True), Kernel.EFFICIENT),
        (AMPERE, operands(SINGLE), Kernel.EFFICIENT),
        (AMPERE, operands(HALF, head=40), Kernel.FLASH),
        (TURING, operands(HALF), Kernel.EFFICIENT),
        (TURING, operands(HALF, head=36), Kernel.MATH),  # not a multiple of 8
        (TURING, operands(SINGLE, head=3), Kernel.EFFICIENT),
        (PASCAL, operands(HALF, head=3), Kernel.EFFICIENT),
        (PASCAL, operands(BRAIN), Kernel.MATH),
        ((3, 7), operands(SINGLE), Kernel.MATH),
        (None, operands(SINGLE), Kernel.CPU_FLASH),
        (None, operands(BRAIN, head=3, mask=True), Kernel.CPU_FLASH),
    ],
)
def test_each_device_has_its_kernel(
    capability: tuple[int, int] | None, given: Operands, expected: Kernel
) -> None:
    assert kernel_for(given, capability) is expected


def test_a_kernel_that_is_switched_off_is_not_taken() -> None:
    with sdpa_kernel(SDPBackend.MATH):
        assert kernel_for(operands(HALF), AMPERE) is Kernel.MATH
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        assert kernel_for(operands(HALF), AMPERE) is Kernel.CUDNN
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION), pytest.raises(RuntimeError, match="No available"):
        kernel_for(operands(SINGLE), AMPERE)


@pytest.mark.parametrize("mask", ["none", "bool", "float"])
@pytest.mark.parametrize("dtype", [SINGLE, BRAIN])
def test_the_cpu_allocates_what_is_traced(dtype: torch.dtype, mask: str) -> None:
    shape, scores = (2, 4, 96, 16), (2, 1, 96, 96)
    given = {
        "none": None,
        "bool": torch.ones(scores, dtype=torch.bool),
        "float": torch.zeros(scores, dtype=dtype),
    }[mask]
    real, fake = torch.ones(shape, dtype=dtype), empty(*shape, dtype=dtype)
    with torch.no_grad(), TensorBytes([real]) as counter:
        torch.nn.functional.scaled_dot_product_attention(real, real, real, given)
    log = StorageLog(MODE)
    log.begin([fake])
    with torch.no_grad(), ValuesOfNothing(None), log:
        torch.nn.functional.scaled_dot_product_attention(fake, fake, fake, given)
    assert log.trace().peak_bytes == counter.peak_bytes


@pytest.mark.parametrize("capability", [AMPERE, TURING])
def test_no_matrix_of_tokens_times_tokens_is_made_on_cuda(capability: tuple[int, int]) -> None:
    tokens = empty(1, 8, 4096, 40)
    log = StorageLog(MODE)
    with torch.no_grad(), ValuesOfNothing(capability), log:
        torch.nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
    scores_bytes = 8 * 4096 * 4096 * 2
    assert tokens.nbytes <= log.trace().peak_bytes < scores_bytes / 10


def test_masks_whose_rows_are_not_aligned_are_padded() -> None:
    """77 tokens: rows of 77 elements become rows of 80 before the kernel reads them."""
    query, key = empty(1, 2, 64, 64), empty(1, 2, 77, 64)
    mask = empty(1, 1, 64, 77)
    log = StorageLog(MODE)
    with torch.no_grad(), ValuesOfNothing(AMPERE), log:
        torch.nn.functional.scaled_dot_product_attention(query, key, key, mask)
    sizes = [event.bytes for event in log.trace().events if not event.is_free]
    assert 64 * 80 * 2 in sizes
