"""Who used how much of a device's memory, as its driver tells."""

from __future__ import annotations

from dataclasses import dataclass

from sdbench.results.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMemory:
    """Use of a device during the memory pass, read by a process of its own.

    A reading sees one moment: a peak between two readings is missed, so each peak is a lower bound.

    Attributes:
        peak_used_bytes: The most that was in use, by all processes, without the driver's reserve.
        peak_process_bytes: The most that this process held.
        context_bytes: What this process held beyond its allocator's peak: the CUDA context,
            kernels, libraries' own workspaces.
        other_processes_bytes: What other processes held when the pass began.
        driver_reserved_bytes: What the driver keeps for itself.
        total_bytes: Capacity of the device.
        sampling_period_s: Median time from one reading to the next; None without two readings.
        readings: How many there were.
    """

    peak_used_bytes: Figure
    peak_process_bytes: Figure
    context_bytes: Figure
    other_processes_bytes: Figure
    driver_reserved_bytes: Figure
    total_bytes: Figure
    sampling_period_s: float | None
    readings: int
