"""The GPUs as NVIDIA's driver describes them, whatever torch sees. Nothing imports torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pynvml

from sdbench.devices.base import DeviceState
from sdbench.devices.capability import abilities
from sdbench.devices.clock_events import (
    HARDWARE_SLOWDOWN,
    HARDWARE_THERMAL,
    POWER_BRAKE,
    SOFTWARE_THERMAL,
    clock_event_words,
)
from sdbench.devices.description import GpuDescription, GpuState, GpuUsers, Told
from sdbench.devices.nvml import NvmlMonitor, VisibleGpu, visible_gpus
from sdbench.devices.nvml_errors import figure, nvml_reason
from sdbench.devices.nvml_memory import GpuMemory
from sdbench.results.figure import Figure

THROTTLED = HARDWARE_SLOWDOWN | SOFTWARE_THERMAL | HARDWARE_THERMAL | POWER_BRAKE
"""Clock events that spoil what is measured. A software power cap is the state of any busy GPU."""

_HIDDEN_BY_NAMESPACE = (
    "in a container the driver counts the host's processes, and may tell none of them"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverView:
    """What NVIDIA's driver tells.

    Attributes:
        cuda: The latest version of CUDA that it runs, such as (12, 4), or None.
        problem: Why it tells nothing, or None.
        gpus: All GPUs that it has, in its own order.
    """

    cuda: tuple[int, int] | None = None
    problem: str | None = None
    gpus: tuple[GpuDescription, ...] = ()


def read_driver() -> DriverView:
    """Asks the driver for its GPUs."""
    found = visible_gpus()
    if isinstance(found, str):
        return DriverView(problem=found)
    return DriverView(cuda=_cuda_version(), gpus=tuple(map(_describe, found)))


def used_device_bytes() -> int | str:
    """Bytes in use on all GPUs together, or why that is not told."""
    found = visible_gpus()
    if isinstance(found, str):
        return found
    total_bytes = 0
    for gpu in found:
        used = _describe(gpu).memory.used_bytes
        if used.value is None:
            return f"{_name(gpu)}: {used.reason}"
        total_bytes += int(used.value)
    return total_bytes


def describe_gpu(label: str, uuid: str) -> GpuDescription:
    """A GPU, or a MIG instance; what the driver does not tell of it is None with the reason.

    Args:
        label: Its name.
        uuid: Its UUID, with the driver's prefix or without.
    """
    monitor = NvmlMonitor(uuid)
    if monitor.reason is not None:
        return silent_gpu(label, monitor.reason, Told(uuid))
    try:
        handle = _handle(uuid)
    except pynvml.NVMLError as error:  # lost a moment ago
        return silent_gpu(label, nvml_reason(error), Told(uuid))
    modes = monitor.fingerprint()
    capability = _capability(handle)
    return GpuDescription(
        word=None,
        label=label,
        uuid=Told(uuid),
        pci_bus=_told(lambda: _text(pynvml.nvmlDeviceGetPciInfo(handle).busId)),
        driver=_told(pynvml.nvmlSystemGetDriverVersion),
        compute_capability=capability
        if isinstance(capability, Told)
        else Told(".".join(map(str, capability))),
        abilities=() if isinstance(capability, Told) else abilities(capability),
        is_ecc_on=_from_modes(modes, "ecc"),
        is_mig_on=_from_modes(modes, "mig"),
        is_persistence_on=_told(lambda: bool(pynvml.nvmlDeviceGetPersistenceMode(handle))),
        memory=monitor.memory(),
        users=_users(monitor),
        state=_state(monitor, handle, modes),
    )


def silent_gpu(label: str, reason: str, uuid: Told | None = None) -> GpuDescription:
    """A GPU of which the driver tells nothing, and why.

    Args:
        label: Its name.
        reason: Why nothing is told.
        uuid: Its UUID, where that much is known.
    """
    told, absent = Told(None, reason), Figure.absent(reason)
    return GpuDescription(
        word=None,
        label=label,
        uuid=uuid or told,
        pci_bus=told,
        driver=told,
        compute_capability=told,
        abilities=(),
        is_ecc_on=told,
        is_mig_on=told,
        is_persistence_on=told,
        memory=GpuMemory.absent(reason),
        users=GpuUsers(processes=None, reason=reason),
        state=GpuState(
            sm_clock_mhz=absent,
            max_sm_clock_mhz=absent,
            memory_clock_mhz=absent,
            max_memory_clock_mhz=absent,
            temperature_celsius=absent,
            power_watts=absent,
            power_limit_watts=absent,
            clock_events=None,
            clock_events_reason=reason,
            throttled_by=(),
        ),
    )


def _describe(gpu: VisibleGpu) -> GpuDescription:
    if gpu.uuid is None:
        return silent_gpu(_name(gpu), gpu.reason or "the driver does not tell its UUID")
    return describe_gpu(_name(gpu), gpu.uuid)


def _name(gpu: VisibleGpu) -> str:
    return gpu.name or f"GPU {gpu.index} of the driver"


def _handle(uuid: str) -> Any:
    """The driver's handle of a GPU that the monitor has found."""
    if uuid.startswith(("GPU-", "MIG-")):
        return pynvml.nvmlDeviceGetHandleByUUID(uuid)
    try:
        return pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    except pynvml.NVMLError:
        return pynvml.nvmlDeviceGetHandleByUUID(f"MIG-{uuid}")


def _users(monitor: NvmlMonitor) -> GpuUsers:
    processes = monitor.processes()
    if isinstance(processes, str):
        return GpuUsers(processes=None, reason=processes)
    return GpuUsers(processes=processes, reason=None if processes else _HIDDEN_BY_NAMESPACE)


def _state(monitor: NvmlMonitor, handle: Any, modes: DeviceState) -> GpuState:
    readings = monitor.readings()
    events = readings["clock_event_reasons"]
    reasons = None if events.value is None else int(events.value)
    limit = modes["power_limit_watts"]
    return GpuState(
        sm_clock_mhz=readings["sm_clock_mhz"],
        max_sm_clock_mhz=readings["max_sm_clock_mhz"],
        memory_clock_mhz=readings["memory_clock_mhz"],
        max_memory_clock_mhz=figure(
            lambda: pynvml.nvmlDeviceGetMaxClockInfo(handle, pynvml.NVML_CLOCK_MEM)
        ),
        temperature_celsius=readings["temperature_celsius"],
        power_watts=readings["power_watts"],
        power_limit_watts=Figure.measured(limit)
        if isinstance(limit, (int, float))
        else Figure.absent(str(limit)),
        clock_events=None if reasons is None else tuple(clock_event_words(reasons)),
        clock_events_reason=events.reason,
        throttled_by=() if reasons is None else tuple(clock_event_words(reasons & THROTTLED)),
    )


def _capability(handle: Any) -> tuple[int, int] | Told:
    try:
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    except pynvml.NVMLError as error:
        return Told(None, nvml_reason(error))
    return major, minor


def _cuda_version() -> tuple[int, int] | None:
    """From a number such as 12040."""
    try:
        number = int(pynvml.nvmlSystemGetCudaDriverVersion_v2())
    except pynvml.NVMLError:
        return None
    return number // 1000, number % 1000 // 10


def _from_modes(modes: DeviceState, name: str) -> Told:
    """What the monitor tells of a mode: yes, no, or why it is not told."""
    value = modes[name]
    return Told(value) if isinstance(value, bool) else Told(None, str(value))


def _told(read: Callable[[], bool | str]) -> Told:
    try:
        return Told(read())
    except pynvml.NVMLError as error:
        return Told(None, nvml_reason(error))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
