"""A CUDA device: torch's events and allocator, with NVML beside them."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from sdbench.devices.base import OTHER_STAGE, DeviceState, MemoryPeaks, MemoryWatch
from sdbench.devices.host_memory import PeakRss
from sdbench.devices.nvml import NvmlMonitor
from sdbench.jsontypes import JsonValue
from sdbench.results.figure import Figure

_LIBRARY_FAILURES = ("CUDA error: out of memory", "_STATUS_ALLOC_FAILED")
"""How the driver, cuBLAS and cuDNN say that memory ran out, past torch's allocator."""


class CudaDevice:
    """A CUDA GPU by its index, as torch counts them."""

    has_own_clock = True
    sees_compiled_memory = True

    def __init__(self, index: int) -> None:
        properties = torch.cuda.get_device_properties(index)
        self.label = str(properties.name)
        self.slug = re.sub(r"[^a-z0-9]+", "-", self.label.lower()).strip("-")
        self.torch_device = f"cuda:{index}"
        self._properties = properties
        self._monitor = NvmlMonitor(str(properties.uuid))
        self._used_before = self._monitor.used_memory()
        torch.cuda.set_device(index)

    def fingerprint(self) -> Mapping[str, JsonValue]:
        return {
            "device": self.label,
            "total_memory_bytes": self._properties.total_memory,
            "compute_capability": f"{self._properties.major}.{self._properties.minor}",
            "gpu_count": torch.cuda.device_count(),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            **self._monitor.fingerprint(),
        }

    def now_ns(self) -> int:
        return time.perf_counter_ns()

    def synchronize(self) -> None:
        torch.cuda.synchronize(self.torch_device)

    def mark(self) -> Any:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def seconds_between(self, start: Any, end: Any) -> float:
        return float(start.elapsed_time(end)) * 1e-3

    @contextmanager
    def watch_memory(self, resident: Iterable[Any]) -> Iterator[MemoryWatch]:
        rss = PeakRss()
        self.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.torch_device)
        yield _CudaMemoryWatch(self.torch_device, self._device_used, rss)

    def _device_used(self) -> Figure:
        """Bytes that this process added to the device's use, its CUDA context among them.

        What others used before is not counted: a limit is about what a configuration needs.
        """
        used, before = self._monitor.used_memory(), self._used_before
        if used.value is None or before.value is None:
            return Figure.absent(used.reason or before.reason or "NVML told nothing")
        remarks = (
            "read once after the call, while its memory was still held: a lower bound",
            f"without {before.value} bytes that others used before",
            used.reason,
        )
        return Figure.measured(used.value - before.value, "; ".join(filter(None, remarks)))

    def is_out_of_memory(self, error: BaseException) -> bool:
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
            return True
        return isinstance(error, RuntimeError) and any(
            words in str(error) for words in _LIBRARY_FAILURES
        )

    def clear(self) -> None:
        torch._C._cuda_clearCublasWorkspaces()  # they would count as the next configuration's
        torch.cuda.empty_cache()

    def state(self) -> DeviceState:
        return self._monitor.state()


class _CudaMemoryWatch:
    """Reads and resets the allocator's peak where a stage begins or ends."""

    def __init__(self, torch_device: str, device_used: Callable[[], Figure], rss: PeakRss) -> None:
        self._device = torch_device
        self._device_used = device_used
        self._rss = rss
        self._stage = OTHER_STAGE
        self._allocated: dict[str, int] = defaultdict(int)
        self._reserved_bytes = 0

    def enter_stage(self, stage: str) -> None:
        self._close_stage()
        self._stage = stage

    def leave_stage(self, stage: str) -> None:
        self._close_stage()
        self._stage = OTHER_STAGE

    def _close_stage(self) -> None:
        peak = torch.cuda.max_memory_allocated(self._device)
        self._allocated[self._stage] = max(self._allocated[self._stage], peak)
        reserved = torch.cuda.max_memory_reserved(self._device)
        self._reserved_bytes = max(self._reserved_bytes, reserved)
        torch.cuda.reset_peak_memory_stats(self._device)

    def peaks(self) -> MemoryPeaks:
        torch.cuda.synchronize(self._device)
        self._close_stage()
        return MemoryPeaks(
            allocated_bytes=Figure.measured(max(self._allocated.values())),
            reserved_bytes=Figure.measured(self._reserved_bytes),
            device_used_bytes=self._device_used(),
            rss_bytes=self._rss.figure(),
            allocated_bytes_by_stage=dict(self._allocated),
        )
