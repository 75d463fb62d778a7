"""What the driver of a scripted device tells of its memory."""

from __future__ import annotations

from sdbench.devices.nvml_processes import GpuProcess, memory_of
from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Figure

_PERIOD_S = 0.002


def other_process(held_bytes: int) -> tuple[GpuProcess, ...]:
    """The other process on the device; none where it holds nothing."""
    return (GpuProcess(1, "other", Figure.measured(held_bytes)),) if held_bytes else ()


def scripted_memory(
    peak_bytes: int, context_bytes: int, others_bytes: int, total_bytes: int, readings: int
) -> DeviceMemory:
    """The shares of a device's memory where nothing is missed.

    Args:
        peak_bytes: Peak of the process's tensors.
        context_bytes: What it holds beside them.
        others_bytes: What another process holds.
        total_bytes: Capacity.
        readings: How many there were.
    """
    process_bytes = peak_bytes + context_bytes
    return DeviceMemory(
        peak_used_bytes=Figure.measured(process_bytes + others_bytes),
        peak_process_bytes=Figure.measured(process_bytes),
        context_bytes=Figure.measured(context_bytes),
        other_processes_bytes=memory_of(other_process(others_bytes)),
        driver_reserved_bytes=Figure.measured(0),
        total_bytes=Figure.measured(total_bytes),
        sampling_period_s=_PERIOD_S,
        readings=readings,
    )
