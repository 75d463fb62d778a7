"""The real pynvml, on a Python object in place of the driver's library (tier 2)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pynvml
import pytest
from nvml_fakes import OTHER_UUID, USED_BYTES, UUID, Library, OldDriver, failing

from sdbench.devices.nvml import NvmlMonitor, VisibleGpu, visible_gpus
from sdbench.results.figure import Origin

Use = Callable[[Any], NvmlMonitor]


@pytest.fixture
def use(use_library: Callable[[Any], None]) -> Use:
    """Makes a library the driver's, and gives a monitor on it."""

    def monitor(library: Any) -> NvmlMonitor:
        use_library(library)
        return NvmlMonitor(UUID)

    return monitor


def test_all_readings_come_in_their_units(use: Use) -> None:
    assert use(Library()).state() == {
        "sm_clock_mhz": 1980,
        "max_sm_clock_mhz": 2040,
        "memory_clock_mhz": 6251,
        "temperature_celsius": 54,
        "power_watts": 71.5,
        "energy_joules": 5_000_000.0,
        "utilisation_ratio": 0.87,
        "clock_event_reasons": 0x4,
        "clock_events": ["software power cap"],
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


def test_event_reasons_were_called_throttle_reasons_before(use: Use) -> None:
    state = use(OldDriver()).state()
    assert state["clock_event_reasons"] == 0x40
    assert state["clock_events"] == ["hardware thermal"]
    assert "not_told" not in state


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
    not_told = monitor.state()["not_told"]
    assert isinstance(not_told, dict)
    assert monitor.state() == {"not_told": dict.fromkeys(not_told, words)}
    assert {"sm_clock_mhz", "power_watts", "energy_joules", "utilisation_ratio"} < set(not_told)
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
    assert state["not_told"] == {"energy_joules": "NVML: Not Supported"}
    assert state["power_watts"] == 71.5


def test_a_card_without_power_or_temperature_still_tells_the_rest(use: Use) -> None:
    library = Library()
    for name in ("PowerUsage", "Temperature", "TotalEnergyConsumption", "PowerManagementLimit"):
        vars(library)[f"nvmlDeviceGet{name}"] = failing(pynvml.NVML_ERROR_NOT_SUPPORTED)
    monitor = use(library)
    state = monitor.state()
    told = state["not_told"]
    assert isinstance(told, dict)
    assert set(told) == {"power_watts", "temperature_celsius", "energy_joules"}
    assert state["sm_clock_mhz"] == 1980
    assert monitor.fingerprint()["power_limit_watts"] == "NVML: Not Supported"


def test_a_gpu_that_is_lost_in_the_middle_has_a_reason_from_then_on(use: Use) -> None:
    library = Library()
    monitor = use(library)
    assert monitor.state()["power_watts"] == 71.5
    for name in dir(Library):
        if name.startswith("nvmlDeviceGet"):
            setattr(library, name, failing(pynvml.NVML_ERROR_GPU_IS_LOST))
    use(library)  # forgets pynvml's pointers to the functions
    assert set(monitor.readings()) >= {"power_watts", "temperature_celsius"}
    for reading in monitor.readings().values():
        assert (reading.value, reading.reason) == (None, "NVML: GPU is lost")
    assert monitor.processes() == "NVML: GPU is lost"


def test_a_mig_instance_without_permission_is_told_in_the_fingerprint(use: Use) -> None:
    library = Library()
    vars(library)["nvmlDeviceGetHandleByUUID"] = failing(pynvml.NVML_ERROR_NO_PERMISSION)
    monitor = use(library)
    assert "MIG" in str(monitor.fingerprint()["nvml"])
    assert monitor.used_memory().value is None
    assert "MIG" in str(monitor.processes())


def test_two_gpus_are_told_apart_in_an_order_other_than_cudas(use: Use) -> None:
    """CUDA's first GPU is NVML's second: by index, the other one's readings were taken for it."""

    class Two(Library):
        order = (f"GPU-{OTHER_UUID}", f"GPU-{UUID}")

        def nvmlDeviceGetCount_v2(self, count: Any) -> int:
            count._obj.value = 2
            return 0

        def nvmlDeviceGetHandleByIndex_v2(self, index: ctypes.c_uint, handle: Any) -> int:
            handle._obj.contents = pynvml.struct_c_nvmlDevice_t.from_address(1000 + index.value)
            return 0

        def nvmlDeviceGetHandleByUUID(self, uuid: ctypes.c_char_p, handle: Any) -> int:
            place = self.order.index((uuid.value or b"").decode())
            return self.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(place), handle)

        def nvmlDeviceGetUUID(self, handle: Any, text: Any, length: Any) -> int:
            text.value = self.order[ctypes.addressof(handle.contents) - 1000].encode()
            return 0

        def nvmlDeviceGetName(self, handle: Any, text: Any, length: Any) -> int:
            text.value = f"card {ctypes.addressof(handle.contents) - 1000}".encode()
            return 0

        def nvmlDeviceGetPowerUsage(self, handle: Any, milliwatts: Any) -> int:
            milliwatts._obj.value = ctypes.addressof(handle.contents) * 1000
            return 0

    assert use(Two()).state()["power_watts"] == 1001.0
    assert visible_gpus() == (
        VisibleGpu(0, f"GPU-{OTHER_UUID}", "card 0"),
        VisibleGpu(1, f"GPU-{UUID}", "card 1"),
    )


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
    assert monitor.processes() == "NVML: NVML Shared Library Not Found"
    assert visible_gpus() == "NVML: NVML Shared Library Not Found"
