"""Each private interface of torch by itself: a new torch tells here what it changed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sdbench.predict import torch_private

MODE = torch_private.fake_mode()


def empty(*shape: int, dtype: torch.dtype = torch.float16) -> torch.Tensor:
    return torch_private.fake_empty(MODE, shape, dtype)


def test_a_tensor_without_values_has_all_else_and_takes_no_memory() -> None:
    tensor = empty(2**20, 2**20)  # 2 TiB
    assert torch_private.is_fake(tensor)
    assert not torch_private.is_fake(torch.empty(1))
    assert tensor.untyped_storage().nbytes() == 2**41
    assert (tensor.dtype, tensor.device.type) == (torch.float16, "cpu")


def test_its_elements_lie_as_the_strides_say() -> None:
    tensor = torch_private.fake_strided(MODE, (2, 3), (1, 2), torch.float32)
    assert (tuple(tensor.shape), tensor.stride()) == ((2, 3), (1, 2))
    assert tensor.untyped_storage().nbytes() == 24


def test_real_tensors_take_part() -> None:
    result = empty(4, 3) + torch.ones(3, dtype=torch.float16)
    assert torch_private.is_fake(result)
    assert tuple(result.shape) == (4, 3)


class Seen(torch_private.TorchDispatchMode):
    """Notes operations, and whether a tensor without values is among their operands."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, bool]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations.append((func, torch_private.has_fake(types)))
        return func(*args, **(kwargs or {}))


def test_operations_tell_what_they_are() -> None:
    fake, real = empty(3), torch.ones(3, dtype=torch.float16)
    with Seen() as seen:
        real.add_(fake)
        real + real
        real[0].item()
    operations = [(func._schema.name, has_fake) for func, has_fake in seen.operations]
    assert operations[:2] == [("aten::add_", True), ("aten::add", False)]
    added, plain, *_, read = (func for func, _ in seen.operations)
    assert torch_private.mutates_first(added)
    assert not torch_private.mutates_first(plain)
    assert torch_private.is_scalar_read(read)
    assert not torch_private.is_scalar_read(plain)


def test_no_mode_sees_what_is_done_aside() -> None:
    with Seen() as seen, torch_private.no_modes():
        torch.ones(3)
    assert seen.operations == []


def test_shapes_that_depend_on_values_are_refused_by_a_known_error() -> None:
    with pytest.raises(torch_private.UNKNOWABLE):
        empty(3).nonzero()


def test_modules_are_converted_and_shared_parameters_stay_shared() -> None:
    first, second = (torch.nn.Linear(4, 4, bias=False) for _ in range(2))
    first.weight = second.weight = torch.nn.Parameter(empty(4, 4), requires_grad=False)
    with torch_private.conversions_replace_parameters():
        torch.nn.Sequential(first, second).to(torch.float32)
    assert first.weight.dtype == torch.float32
    assert first.weight is second.weight
    assert torch_private.is_fake(first.weight)
    assert isinstance(first.weight, torch.nn.Parameter)


def test_conversions_that_change_nothing_keep_the_parameter() -> None:
    layer = torch.nn.Linear(4, 4)
    weight = layer.weight
    with torch_private.conversions_replace_parameters():
        layer.to("cpu")
    assert layer.weight is weight
    layer.to(torch.float16)  # torch's own again: it fills the parameter that is there
    assert layer.weight is weight


@pytest.mark.parametrize("mask", [None, (2, 8, 64, 32)])
@pytest.mark.parametrize(
    "kernel",
    [
        torch_private.flash_attention_for_cpu,
        torch_private.efficient_attention,
        torch_private.cudnn_attention,
    ],
)
def test_fused_attention_has_a_shape(kernel: Any, mask: tuple[int, ...] | None) -> None:
    query, key, value = empty(2, 8, 64, 40), empty(2, 8, 32, 40), empty(2, 8, 32, 40)
    bias = None if mask is None else empty(*mask)
    assert tuple(kernel(query, key, value, bias, False, None).shape) == (2, 8, 64, 40)


def test_flash_attention_has_a_shape() -> None:
    query, key = empty(2, 8, 64, 40), empty(2, 8, 32, 40)
    assert tuple(torch_private.flash_attention(query, key, key, False, 1.0).shape) == (2, 8, 64, 40)
