"""The real pynvml, on a Python object in place of the driver's library (tier 2)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pynvml
import pytest
from nvml_fakes import OK, Library, fill

from sdbench.devices.driver_gpus import describe_gpu, read_driver, used_device_bytes

UUIDS = ("GPU-aaaaaaaa-0000-1111-2222-333344445555", "GPU-bbbbbbbb-0000-1111-2222-333344445555")
NOT_SUPPORTED = int(pynvml.NVML_ERROR_NOT_SUPPORTED)


class TwoGpus(Library):
    """Two GPUs; a handle's value is a GPU's number from 1, and it uses so many GiB."""

    def nvmlSystemGetCudaDriverVersion_v2(self, version: Any) -> int:
        return fill(version, 12040)

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        return fill(count, len(UUIDS))

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, handle: Any) -> int:
        ctypes.memmove(handle, ctypes.byref(ctypes.c_void_p(index.value + 1)), 8)
        return OK

    def nvmlDeviceGetHandleByUUID(self, uuid: Any, handle: Any) -> int:
        text = uuid.value.decode()
        if text not in UUIDS:
            return int(pynvml.NVML_ERROR_NOT_FOUND)
        ctypes.memmove(handle, ctypes.byref(ctypes.c_void_p(UUIDS.index(text) + 1)), 8)
        return OK

    def nvmlDeviceGetUUID(self, handle: Any, text: Any, length: Any) -> int:
        text.value = UUIDS[number(handle) - 1].encode()
        return OK

    def nvmlDeviceGetName(self, handle: Any, text: Any, length: Any) -> int:
        text.value = f"GPU {number(handle)}".encode()
        return OK

    def nvmlDeviceGetPciInfo_v3(self, handle: Any, info: Any) -> int:
        info._obj.busId = b"00000000:31:00.0"
        return OK

    def nvmlDeviceGetCudaComputeCapability(self, handle: Any, major: Any, minor: Any) -> int:
        fill(major, 8)
        return fill(minor, 9)

    def nvmlDeviceGetPersistenceMode(self, handle: Any, mode: Any) -> int:
        return fill(mode, 0)

    def nvmlDeviceGetMemoryInfo_v2(self, handle: Any, info: Any) -> int:
        status = super().nvmlDeviceGetMemoryInfo_v2(handle, info)
        info._obj.used = number(handle) << 30
        return status

    def nvmlDeviceGetMaxClockInfo(self, handle: Any, kind: Any, clock: Any) -> int:
        return fill(clock, {pynvml.NVML_CLOCK_SM: 2040, pynvml.NVML_CLOCK_MEM: 7001}[kind.value])

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: Any, reasons: Any) -> int:
        return fill(reasons, 0x4 | 0x40)


def number(handle: Any) -> int:
    return int(ctypes.cast(handle, ctypes.c_void_p).value or 0)


Use = Callable[[Any], None]


def test_every_gpu_of_the_driver_is_described(use_library: Use) -> None:
    use_library(TwoGpus())
    driver = read_driver()
    assert driver.cuda == (12, 4)
    assert driver.problem is None
    assert [(gpu.label, gpu.uuid.value) for gpu in driver.gpus] == [
        ("GPU 1", UUIDS[0]),
        ("GPU 2", UUIDS[1]),
    ]
    assert [gpu.memory.used_bytes.value for gpu in driver.gpus] == [1 << 30, 2 << 30]


def test_a_gpu_is_described_with_all_that_the_driver_tells(use_library: Use) -> None:
    use_library(TwoGpus())
    gpu = describe_gpu("NVIDIA L4", UUIDS[0])
    assert gpu.word is None
    assert gpu.pci_bus.value == "00000000:31:00.0"
    assert gpu.driver.value == "580.65.06"
    assert gpu.compute_capability.value == "8.9"
    assert "bf16" in gpu.abilities
    assert gpu.is_ecc_on.value is True
    assert gpu.is_mig_on.value is False
    assert gpu.is_persistence_on.value is False
    state = gpu.state
    assert (state.memory_clock_mhz.value, state.max_memory_clock_mhz.value) == (6251, 7001)
    assert (state.power_watts.value, state.power_limit_watts.value) == (71.5, 72.0)
    assert state.clock_events == ("software power cap", "hardware thermal")
    assert state.throttled_by == ("hardware thermal",)


def test_an_empty_list_of_processes_is_no_proof_that_there_are_none(use_library: Use) -> None:
    use_library(TwoGpus())
    users = describe_gpu("NVIDIA L4", UUIDS[0]).users
    assert users.processes == ()
    assert str(users.reason).startswith("in a container the driver counts the host's processes")


def test_what_a_gpu_does_not_tell_has_a_reason(use_library: Use) -> None:
    library = TwoGpus()
    for name in dir(TwoGpus):
        if name.startswith("nvmlDeviceGet") and name != "nvmlDeviceGetHandleByUUID":
            setattr(library, name, lambda *arguments: NOT_SUPPORTED)
    use_library(library)
    gpu = describe_gpu("NVIDIA L4", UUIDS[0])
    assert gpu.uuid.value == UUIDS[0]
    assert gpu.users.processes is None
    assert gpu.state.clock_events is None
    assert gpu.abilities == ()
    reasons = {
        gpu.pci_bus.reason,
        gpu.compute_capability.reason,
        gpu.is_ecc_on.reason,
        gpu.is_persistence_on.reason,
        gpu.users.reason,
        gpu.memory.used_bytes.reason,
        gpu.state.max_memory_clock_mhz.reason,
        gpu.state.power_limit_watts.reason,
        gpu.state.clock_events_reason,
    }
    assert reasons == {"NVML: Not Supported"}


def test_a_gpu_that_the_driver_does_not_know_has_a_reason_for_everything(use_library: Use) -> None:
    use_library(TwoGpus())
    gpu = describe_gpu("AMD Instinct", "cccccccc-0000-1111-2222-333344445555")
    assert gpu.label == "AMD Instinct"
    assert gpu.memory.total_bytes.value is None
    assert gpu.state.power_limit_watts.reason == "NVML: Not Found"
    assert gpu.pci_bus.reason == "NVML: Not Found"


def test_a_uuid_as_torch_tells_it_finds_the_gpu(use_library: Use) -> None:
    use_library(TwoGpus())
    gpu = describe_gpu("NVIDIA L4", UUIDS[1].removeprefix("GPU-"))
    assert gpu.memory.used_bytes.value == 2 << 30
    assert gpu.pci_bus.value == "00000000:31:00.0"


def test_a_lost_gpu_is_listed_with_the_reason(use_library: Use) -> None:
    library = TwoGpus()

    def lose(index: Any, handle: Any) -> int:
        if index.value == 1:
            return int(pynvml.NVML_ERROR_GPU_IS_LOST)
        return TwoGpus().nvmlDeviceGetHandleByIndex_v2(index, handle)

    vars(library)["nvmlDeviceGetHandleByIndex_v2"] = lose
    use_library(library)
    healthy, lost = read_driver().gpus
    assert healthy.memory.used_bytes.value == 1 << 30
    assert lost.label == "GPU 1 of the driver"
    assert lost.uuid.reason == "NVML: GPU is lost"
    assert used_device_bytes() == "GPU 1 of the driver: NVML: GPU is lost"


def test_memory_in_use_is_that_of_all_gpus(use_library: Use) -> None:
    use_library(TwoGpus())
    assert used_device_bytes() == 3 << 30


def test_one_gpu_that_tells_no_memory_is_why_the_sum_is_not_told(use_library: Use) -> None:
    library = TwoGpus()
    vars(library)["nvmlDeviceGetMemoryInfo_v2"] = lambda *arguments: int(
        pynvml.NVML_ERROR_GPU_IS_LOST
    )
    use_library(library)
    assert used_device_bytes() == "GPU 1: NVML: GPU is lost"


def test_a_machine_without_a_driver_has_no_gpus_and_a_reason(
    use_library: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_no_library(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(pynvml, "CDLL", find_no_library)
    use_library(None)
    driver = read_driver()
    assert driver.gpus == ()
    assert driver.problem == "NVML: NVML Shared Library Not Found"
    assert used_device_bytes() == driver.problem
