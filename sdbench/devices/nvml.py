"""What NVML tells of a GPU: a monitor beside torch, each reading a value or the reason for none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pynvml

from sdbench.devices.base import DeviceState
from sdbench.jsontypes import JsonValue
from sdbench.results.figure import Figure


class NvmlMonitor:
    """Readings of one GPU, found by its UUID (indices differ between torch and NVML).

    Args:
        uuid: The UUID as torch tells it, without a prefix.

    Attributes:
        reason: Why there are no readings at all, or None.
    """

    def __init__(self, uuid: str) -> None:
        self.reason: str | None = None
        self._handle: Any = None
        try:
            pynvml.nvmlInit()
            self._handle = _find(uuid)
        except pynvml.NVMLError as error:
            self.reason = _reason(error)

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
                return Figure.absent(_reason(error))
            return Figure.measured(info.used, "includes the driver's reserve (NVML version 1)")
        return Figure.measured(info.used)

    def state(self) -> DeviceState:
        """Clocks, temperature, power, energy, clock-event reasons; what is not told is absent."""
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
        state: dict[str, JsonValue] = {}
        for name, read in readings.items():
            with contextlib.suppress(pynvml.NVMLError):
                state[name] = read()
        return state

    def fingerprint(self) -> DeviceState:
        """Driver, power limit, ECC and MIG mode, each a value or the reason for none."""
        if self.reason is not None:
            return {"nvml": self.reason}
        handle = self._handle
        readings: dict[str, Callable[[], JsonValue]] = {
            "driver": pynvml.nvmlSystemGetDriverVersion,
            "power_limit_watts": lambda: pynvml.nvmlDeviceGetPowerManagementLimit(handle) / 1000,
            "ecc": lambda: bool(pynvml.nvmlDeviceGetEccMode(handle)[0]),
            "mig": lambda: bool(pynvml.nvmlDeviceGetMigMode(handle)[0]),
        }
        return {name: _value_or_reason(read) for name, read in readings.items()}


def _find(uuid: str) -> Any:
    """The handle of a whole GPU, or of the MIG instance, that has this UUID."""
    try:
        return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    except (pynvml.NVMLError_NotFound, pynvml.NVMLError_InvalidArgument):
        return pynvml.nvmlDeviceGetHandleByUUID(f"MIG-{uuid}")


def _clock_event_reasons(handle: Any) -> int:
    try:
        return int(pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle))
    except pynvml.NVMLError_FunctionNotFound:
        return int(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle))


def _value_or_reason(read: Callable[[], JsonValue]) -> JsonValue:
    try:
        return read()
    except pynvml.NVMLError as error:
        return _reason(error)


def _reason(error: Exception) -> str:
    if isinstance(error, pynvml.NVMLError_NoPermission):
        return f"NVML: {error} (a GPU in MIG mode tells this only to administrators)"
    return f"NVML: {error}"
