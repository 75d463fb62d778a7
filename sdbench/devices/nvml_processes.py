"""Which processes use a GPU, and how much of its memory, as NVML tells.

NVML knows processes by the host's numbers: in a container a process does not find itself. Windows
lists them without their memory. A figure that is not told is None with the reason, and never 0.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pynvml

from sdbench.devices.nvml_errors import nvml_reason
from sdbench.results.figure import Figure
from sdbench.units import format_bytes

_NO_MEMORY_TOLD = "NVML: the driver does not tell the memory of a process (Windows, WDDM)"
_NOT_LISTED = (
    "NVML does not list this process: in a container its list has the host's process numbers"
)


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that has something on a GPU.

    Attributes:
        pid: Its number on the host.
        name: File name of its program, or None where NVML does not tell.
        used_bytes: What it holds of the GPU's memory.
    """

    pid: int
    name: str | None
    used_bytes: Figure

    @property
    def words(self) -> str:
        """Such as ``process 1234 (python3) held 1.20 GiB of the device``."""
        name = f" ({self.name})" if self.name else ""
        used = self.used_bytes.value
        held = "memory" if used is None else format_bytes(round(used))
        return f"process {self.pid}{name} held {held} of the device"


GpuProcesses = tuple[GpuProcess, ...] | str
"""The processes on a GPU, or why they are not told."""


def read_processes(handle: Any) -> GpuProcesses:
    """The processes that compute or draw on a GPU now. Takes milliseconds, under a driver lock."""
    try:
        found = {process.pid: process for process in _computing(handle)}
    except pynvml.NVMLError as error:
        return nvml_reason(error)
    with contextlib.suppress(pynvml.NVMLError):
        for process in pynvml.nvmlDeviceGetGraphicsRunningProcesses_v3(handle):
            found.setdefault(process.pid, process)
    return tuple(
        GpuProcess(process.pid, _name(process.pid), _used(process))
        for _, process in sorted(found.items())
    )


def process_memory(processes: GpuProcesses, pid: int) -> Figure:
    """What the process with this number holds, or None with the reason."""
    if isinstance(processes, str):
        return Figure.absent(processes)
    own = [process.used_bytes for process in processes if process.pid == pid]
    return own[0] if own else Figure.absent(_NOT_LISTED)


def other_processes(processes: GpuProcesses, pid: int) -> Sequence[GpuProcess] | str:
    """The others, or why they cannot be told from this process."""
    if isinstance(processes, str):
        return processes
    if all(process.pid != pid for process in processes):
        return _NOT_LISTED
    return [process for process in processes if process.pid != pid]


def memory_of(processes: Sequence[GpuProcess] | str) -> Figure:
    """What some processes hold together; the remark names them."""
    if isinstance(processes, str):
        return Figure.absent(processes)
    total_bytes = 0
    for process in processes:
        if process.used_bytes.value is None:
            return Figure.absent(f"process {process.pid}: {process.used_bytes.reason}")
        total_bytes += round(process.used_bytes.value)
    return Figure.measured(total_bytes, "; ".join(process.words for process in processes) or None)


def _computing(handle: Any) -> Iterator[Any]:
    readers: tuple[Callable[[Any], list[Any]], ...] = (
        pynvml.nvmlDeviceGetComputeRunningProcesses_v3,
        pynvml.nvmlDeviceGetComputeRunningProcesses_v2,
    )
    try:
        yield from readers[0](handle)
    except pynvml.NVMLError_FunctionNotFound:
        yield from readers[1](handle)


def _used(process: Any) -> Figure:
    if process.usedGpuMemory is None:
        return Figure.absent(_NO_MEMORY_TOLD)
    return Figure.measured(process.usedGpuMemory)


def _name(pid: int) -> str | None:
    try:
        path = str(pynvml.nvmlSystemGetProcessName(pid))
    except (pynvml.NVMLError, UnicodeDecodeError):
        return None
    return re.split(r"[\\/]", path.strip())[-1] or None
