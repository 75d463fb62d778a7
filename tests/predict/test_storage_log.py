"""Storages are seen as the memory pass sees them; every figure counts float32."""

from __future__ import annotations

import numpy as np
import torch

from sdbench.devices.tensor_bytes import TensorBytes
from sdbench.predict import torch_private
from sdbench.predict.storage_log import StorageLog, ValuesOfNothing
from sdbench.predict.trace import Event

MODE = torch_private.fake_mode()


def empty(*shape: int) -> torch.Tensor:
    return torch_private.fake_empty(MODE, shape, torch.float32)


def test_results_begin_once_and_end_when_nothing_refers_to_them() -> None:
    weight = empty(10, 10)
    log = StorageLog(MODE)
    log.begin([weight, weight.t()])
    log.loaded()
    with log:
        log.enter_stage("denoiser")
        product = weight @ weight
        view = product[2:]
        del product
        log.leave_stage("denoiser")
        del view
    assert log.trace().events == (
        Event(0, 400, False, "load"),
        Event(1, 400, False, "denoiser"),
        Event(1, 400, True, "other"),
    )


def test_the_same_work_without_values_has_the_same_peak() -> None:
    def work(weight: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
        hidden = torch.nn.functional.gelu(noise @ weight)
        hidden = torch.cat([hidden, hidden * 2]).softmax(-1)
        return torch.nn.functional.layer_norm(hidden, (32,)) + hidden

    weight = torch.ones(16, 32)
    with TensorBytes([weight]) as counter:
        work(weight)
    fake = empty(16, 32)
    log = StorageLog(MODE)
    log.begin([fake])
    with log:
        work(fake)
    assert log.trace().peak_bytes == counter.peak_bytes


def test_what_depends_on_no_weight_has_its_values() -> None:
    with StorageLog(MODE):
        timesteps = torch.linspace(0, 999, 4).round()
        assert timesteps.tolist() == [0, 333, 666, 999]
        assert bool((timesteps > 500).any())


def test_large_tensors_that_come_without_values_take_no_memory() -> None:
    """Regression: plain attention makes an empty matrix of scores before it meets a weight."""
    with StorageLog(MODE) as log:
        scores = torch.empty(2**20, 2**20)
    assert torch_private.is_fake(scores)
    assert log.trace().peak_bytes == 2**42


def test_values_that_are_read_are_zero() -> None:
    with ValuesOfNothing(None), StorageLog(MODE):
        weight = empty(2, 3)
        assert weight[0, 0].item() == 0.0
        assert not bool((weight > 1).any())
        assert weight.tolist() == [[0.0] * 3] * 2
        array = (weight + 1).cpu().numpy()
    assert array.dtype == np.float32
    assert array.shape == (2, 3)
    assert not array.any()


def test_an_array_keeps_its_tensor_alive() -> None:
    weight = empty(2, 3)
    log = StorageLog(MODE)
    with ValuesOfNothing(None), log:
        array = (weight * 2).numpy()
        flipped = array[::-1]
        del array
        assert [event.is_free for event in log.trace().events] == [False]
        del flipped
        assert [event.is_free for event in log.trace().events] == [False, True]


def test_real_tensors_that_are_written_into_stay_what_they_are() -> None:
    log = StorageLog(MODE)
    with log:
        kept = torch.zeros(3)
        result = kept.add_(empty(3))
    assert result is kept
    assert [event.bytes for event in log.trace().events if not event.is_free] == [12, 12]


def test_convolutions_and_the_first_product_are_noted() -> None:
    source, weight = empty(1, 4, 8, 8), empty(6, 4, 3, 3)
    log = StorageLog(MODE)
    log.begin([source, weight])
    log.loaded()
    with log:
        log.enter_stage("vae_decode")
        output = torch.nn.functional.conv2d(source, weight, padding=1, stride=2)
        output.flatten(2)[0] @ empty(16, 2)
    trace = log.trace()
    (convolution,) = trace.convolutions
    assert convolution.stage == "vae_decode"
    assert convolution.at == 3  # input, weights and its own output
    assert trace.events[convolution.at - 1].bytes == convolution.output_bytes == 6 * 4 * 4 * 4
    assert (convolution.input_bytes, convolution.weight_bytes) == (4 * 8 * 8 * 4, 6 * 4 * 9 * 4)
    assert convolution.input_shape == (1, 4, 8, 8)
    assert convolution.output_shape == (1, 6, 4, 4)
    assert (convolution.kernel, convolution.stride) == ((3, 3), (2, 2))
    assert (convolution.groups, convolution.dtype) == (1, "float32")
    assert not convolution.is_transposed
    assert not convolution.is_channels_last
    assert trace.matmul_at == 5  # and the second factor, and the product
