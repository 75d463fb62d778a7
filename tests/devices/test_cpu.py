from __future__ import annotations

import contextlib
import platform
from typing import Any

import pytest
import torch

from sdbench.devices import processor_wait
from sdbench.devices.cpu import CpuDevice
from sdbench.devices.host import cpu_model


def test_its_clock_is_monotonic_and_its_marks_are_that_clock() -> None:
    device = CpuDevice()
    marks = [device.now_ns(), device.mark(), device.now_ns()]
    assert marks == sorted(marks)
    assert device.seconds_between(1_000_000_000, 3_500_000_000) == 2.5
    assert not device.has_own_clock


@pytest.mark.skipif(processor_wait.waited_ns() is None, reason="this kernel does not tell")
def test_what_it_waited_for_a_processor_is_told_with_one_thread_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert CpuDevice().waited_ns() is not None
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert CpuDevice().waited_ns() is None


def test_memory_is_counted_tensor_by_tensor() -> None:
    device = CpuDevice()
    weight = torch.empty(1000)
    with device.watch_memory([weight]) as watch:
        watch.enter_stage("denoiser")
        result = weight + 1
        watch.leave_stage("denoiser")
        peaks = watch.peaks()
    assert peaks.allocated_bytes.value == weight.nbytes + result.nbytes == 8000
    assert peaks.allocated_bytes_by_stage == {"other": 4000, "denoiser": 8000}


def test_what_a_cpu_does_not_have_is_absent_with_a_reason() -> None:
    with CpuDevice().watch_memory([]) as watch:
        peaks = watch.peaks()
    for figure in (peaks.reserved_bytes, peaks.device_used_bytes):
        assert figure.value is None
        assert figure.reason
    assert CpuDevice().state() == {}


def test_torchs_allocator_running_out_is_out_of_memory() -> None:
    """On POSIX it says "can't allocate memory", in a plain RuntimeError."""
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 50)
    assert CpuDevice().is_out_of_memory(raised.value)


def library_that_fails(device: CpuDevice, allocated: int) -> None:
    """Allocates, and makes an error of its own of whatever happens."""
    with device.watch_memory([]):
        with contextlib.suppress(torch.OutOfMemoryError):
            torch.empty(allocated)
        raise ValueError("could not determine the shape")


def test_an_error_that_a_library_makes_of_a_refusal_is_out_of_memory_again() -> None:
    device = CpuDevice()
    device.limit_memory(4000)
    with pytest.raises(torch.OutOfMemoryError, match="Tried to allocate"):
        library_that_fails(device, 2000)
    with pytest.raises(ValueError, match="could not determine"):
        library_that_fails(device, 1000)


def test_a_limit_of_tensor_bytes_holds_while_memory_is_watched() -> None:
    device = CpuDevice()
    weight = torch.empty(1000)
    assert "exact tensor bytes" in str(device.limit_memory(8000))
    with device.watch_memory([weight]) as watch:
        result = weight + 1
        with pytest.raises(torch.OutOfMemoryError) as raised:
            result + 1
        assert watch.peaks().allocated_bytes.value == 8000
    assert device.is_out_of_memory(raised.value)
    assert (result + 1).nbytes == 4000  # nothing is watched any more


def test_what_is_allocated_follows_what_lives() -> None:
    before = CpuDevice().allocated_bytes()
    weight = torch.empty(1_000_000)
    assert CpuDevice().allocated_bytes() - before == weight.nbytes


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("DefaultCPUAllocator: can't allocate memory"), False),
    ],
)
def test_other_errors_are_told_apart(error: Exception, expected: bool) -> None:
    assert CpuDevice().is_out_of_memory(error) is expected


def test_the_fingerprint_names_processor_and_threads() -> None:
    fingerprint = CpuDevice().fingerprint()
    assert fingerprint["torch_threads"] == torch.get_num_threads()
    assert fingerprint["machine"] == platform.machine()
    assert None not in fingerprint.values()


def test_the_label_is_the_processors_model() -> None:
    assert CpuDevice().label == f"CPU: {cpu_model()}"


class Doubling(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


def test_a_compiled_module_runs_compiled_again_after_its_memory_was_watched() -> None:
    """Torch gave up on a module that ran while tensors were counted: all timed calls after the
    memory pass were uncompiled, without an error.
    """
    compiled_calls = []

    def backend(graph: Any, examples: Any) -> Any:
        def run(*inputs: Any) -> Any:
            compiled_calls.append(None)
            return graph(*inputs)

        return run

    torch.compiler.reset()
    module = Doubling()
    module.compile(backend=backend, dynamic=False)
    module(torch.ones(1))
    assert len(compiled_calls) == 1
    with CpuDevice().watch_memory([]) as watch:
        module(torch.ones(1000))
        assert watch.peaks().allocated_bytes.value == 8000  # the argument and the result
    assert len(compiled_calls) == 1
    module(torch.ones(1))
    module(torch.ones(2))
    assert len(compiled_calls) == 3
