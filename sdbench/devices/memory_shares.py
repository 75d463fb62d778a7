"""Who holds what of a device's memory: this worker, its context, other processes, the driver."""

from __future__ import annotations

from dataclasses import replace

from sdbench.devices.nvml_memory import WITH_RESERVE
from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Figure, Origin


def added_by_worker(memory: DeviceMemory, used_before: Figure, reserved_bytes: int) -> Figure:
    """Peak that the worker added to what the device had in use before it touched it.

    What others used before is not counted: a limit is about what a configuration needs.

    Args:
        memory: What the sampler saw.
        used_before: What was in use before the worker touched the device.
        reserved_bytes: Peak that the allocator held of the device.
    """
    peak = memory.peak_used_bytes
    if peak.value is None:
        return peak
    if used_before.value is None:
        return used_before
    added_bytes = peak.value - used_before.value
    if added_bytes < reserved_bytes:
        return Figure.absent(
            f"{added_bytes} bytes more than before are fewer than the allocator held: others gave "
            "memory back meanwhile, or the samples missed the peak"
        )
    before = f"without {used_before.value} bytes that others used before"
    return Figure.measured(added_bytes, "; ".join(filter(None, (peak.reason, before))))


def told_apart(memory: DeviceMemory, used_before: Figure, reserved_bytes: int) -> DeviceMemory:
    """The shares that neither the driver nor the allocator knows alone.

    Where the driver does not list this process (in a container it knows the host's numbers), the
    shares follow from what was in use before the worker touched the device.

    Args:
        memory: What the sampler saw.
        used_before: What was in use before the worker touched the device.
        reserved_bytes: Peak that the allocator held of the device.
    """
    return replace(
        memory,
        context_bytes=_context(memory, used_before, reserved_bytes),
        other_processes_bytes=_others(memory.other_processes_bytes, used_before),
    )


def _others(listed: Figure, used_before: Figure) -> Figure:
    if listed.value is not None or used_before.value is None:
        return listed
    if used_before.reason == WITH_RESERVE:
        return Figure.absent(f"{listed.reason}; what was in use before {WITH_RESERVE}")
    remark = f"in use before the worker touched the device; {listed.reason}"
    return Figure(used_before.value, Origin.INFERRED, remark)


def _context(memory: DeviceMemory, used_before: Figure, reserved_bytes: int) -> Figure:
    held, remark = memory.peak_process_bytes, "the process's peak less the allocator's"
    if held.value is None:
        held = added_by_worker(memory, used_before, reserved_bytes)
        remark = "what the worker added to the device's use, less the allocator's peak"
    if held.value is None:
        return held
    if held.value < reserved_bytes:
        return Figure.absent("the samples missed the allocator's peak")
    return Figure(held.value - reserved_bytes, Origin.DERIVED, f"{remark}: a lower bound")
