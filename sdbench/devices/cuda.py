"""A CUDA device: torch's events and allocator, with NVML beside them."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from sdbench.devices.base import OTHER_STAGE, DeviceState, MemoryPeaks, MemoryWatch
from sdbench.devices.host_memory import PeakRss
from sdbench.devices.memory_sampler import no_device_memory
from sdbench.devices.memory_shares import added_by_worker, told_apart
from sdbench.devices.nvml import NvmlMonitor
from sdbench.devices.nvml_processes import other_processes
from sdbench.devices.sampler_process import SamplerProcess
from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Figure
from sdbench.units import MIB, format_bytes

_CONTEXT_BYTES = 500 * MIB
"""Of a CUDA context with the kernels that diffusers loads, where none can be measured."""

_LIBRARY_FAILURES = (
    "CUDA error: out of memory",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "_STATUS_ALLOC_FAILED",
    "_ALLOCATION_FAILED",
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
)
"""How the driver, cuBLAS, cuDNN and the host say that memory ran out, past torch's allocator."""


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
        self._uuid = str(properties.uuid)
        self._monitor = NvmlMonitor(self._uuid)
        self._used_before = self._monitor.used_memory()
        self._no_sampler: str | None = None
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
        with self._sampled() as end_sampling:
            yield _CudaMemoryWatch(self.torch_device, end_sampling, self._used_before, rss)

    @contextmanager
    def _sampled(self) -> Iterator[Callable[[], DeviceMemory]]:
        """A sampler beside what runs meanwhile; after one that did not begin, none is started."""
        failure = self._no_sampler
        if failure is not None:
            yield lambda: no_device_memory(failure)
            return
        with SamplerProcess(self._uuid) as sampler:
            if sampler.failure is not None:
                self._no_sampler = f"{sampler.failure}, and was not started again"
            yield sampler.end

    def is_out_of_memory(self, error: BaseException) -> bool:
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
            return True
        return isinstance(error, RuntimeError) and any(
            words in str(error) for words in _LIBRARY_FAILURES
        )

    def limit_memory(self, limit_bytes: int) -> Mapping[str, JsonValue]:
        """Leaves the allocator what the CUDA context does not take of the limit."""
        context_bytes, source = self._context()
        if context_bytes >= limit_bytes:
            raise SdbenchError(
                f"a memory limit of {format_bytes(limit_bytes)} leaves nothing beside the CUDA "
                f"context of {format_bytes(context_bytes)}: give more than that"
            )
        total_bytes = self._properties.total_memory
        fraction = min(1.0, (limit_bytes - context_bytes) / total_bytes)
        torch.cuda.set_per_process_memory_fraction(fraction, self.torch_device)
        return {
            "memory_limit_means": "the allocator's memory and the CUDA context",
            "memory_limit_context_bytes": context_bytes,
            "memory_limit_context_source": source,
        }

    def _context(self) -> tuple[int, str]:
        """Bytes of this process's CUDA context, and who says so."""
        torch.zeros(1, device=self.torch_device)  # makes the context, and one block
        self.synchronize()
        reserved_bytes = torch.cuda.memory_reserved(self.torch_device)
        used, before = self._monitor.used_memory(), self._used_before
        if used.value is None or before.value is None:
            return _CONTEXT_BYTES, "a usual size, since NVML tells none"
        context_bytes = int(used.value - before.value) - reserved_bytes
        if context_bytes <= 0:
            return _CONTEXT_BYTES, "a usual size, since the context was there before it was looked"
        return context_bytes, "measured by NVML"

    def allocated_bytes(self) -> int:
        return int(torch.cuda.memory_allocated(self.torch_device))

    def clear(self) -> None:
        torch._C._cuda_clearCublasWorkspaces()  # they would count as the next configuration's
        torch.cuda.empty_cache()

    def state(self) -> DeviceState:
        return self._monitor.state()

    def company(self) -> Mapping[int, str]:
        others = other_processes(self._monitor.processes(), os.getpid())
        return {} if isinstance(others, str) else {other.pid: other.words for other in others}

    def waited_ns(self) -> int | None:
        """None: the host waits for the device anyway, so that its own waits may cost nothing."""
        return None


class _CudaMemoryWatch:
    """Reads and resets the allocator's peak where a stage begins or ends."""

    def __init__(
        self,
        torch_device: str,
        end_sampling: Callable[[], DeviceMemory],
        used_before: Figure,
        rss: PeakRss,
    ) -> None:
        self._device = torch_device
        self._end_sampling = end_sampling
        self._used_before = used_before
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
        memory = self._end_sampling()
        return MemoryPeaks(
            allocated_bytes=Figure.measured(max(self._allocated.values())),
            reserved_bytes=Figure.measured(self._reserved_bytes),
            device_used_bytes=added_by_worker(memory, self._used_before, self._reserved_bytes),
            rss_bytes=self._rss.figure(),
            allocated_bytes_by_stage=dict(self._allocated),
            device_memory=told_apart(memory, self._used_before, self._reserved_bytes),
        )
