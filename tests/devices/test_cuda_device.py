"""What a CUDA device makes of torch's and NVML's figures, with both replaced."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import torch
from nvml_fakes import USED_BYTES, UUID, Library, failing

from sdbench.devices import cuda
from sdbench.devices.cuda import CudaDevice
from sdbench.devices.sampler_process import SamplerProcess
from sdbench.results.figure import Origin
from sdbench.units import GIB, MIB

STUB = f"""
0 uuid 1 0 GPU-{UUID}
0 memory 1 0 {24 * GIB} {400 * MIB} {USED_BYTES}
0 memory 2 0 {24 * GIB} {400 * MIB} {USED_BYTES + 6 * GIB}
"""
ALLOCATED = [1 * GIB, 2 * GIB, 4 * GIB, 3 * GIB]
RESERVED = [5 * GIB] * 4


@pytest.fixture
def library(use_library: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> Library:
    """The driver, and a torch that has one GPU and its allocator's peaks in turn."""
    properties = SimpleNamespace(
        name="NVIDIA L4", uuid=UUID, total_memory=24 * GIB, major=8, minor=9
    )
    allocated, reserved = iter(ALLOCATED), iter(RESERVED)
    replaced = {
        "get_device_properties": lambda index: properties,
        "set_device": lambda index: None,
        "device_count": lambda: 1,
        "synchronize": lambda device: None,
        "empty_cache": lambda: None,
        "reset_peak_memory_stats": lambda device: None,
        "max_memory_allocated": lambda device: next(allocated),
        "max_memory_reserved": lambda device: next(reserved),
    }
    for name, function in replaced.items():
        monkeypatch.setattr(torch.cuda, name, function)
    made = Library()
    use_library(made)
    return made


def test_a_memory_pass_has_the_allocators_peaks_and_the_samplers(
    library: Library, stub: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = CudaDevice(0)
    for name, value in stub(STUB).environment.items():
        monkeypatch.setenv(name, value)
    with device.watch_memory(()) as watch:
        watch.enter_stage("denoiser")
        watch.leave_stage("denoiser")
        watch.enter_stage("vae_decode")
        peaks = watch.peaks()
    assert peaks.allocated_bytes_by_stage == {
        "other": 4 * GIB,  # 1 GiB before the denoiser, 4 GiB after it
        "denoiser": 2 * GIB,
        "vae_decode": 3 * GIB,
    }
    assert peaks.allocated_bytes.value == 4 * GIB
    assert peaks.reserved_bytes.value == 5 * GIB
    assert peaks.device_used_bytes.value == 6 * GIB
    assert "a lower bound" in str(peaks.device_used_bytes.reason)
    memory = peaks.device_memory
    assert memory is not None
    assert memory.peak_used_bytes.value == USED_BYTES + 6 * GIB
    assert (memory.context_bytes.value, memory.context_bytes.origin) == (GIB, Origin.DERIVED)
    assert (memory.other_processes_bytes.value, memory.other_processes_bytes.origin) == (
        USED_BYTES,
        Origin.INFERRED,
    )
    assert memory.driver_reserved_bytes.value == 400 * MIB


def test_a_sampler_that_cannot_read_costs_its_figures_alone(
    library: Library, stub: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = CudaDevice(0)
    lost = f"0 uuid 1 15 GPU-{UUID}\n"
    for name, value in stub(lost).environment.items():
        monkeypatch.setenv(name, value)
    with device.watch_memory(()) as watch:
        peaks = watch.peaks()
    assert peaks.allocated_bytes.value == GIB
    assert (peaks.device_used_bytes.value, peaks.device_used_bytes.reason) == (
        None,
        "NVML: GPU is lost",
    )
    assert peaks.device_memory is not None
    assert peaks.device_memory.readings == 0


def test_a_sampler_that_did_not_begin_is_not_started_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hung at its start cost each configuration the whole time of waiting for it."""
    started: list[str] = []

    class Hung(SamplerProcess):
        def __init__(self, uuid: str) -> None:
            started.append(uuid)
            code = "import signal; signal.pause()"
            super().__init__(uuid, (sys.executable, "-S", "-c", code), start_timeout_s=0.05)

    monkeypatch.setattr(cuda, "SamplerProcess", Hung)
    device = CudaDevice(0)
    reasons = []
    for _ in range(3):
        with device.watch_memory(()) as watch:
            reasons.append(watch.peaks().device_used_bytes.reason)
    failure = "the memory sampler did not answer within 0.05 s"
    again = f"{failure}, and was not started again"
    assert reasons == [failure, again, again]
    assert started == [UUID]


def test_the_device_tells_who_else_is_on_it(library: Library) -> None:
    device = CudaDevice(0)
    library.processes = [(os.getpid(), GIB, ""), (4321, 2 * GIB, "/usr/bin/train")]
    assert device.company() == {4321: "process 4321 (train) held 2.00 GiB of the device"}
    library.processes = [(4321, 2 * GIB, "/usr/bin/train")]
    assert device.company() == {}  # in a container the listed one may be this very process


def test_what_makes_two_gpus_comparable_is_in_the_fingerprint(library: Library) -> None:
    found = CudaDevice(0).fingerprint()
    assert found["device"] == "NVIDIA L4"
    assert found["compute_capability"] == "8.9"
    assert (found["driver"], found["power_limit_watts"], found["mig"]) == ("580.65.06", 72.0, False)


def test_mig_without_permission_is_told_in_the_fingerprint(
    library: Library, use_library: Callable[[Any], None]
) -> None:
    vars(library)["nvmlDeviceGetHandleByUUID"] = failing(pynvml.NVML_ERROR_NO_PERMISSION)
    use_library(library)
    assert "MIG" in str(CudaDevice(0).fingerprint()["nvml"])
