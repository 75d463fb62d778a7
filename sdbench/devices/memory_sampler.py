"""Peaks of a device's memory from many readings, in memory that does not grow with them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from sdbench.devices.nvml_memory import GpuMemory
from sdbench.devices.nvml_processes import (
    GpuProcesses,
    memory_of,
    other_processes,
    process_memory,
)
from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Figure

PROCESS_PERIOD_S = 0.02
"""Least time from one list of processes to the next. A list takes 4.5 ms under a driver lock, and
while memory grows every reading is a new peak."""

_BUCKET_RATIO = 1.02
"""Width of the buckets that periods are counted in, and so the error of their median: 2 %."""


class Monitor(Protocol):
    """What is read, as `sdbench.devices.nvml.NvmlMonitor` tells it."""

    def memory(self) -> GpuMemory:
        """Use of the whole device, now."""

    def processes(self) -> GpuProcesses:
        """Who uses it, now."""


class MemorySampler:
    """Reads a device's memory as often as it is told, and the processes at begin, end and peaks.

    Args:
        monitor: What is read.
        pid: The process that is measured, by the number that the driver knows it by.
        now_s: A monotonic clock.
    """

    def __init__(self, monitor: Monitor, pid: int, now_s: Callable[[], float]) -> None:
        self._monitor = monitor
        self._pid = pid
        self._now_s = now_s
        self._periods = _Periods()
        self._last_s: float | None = None
        self._readings = 0
        self._loss: str | None = None
        self._first = monitor.memory()
        self._peak = self._first.used_bytes
        self._has_new_peak = False
        self._process: Figure | None = None
        self._others = memory_of(other_processes(self._list_processes(), pid))
        self._take(self._first)

    def poll(self) -> None:
        """One reading, and the processes where it is a peak."""
        self._take(self._monitor.memory())
        if self._has_new_peak and self._now_s() - self._listed_s >= PROCESS_PERIOD_S:
            self._has_new_peak = False
            self._list_processes()

    def end(self) -> DeviceMemory:
        """The last reading, and what all of them say; the context's share is not known here."""
        self._take(self._monitor.memory())
        self._list_processes()
        assert self._process is not None
        return DeviceMemory(
            peak_used_bytes=self._remarked(self._peak),
            peak_process_bytes=self._process,
            context_bytes=Figure.absent("the driver does not tell the allocator's share"),
            other_processes_bytes=self._others,
            driver_reserved_bytes=self._first.reserved_bytes,
            total_bytes=self._first.total_bytes,
            sampling_period_s=self._periods.median_s(),
            readings=self._readings,
        )

    def _take(self, memory: GpuMemory) -> None:
        now_s, used = self._now_s(), memory.used_bytes
        if used.value is None:
            self._loss = used.reason
            return
        if self._last_s is not None:
            self._periods.count(now_s - self._last_s)
        self._last_s = now_s
        self._readings += 1
        if _is_above(used, self._peak):
            self._peak = used
            self._has_new_peak = True

    def _list_processes(self) -> GpuProcesses:
        processes = self._monitor.processes()
        self._listed_s = self._now_s()
        held = process_memory(processes, self._pid)
        if self._process is None or _is_above(held, self._process):
            self._process = held
        return processes

    def _remarked(self, peak: Figure) -> Figure:
        if peak.value is None:
            return peak
        period_s = self._periods.median_s()
        every = f"sampled every {period_s * 1e3:.1f} ms: a lower bound" if period_s else None
        lost = f"no longer told after {self._readings} readings ({self._loss})"
        remarks = (every, peak.reason, lost if self._loss else None)
        return replace(peak, reason="; ".join(filter(None, remarks)) or None)


def _is_above(found: Figure, known: Figure) -> bool:
    return found.value is not None and (known.value is None or found.value > known.value)


class _Periods:
    """Counts of durations in buckets of equal ratio: a median in bounded memory."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def count(self, period_s: float) -> None:
        if period_s > 0:
            self._counts[round(math.log(period_s, _BUCKET_RATIO))] += 1

    def median_s(self) -> float | None:
        """The lower median, rounded to its bucket; None without any."""
        left = (self._counts.total() + 1) // 2
        for bucket in sorted(self._counts):
            left -= self._counts[bucket]
            if left <= 0:
                return float(_BUCKET_RATIO**bucket)
        return None


def no_device_memory(reason: str) -> DeviceMemory:
    """Nothing was read, and why."""
    nothing = Figure.absent(reason)
    return DeviceMemory(
        peak_used_bytes=nothing,
        peak_process_bytes=nothing,
        context_bytes=nothing,
        other_processes_bytes=nothing,
        driver_reserved_bytes=nothing,
        total_bytes=nothing,
        sampling_period_s=None,
        readings=0,
    )
