"""What NVML tells of a GPU: a monitor beside torch, each reading a value or the reason for none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pynvml

from sdbench.devices.base import DeviceState
from sdbench.devices.clock_events import clock_event_words
from sdbench.devices.nvml_errors import figure, nvml_reason, value_or_reason
from sdbench.devices.nvml_memory import GpuMemory, read_memory
from sdbench.devices.nvml_processes import GpuProcesses, read_processes
from sdbench.jsontypes import JsonValue
from sdbench.results.figure import Figure


@dataclass(frozen=True, slots=True)
class VisibleGpu:
    """A GPU that NVML knows, whether or not torch sees it.

    Attributes:
        index: Its place in NVML's order, which need not be CUDA's.
        uuid: Such as ``GPU-2b1d4f6c-...``: names it in any order. None where it is not told.
        name: Its product's name, or None.
        reason: Why it does not tell uuid and name, as when it is lost; None where it does.
    """

    index: int
    uuid: str | None
    name: str | None
    reason: str | None = None


def visible_gpus() -> tuple[VisibleGpu, ...] | str:
    """Every GPU that NVML knows, or why it tells of none. Needs no torch."""
    try:
        pynvml.nvmlInit()
        return tuple(_visible_gpu(index) for index in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError as error:
        return nvml_reason(error)


def _visible_gpu(index: int) -> VisibleGpu:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        return VisibleGpu(index, pynvml.nvmlDeviceGetUUID(handle), pynvml.nvmlDeviceGetName(handle))
    except pynvml.NVMLError as error:
        return VisibleGpu(index, None, None, nvml_reason(error))


class NvmlMonitor:
    """Readings of one GPU, found by its UUID (indices differ between torch and NVML).

    Args:
        uuid: The UUID as torch tells it, without a prefix, or as NVML does, with it.

    Attributes:
        reason: Why there are no readings at all, or None.
    """

    def __init__(self, uuid: str) -> None:
        self.reason: str | None = None
        self._handle: Any = None
        self._is_mig = False
        try:
            pynvml.nvmlInit()
            self._handle, self._is_mig = _find(uuid)
        except pynvml.NVMLError as error:
            self.reason = nvml_reason(error)

    def memory(self) -> GpuMemory:
        """Capacity and use of the device's memory, by everything, now."""
        return GpuMemory.absent(self.reason) if self.reason else read_memory(self._handle)

    def used_memory(self) -> Figure:
        """Bytes used on the whole device, by everything, now."""
        return self.memory().used_bytes

    def processes(self) -> GpuProcesses:
        """Which processes use the device now, or why they are not told."""
        return self.reason if self.reason else read_processes(self._handle)

    def readings(self) -> dict[str, Figure]:
        """Clocks, temperature, power, energy, utilisation and clock-event reasons, now."""
        handle = self._handle
        readers: dict[str, Callable[[], float | int]] = {
            "sm_clock_mhz": lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM),
            "max_sm_clock_mhz": lambda: pynvml.nvmlDeviceGetMaxClockInfo(
                handle, pynvml.NVML_CLOCK_SM
            ),
            "memory_clock_mhz": lambda: pynvml.nvmlDeviceGetClockInfo(
                handle, pynvml.NVML_CLOCK_MEM
            ),
            "temperature_celsius": lambda: pynvml.nvmlDeviceGetTemperature(
                handle, pynvml.NVML_TEMPERATURE_GPU
            ),
            "power_watts": lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
            "energy_joules": lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000,
            "utilisation_ratio": lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
            "clock_event_reasons": lambda: _clock_event_reasons(handle),
        }
        if self.reason is not None:
            return dict.fromkeys(readers, Figure.absent(self.reason))
        return {name: figure(read) for name, read in readers.items()}

    def state(self) -> DeviceState:
        """The readings that are told; the reasons of the others are under ``not_told``.

        ``clock_events`` are the clock-event reasons in words.
        """
        if self.reason is not None:
            return {"reason": self.reason}
        readings = self.readings()
        state: dict[str, JsonValue] = {
            name: reading.value for name, reading in readings.items() if reading.value is not None
        }
        reasons = readings["clock_event_reasons"].value
        if reasons is not None:
            state["clock_events"] = clock_event_words(int(reasons))
        not_told = {name: read.reason for name, read in readings.items() if read.value is None}
        return {**state, "not_told": not_told} if not_told else state

    def fingerprint(self) -> DeviceState:
        """Driver, power limit, ECC and MIG mode, each a value or the reason for none."""
        if self.reason is not None:
            return {"nvml": self.reason}
        handle = self._handle
        readers: dict[str, Callable[[], JsonValue]] = {
            "driver": pynvml.nvmlSystemGetDriverVersion,
            "power_limit_watts": lambda: pynvml.nvmlDeviceGetPowerManagementLimit(handle) / 1000,
            "ecc": lambda: bool(pynvml.nvmlDeviceGetEccMode(handle)[0]),
            "mig": lambda: self._is_mig or bool(pynvml.nvmlDeviceGetMigMode(handle)[0]),
        }
        return {name: value_or_reason(read) for name, read in readers.items()}


def _find(uuid: str) -> tuple[Any, bool]:
    """The handle of what has this UUID, and whether that is a MIG instance, not a whole GPU."""
    if uuid.startswith(("GPU-", "MIG-")):
        return pynvml.nvmlDeviceGetHandleByUUID(uuid), uuid.startswith("MIG-")
    try:
        return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}"), False
    except (pynvml.NVMLError_NotFound, pynvml.NVMLError_InvalidArgument):
        return pynvml.nvmlDeviceGetHandleByUUID(f"MIG-{uuid}"), True


def _clock_event_reasons(handle: Any) -> int:
    try:
        return int(pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle))
    except pynvml.NVMLError_FunctionNotFound:
        return int(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))
