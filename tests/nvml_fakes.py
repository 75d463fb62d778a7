"""Stand-ins for the driver: a Python object with the C functions' names, and a scripted monitor."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pynvml

from sdbench.devices.nvml_memory import GpuMemory
from sdbench.devices.nvml_processes import GpuProcess, GpuProcesses
from sdbench.results.figure import Figure

UUID = "2b1d4f6c-0000-1111-2222-333344445555"
OTHER_UUID = "99999999-aaaa-bbbb-cccc-ddddeeeeffff"
TOTAL_BYTES = 24 << 30
USED_BYTES = 3 << 30
RESERVED_BYTES = 400 << 20
OK = int(pynvml.NVML_SUCCESS)

Listed = tuple[int, int | None, str]
"""A process: number, bytes (None where the driver does not tell), path."""


def fill(pointer: Any, value: int) -> int:
    pointer._obj.value = value
    return OK


def failing(status: int) -> Callable[..., int]:
    return lambda *arguments: status


def list_processes(processes: Sequence[Listed], count: Any, found: Any) -> int:
    """As the driver does: at first only the number of processes, then the processes."""
    count._obj.value = len(processes)
    if found is None:
        return int(pynvml.NVML_ERROR_INSUFFICIENT_SIZE) if processes else OK
    for place, (pid, used_bytes, _) in enumerate(processes):
        found[place].pid = pid
        found[place].usedGpuMemory = -1 if used_bytes is None else used_bytes
    return OK


class Library:
    """Has the C functions' names; each fills what its arguments point to and returns a status.

    Attributes:
        asked_for: UUIDs that a handle was asked for.
        processes: Those that compute on the device.
    """

    def __init__(self) -> None:
        self.asked_for: list[str] = []
        self.processes: list[Listed] = []

    def nvmlInitWithFlags(self, flags: int) -> int:
        return OK

    def nvmlDeviceGetHandleByUUID(self, uuid: ctypes.c_char_p, handle: Any) -> int:
        assert uuid.value is not None
        self.asked_for.append(uuid.value.decode())
        return OK

    def nvmlDeviceGetMemoryInfo_v2(self, handle: Any, info: Any) -> int:
        if info._obj.version != pynvml.nvmlMemory_v2:
            return int(pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH)
        info._obj.total = TOTAL_BYTES
        info._obj.used, info._obj.reserved = USED_BYTES, RESERVED_BYTES
        info._obj.free = TOTAL_BYTES - USED_BYTES - RESERVED_BYTES
        return OK

    def nvmlDeviceGetMemoryInfo(self, handle: Any, info: Any) -> int:
        info._obj.total, info._obj.used = TOTAL_BYTES, USED_BYTES + RESERVED_BYTES
        info._obj.free = TOTAL_BYTES - USED_BYTES - RESERVED_BYTES
        return OK

    def nvmlDeviceGetComputeRunningProcesses_v3(self, handle: Any, count: Any, found: Any) -> int:
        return list_processes(self.processes, count, found)

    def nvmlSystemGetProcessName(self, pid: ctypes.c_uint, text: Any, length: Any) -> int:
        for number, _, path in self.processes:
            if number == pid.value and path:
                text.value = path.encode()
                return OK
        return int(pynvml.NVML_ERROR_NO_PERMISSION)

    def nvmlDeviceGetClockInfo(self, handle: Any, kind: ctypes.c_uint, clock: Any) -> int:
        clocks = {pynvml.NVML_CLOCK_SM: 1980, pynvml.NVML_CLOCK_MEM: 6251}
        return fill(clock, clocks[kind.value])

    def nvmlDeviceGetMaxClockInfo(self, handle: Any, kind: ctypes.c_uint, clock: Any) -> int:
        return fill(clock, {pynvml.NVML_CLOCK_SM: 2040}[kind.value])

    def nvmlDeviceGetTemperature(self, handle: Any, sensor: ctypes.c_uint, celsius: Any) -> int:
        return fill(celsius, 54)

    def nvmlDeviceGetPowerUsage(self, handle: Any, milliwatts: Any) -> int:
        return fill(milliwatts, 71_500)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, millijoules: Any) -> int:
        return fill(millijoules, 5_000_000_000)  # more than 32 bits hold

    def nvmlDeviceGetUtilizationRates(self, handle: Any, rates: Any) -> int:
        rates._obj.gpu = 87
        return OK

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
        return OK


class OldDriver(Library):
    """One that has throttle reasons, process list version 2 and memory info version 1."""

    @property
    def nvmlDeviceGetCurrentClocksEventReasons(self) -> Any:
        raise AttributeError("no such symbol")

    @property
    def nvmlDeviceGetMemoryInfo_v2(self) -> Any:
        raise AttributeError("no such symbol")

    @property
    def nvmlDeviceGetComputeRunningProcesses_v3(self) -> Any:
        raise AttributeError("no such symbol")

    def nvmlDeviceGetComputeRunningProcesses_v2(self, handle: Any, count: Any, found: Any) -> int:
        return list_processes(self.processes, count, found)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: Any, reasons: Any) -> int:
        return fill(reasons, 0x40)


def memory(used_bytes: int | str, reserved_bytes: int = RESERVED_BYTES) -> GpuMemory:
    """A reading; a string is the reason for none."""
    if isinstance(used_bytes, str):
        return GpuMemory.absent(used_bytes)
    return GpuMemory(
        total_bytes=Figure.measured(TOTAL_BYTES),
        used_bytes=Figure.measured(used_bytes),
        free_bytes=Figure.measured(TOTAL_BYTES - used_bytes),
        reserved_bytes=Figure.measured(reserved_bytes),
    )


def process(pid: int, used_bytes: int | None, name: str | None = "python3") -> GpuProcess:
    used = Figure.absent("Windows") if used_bytes is None else Figure.measured(used_bytes)
    return GpuProcess(pid, name, used)


@dataclass
class ScriptedMonitor:
    """A monitor on a simulated clock, which moves at each reading.

    Attributes:
        timeline: From which second on how much is used, or why nothing is told; in order.
        listed: From which second on which processes are listed.
        reading_s: What a reading takes.
        listing_s: What a list of processes takes.
        now_s: The clock.
        lists: How many lists were asked for.
    """

    timeline: Sequence[tuple[float, int | str]]
    listed: Sequence[tuple[float, GpuProcesses]] = field(default_factory=lambda: [(0.0, ())])
    reading_s: float = 0.0
    listing_s: float = 0.0
    now_s: float = 0.0
    lists: int = 0

    def clock(self) -> float:
        return self.now_s

    def memory(self) -> GpuMemory:
        self.now_s += self.reading_s
        return memory([used for since, used in self.timeline if since <= self.now_s][-1])

    def processes(self) -> GpuProcesses:
        self.lists += 1
        self.now_s += self.listing_s
        return [found for since, found in self.listed if since <= self.now_s][-1]
