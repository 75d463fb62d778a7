"""The CPU as a device."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from sdbench.devices.base import DeviceState, MemoryPeaks, MemoryWatch
from sdbench.devices.host import cpu_model
from sdbench.devices.host_memory import PeakRss
from sdbench.devices.live_tensors import live_tensor_bytes
from sdbench.devices.processor_wait import waited_ns
from sdbench.devices.tensor_bytes import TensorBytes
from sdbench.errors import causes
from sdbench.jsontypes import JsonValue
from sdbench.results.figure import Figure

_ALLOCATOR_FAILURES = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
)
"""How torch's allocator says, on POSIX and on Windows, that memory ran out."""


class CpuDevice:
    """The CPU: marks are the host's clock, memory is counted tensor by tensor."""

    slug = "cpu"
    torch_device = "cpu"
    has_own_clock = False
    sees_compiled_memory = False

    def __init__(self) -> None:
        self.label = f"CPU: {cpu_model()}"
        self._limit_bytes: int | None = None

    def fingerprint(self) -> Mapping[str, JsonValue]:
        return {
            "device": self.label,
            "machine": platform.machine(),
            "torch_threads": torch.get_num_threads(),
            "instruction_set": torch.backends.cpu.get_cpu_capability(),
        }

    def now_ns(self) -> int:
        return time.perf_counter_ns()

    def synchronize(self) -> None:
        return None

    def mark(self) -> int:
        return time.perf_counter_ns()

    def seconds_between(self, start: int, end: int) -> float:
        return (end - start) * 1e-9

    @contextmanager
    def watch_memory(self, resident: Iterable[Any]) -> Iterator[MemoryWatch]:
        rss = PeakRss()
        # A compiled module that met with the counting once would never run compiled again.
        counter = TensorBytes(resident, self._limit_bytes)
        try:
            with torch.compiler.set_stance("force_eager"), counter:
                yield _CpuMemoryWatch(counter, rss)
        except Exception as error:
            # Reading a checkpoint, torch makes a ValueError of it and forgets where that is from.
            if counter.refusal is None or any(map(self.is_out_of_memory, causes(error))):
                raise
            raise torch.OutOfMemoryError(counter.refusal) from error

    def is_out_of_memory(self, error: BaseException) -> bool:
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
            return True
        return isinstance(error, RuntimeError) and any(
            words in str(error) for words in _ALLOCATOR_FAILURES
        )

    def limit_memory(self, limit_bytes: int) -> Mapping[str, JsonValue]:
        """The limit is one of exact tensor bytes, and holds while memory is watched."""
        self._limit_bytes = limit_bytes
        return {"memory_limit_means": "exact tensor bytes, in the memory pass and while loading"}

    def allocated_bytes(self) -> int:
        return live_tensor_bytes()

    def clear(self) -> None:
        return None

    def state(self) -> DeviceState:
        return {}

    def company(self) -> Mapping[int, str]:
        return {}

    def waited_ns(self) -> int | None:
        """None with several threads, of which some may wait for others of their own."""
        return waited_ns() if torch.get_num_threads() == 1 else None


class _CpuMemoryWatch:
    def __init__(self, counter: TensorBytes, rss: PeakRss) -> None:
        self._counter = counter
        self._rss = rss
        self.enter_stage = counter.enter_stage
        self.leave_stage = counter.leave_stage

    def peaks(self) -> MemoryPeaks:
        return MemoryPeaks(
            allocated_bytes=Figure.measured(self._counter.peak_bytes, "live tensor bytes"),
            reserved_bytes=Figure.absent("the CPU's allocator reserves nothing of its own"),
            device_used_bytes=Figure.absent("on the CPU see the resident memory of the process"),
            rss_bytes=self._rss.figure(),
            allocated_bytes_by_stage=dict(self._counter.peak_bytes_by_stage),
        )
