"""The real pynvml, on a Python object in place of the driver's library (tier 2)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pynvml
import pytest

from sdbench.devices.nvml import NvmlMonitor
from sdbench.results.figure import Origin

UUID = "2b1d4f6c-0000-1111-2222-333344445555"
USED_BYTES = 3 << 30
RESERVED_BYTES = 400 << 20


class Library:
    """Has the C functions' names; each fills what its arguments point to and returns a status.

    Attributes:
        asked_for: UUIDs that a handle was asked for.
    """

    def __init__(self) -> None:
        self.asked_for: list[str] = []

    def nvmlInitWithFlags(self, flags: int) -> int:
        return int(pynvml.NVML_SUCCESS)

    def nvmlDeviceGetHandleByUUID(self, uuid: ctypes.c_char_p, handle: Any) -> int:
        assert uuid.value is not None
        self.asked_for.append(uuid.value.decode())
        return int(pynvml.NVML_SUCCESS)

    def nvmlDeviceGetMemoryInfo_v2(self, handle: Any, info: Any) -> int:
        if info._obj.version != pynvml.nvmlMemory_v2:
            return int(pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH)
        info._obj.used, info._obj.reserved = USED_BYTES, RESERVED_BYTES
        return int(pynvml.NVML_SUCCESS)

    def nvmlDeviceGetMemoryInfo(self, handle: Any, info: Any) -> int:
        info._obj.used = USED_BYTES + RESERVED_BYTES
        return int(pynvml.NVML_SUCCESS)

    def nvmlDeviceGetClockInfo(self, handle: Any, kind: ctypes.c_uint, clock: Any) -> int:
        return fill(clock, {pynvml.NVML_CLOCK_SM: 1980}[kind.value])

    def nvmlDeviceGetTemperature(self, handle: Any, sensor: ctypes.c_uint, celsius: Any) -> int:
        return fill(celsius, 54)

    def nvmlDeviceGetPowerUsage(self, handle: Any, milliwatts: Any) -> int:
        return fill(milliwatts, 71_500)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, millijoules: Any) -> int:
        return fill(millijoules, 5_000_000_000)  # more than 32 bits hold

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: Any, reasons: Any) -> int:
        return fill(reasons, 0x4)

    def nvmlDeviceGetPowerManagementLimit(self, handle: Any, milliwatts: Any) -> int:
        return fill(milliwatts, 72_000)

    def nvmlDeviceGetEccMode(self, handle: Any, current: Any, pending: Any) -> int:
        return fill(current, 1)

    def nvmlDeviceGetMigMode(self, handle: Any, current: Any, pending: Any) -> int:
        return fill(current, 0)

    def nvmlSystemGetDriverVersion(self, text: Any, length: ctypes.c_uint) -> int:
        text.value = b"580.65.06"
        return int(pynvml.NVML_SUCCESS)


class OldDriver(Library):
    """One that has throttle reasons, and neither event reasons nor memory info version 2."""

    @property
    def nvmlDeviceGetCurrentClocksEventReasons(self) -> Any:
        raise AttributeError("no such symbol")

    @property
    def nvmlDeviceGetMemoryInfo_v2(self) -> Any:
        raise AttributeError("no such symbol")

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: Any, reasons: Any) -> int:
        return fill(reasons, 0x40)


def fill(pointer: Any, value: int) -> int:
    pointer._obj.value = value
    return int(pynvml.NVML_SUCCESS)


def failing(status: int) -> Callable[..., int]:
    return lambda *arguments: status


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], NvmlMonitor]:
    """Makes a library the driver's, and gives a monitor on it."""

    def use_library(library: Any) -> NvmlMonitor:
        monkeypatch.setattr(pynvml, "nvmlLib", library)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        return NvmlMonitor(UUID)

    return use_library


Use = Callable[[Any], NvmlMonitor]


def test_all_readings_come_in_their_units(use: Use) -> None:
    assert use(Library()).state() == {
        "sm_clock_mhz": 1980,
        "temperature_celsius": 54,
        "power_watts": 71.5,
        "energy_joules": 5_000_000.0,
        "clock_event_reasons": 0x4,
    }


