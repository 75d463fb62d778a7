"""What NVML tells of a GPU: a monitor beside torch, each reading a value or the reason for none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pynvml

from sdbench.devices.base import DeviceState
from sdbench.results.record import Figure


class NvmlMonitor:
    """Readings of one GPU, found by its UUID (indices differ between torch and NVML).

    Attributes:
        reason: Why there are no readings at all, or None.
    """

    def __init__(self, uuid: str) -> None:
        self.reason: str | None = None
        self._handle: Any = None
        try:
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        except pynvml.NVMLError as error:
            self.reason = f"NVML: {error}"

    def used_memory(self) -> Figure:
        """Bytes used on the whole device, by everything, now."""
        if self.reason is not None:
            return Figure.absent(self.reason)
        try:
            info = pynvml.nvmlDeviceGetMemoryInfo(self._handle, version=pynvml.nvmlMemory_v2)
        except pynvml.NVMLError:
            try:
                info = pynvml.nvmlDeviceGetMemoryInfo(self._handle)
            except pynvml.NVMLError as error:
                return Figure.absent(f"NVML: {error}")
            return Figure.measured(info.used, "includes the driver's reserve (NVML version 1)")
        return Figure.measured(info.used)

    def state(self) -> DeviceState:
        """Clocks, temperature, power, energy and clock-event reasons now."""
        if self.reason is not None:
            return {"reason": self.reason}
        handle = self._handle
        readings: dict[str, Callable[[], float | int]] = {
            "sm_clock_mhz": lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM),
            "temperature_celsius": lambda: pynvml.nvmlDeviceGetTemperature(
                handle, pynvml.NVML_TEMPERATURE_GPU
            ),
            "power_watts": lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
            "energy_joules": lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000,
            "clock_event_reasons": lambda: _clock_event_reasons(handle),
        }
        return {name: value for name, read in readings.items() if (value := _try(read)) is not None}

    def fingerprint(self) -> DeviceState:
        """Driver, power limit and ECC mode."""
        if self.reason is not None:
            return {"nvml": self.reason}
        handle = self._handle
        readings: dict[str, Callable[[], Any]] = {
            "driver": lambda: _text(pynvml.nvmlSystemGetDriverVersion()),
            "power_limit_watts": lambda: pynvml.nvmlDeviceGetPowerManagementLimit(handle) / 1000,
            "ecc": lambda: bool(pynvml.nvmlDeviceGetEccMode(handle)[0]),
        }
        return {name: _try(read) for name, read in readings.items()}


def _clock_event_reasons(handle: Any) -> int:
    try:
        return int(pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle))
    except pynvml.NVMLError_FunctionNotFound:
        return int(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))


def _try(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except pynvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