def test_the_fingerprint_tells_driver_limit_and_modes(use: Use) -> None:
    assert use(Library()).fingerprint() == {
        "driver": "580.65.06",
        "power_limit_watts": 72.0,
        "ecc": True,
        "mig": False,
    }


def test_used_memory_is_without_the_drivers_reserve(use: Use) -> None:
    figure = use(Library()).used_memory()
    assert (figure.value, figure.origin, figure.reason) == (USED_BYTES, Origin.MEASURED, None)


def test_an_older_driver_counts_its_reserve_and_the_figure_says_so(use: Use) -> None:
    figure = use(OldDriver()).used_memory()
    assert figure.value == USED_BYTES + RESERVED_BYTES
    assert figure.reason == "includes the driver's reserve (NVML version 1)"


def test_event_reasons_were_called_throttle_reasons_before(use: Use) -> None:
    assert use(OldDriver()).state()["clock_event_reasons"] == 0x40


def test_a_gpu_is_found_by_its_uuid(use: Use) -> None:
    library = Library()
    assert use(library).reason is None
    assert library.asked_for == [f"GPU-{UUID}"]


@pytest.mark.parametrize(
    "status", [pynvml.NVML_ERROR_NOT_FOUND, pynvml.NVML_ERROR_INVALID_ARGUMENT]
)
def test_a_mig_instance_is_found_by_its_uuid(use: Use, status: int) -> None:
    class Mig(Library):
        def nvmlDeviceGetHandleByUUID(self, uuid: ctypes.c_char_p, handle: Any) -> int:
            found = super().nvmlDeviceGetHandleByUUID(uuid, handle)
            return found if self.asked_for[-1].startswith("MIG-") else status

    library = Mig()
    assert use(library).reason is None
    assert library.asked_for == [f"GPU-{UUID}", f"MIG-{UUID}"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (pynvml.NVML_ERROR_NOT_SUPPORTED, "NVML: Not Supported"),
        (pynvml.NVML_ERROR_GPU_IS_LOST, "NVML: GPU is lost"),
        (
            pynvml.NVML_ERROR_NO_PERMISSION,
            "NVML: Insufficient Permissions (a GPU in MIG mode tells this only to administrators)",
        ),
    ],
)
def test_what_a_gpu_does_not_tell_has_a_reason_and_is_never_zero(
    use: Use, status: int, words: str
) -> None:
    library = Library()
    for name in dir(Library):
        if name.startswith("nvmlDevice") and name != "nvmlDeviceGetHandleByUUID":
            setattr(library, name, failing(status))
    monitor = use(library)
    assert monitor.state() == {}
    assert monitor.used_memory().value is None
    assert monitor.used_memory().reason == words
    assert monitor.fingerprint() == {
        "driver": "580.65.06",
        "power_limit_watts": words,
        "ecc": words,
        "mig": words,
    }


def test_one_reading_that_is_not_supported_leaves_the_others(use: Use) -> None:
    library = Library()
    vars(library)["nvmlDeviceGetTotalEnergyConsumption"] = failing(pynvml.NVML_ERROR_NOT_SUPPORTED)
    state = use(library).state()
    assert "energy_joules" not in state
    assert state["power_watts"] == 71.5


def test_an_unknown_gpu_has_a_reason_for_everything(use: Use) -> None:
    library = Library()
    vars(library)["nvmlDeviceGetHandleByUUID"] = failing(pynvml.NVML_ERROR_NOT_FOUND)
    monitor = use(library)
    assert monitor.state() == {"reason": "NVML: Not Found"}
    assert monitor.fingerprint() == {"nvml": "NVML: Not Found"}
    assert monitor.used_memory().reason == "NVML: Not Found"


def test_a_machine_without_the_library_has_a_reason_for_everything(
    use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_no_library(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(pynvml, "CDLL", find_no_library)
    monitor = use(None)
    assert monitor.used_memory().reason == "NVML: NVML Shared Library Not Found"
    assert monitor.state() == {"reason": "NVML: NVML Shared Library Not Found"}
