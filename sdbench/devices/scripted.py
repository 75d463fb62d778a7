"""A device that plays a script, on a simulated clock: the whole tool runs on it, repeatably."""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from sdbench.devices.allocator_message import write_message
from sdbench.devices.base import OTHER_STAGE, DeviceState, MemoryPeaks, MemoryWatch
from sdbench.devices.noise import Machine
from sdbench.devices.script import Script
from sdbench.devices.scripted_driver import other_process, scripted_memory
from sdbench.jsontypes import JsonValue
from sdbench.results.figure import Figure


class SimulatedOutOfMemory(Exception):
    """The scripted device has no more memory."""


class DeviceLost(RuntimeError):
    """The scripted device met with an error that lasts as long as the process."""


class Held:
    """Memory of a scripted device; given back when nothing refers to it any more."""


class ScriptedDevice:
    """The device of a script; its clock moves only where the script says so.

    Args:
        script: What it plays.
        machine: What workers on one machine share, its clock among it; a machine of its own
            without one.
    """

    torch_device = "cuda"
    has_own_clock = False
    sees_compiled_memory = True
    slug = "scripted"

    def __init__(self, script: Script, machine: Machine | None = None) -> None:
        self.script = script
        self.machine = machine or Machine(script.noise)
        self.process_log = self.machine.process_log()
        self.label = script.name
        self.is_throttled = False
        self.is_crowded = False
        self._waited_ns = 0
        self._used_bytes = 0
        self._limit_bytes: int | None = None
        self._is_lost = False
        self._watch: _ScriptedMemoryWatch | None = None

    def fingerprint(self) -> Mapping[str, JsonValue]:
        return {"device": self.label, "total_memory_bytes": self.script.memory_bytes}

    def now_ns(self) -> int:
        return self.machine.now_ns

    def advance(self, duration_s: float) -> None:
        """Lets time pass; twice as much where another program has the processor half the time."""
        self.machine.advance(duration_s)
        if self.is_crowded:
            self.machine.advance(duration_s)
            self._waited_ns += round(duration_s * 1e9)

    def use_memory(self, used_bytes: int) -> None:
        """Sets the bytes in use.

        Raises:
            SimulatedOutOfMemory: The device has not so many.
        """
        if used_bytes > self._capacity_bytes:
            raise self.out_of_memory(used_bytes - self._used_bytes)
        self._used_bytes = used_bytes
        if self._watch is not None:
            self._watch.note(used_bytes)

    def hold(self, size_bytes: int) -> Held:
        """Uses so many bytes more, until what it returns is gone.

        Raises:
            SimulatedOutOfMemory: The device has not so many.
        """
        self.use_memory(self._used_bytes + size_bytes)
        held = Held()
        weakref.finalize(held, self._give_back, size_bytes)
        return held

    def _give_back(self, size_bytes: int) -> None:
        self._used_bytes -= size_bytes

    def leak(self, size_bytes: int) -> None:
        """Uses so many bytes more for good."""
        self._used_bytes += size_bytes

    @property
    def _capacity_bytes(self) -> int:
        limit_bytes = self._limit_bytes
        capacity_bytes = self.script.memory_bytes
        return capacity_bytes if limit_bytes is None else min(capacity_bytes, limit_bytes)

    def out_of_memory(self, requested_bytes: int) -> SimulatedOutOfMemory:
        """What is raised when so much more was asked for."""
        message = write_message(
            "GPU 0",
            requested_bytes,
            self._used_bytes,
            self._capacity_bytes,
            is_limit=self._capacity_bytes < self.script.memory_bytes,
        )
        return SimulatedOutOfMemory(message)

    def lose(self) -> DeviceLost:
        """Makes the device answer no more; what is raised then."""
        self._is_lost = True
        return DeviceLost("CUDA error: device-side assert triggered")

    def synchronize(self) -> None:
        if self._is_lost:
            raise self.lose()

    def mark(self) -> int:
        return self.machine.now_ns

    def seconds_between(self, start: int, end: int) -> float:
        return (end - start) * 1e-9

    @contextmanager
    def watch_memory(self, resident: Iterable[object]) -> Iterator[MemoryWatch]:
        self._watch = _ScriptedMemoryWatch(self._used_bytes, self.script)
        try:
            yield self._watch
        finally:
            self._watch = None

    def is_out_of_memory(self, error: BaseException) -> bool:
        return isinstance(error, SimulatedOutOfMemory)

    def limit_memory(self, limit_bytes: int) -> Mapping[str, JsonValue]:
        self._limit_bytes = limit_bytes
        return {}

    def allocated_bytes(self) -> int:
        return self._used_bytes

    def clear(self) -> None:
        self.synchronize()

    def state(self) -> DeviceState:
        state: dict[str, JsonValue] = {"clock_event_reasons": 0x20 if self.is_throttled else 0}
        if (watts := self.script.power_watts) is not None:
            state |= {"power_watts": watts, "energy_joules": watts * self.machine.now_ns * 1e-9}
        return state

    def company(self) -> Mapping[int, str]:
        others = other_process(self.script.other_process_bytes)
        return {other.pid: other.words for other in others}

    def waited_ns(self) -> int | None:
        return self._waited_ns


class _ScriptedMemoryWatch:
    def __init__(self, used_bytes: int, script: Script) -> None:
        self._script = script
        self._readings = 1
        self._stage = OTHER_STAGE
        self._peaks: dict[str, int] = defaultdict(int, {OTHER_STAGE: used_bytes})

    def enter_stage(self, stage: str) -> None:
        self._stage = stage

    def leave_stage(self, stage: str) -> None:
        self._stage = OTHER_STAGE

    def note(self, used_bytes: int) -> None:
        self._peaks[self._stage] = max(self._peaks[self._stage], used_bytes)
        self._readings += 1

    def peaks(self) -> MemoryPeaks:
        peak_bytes, script = max(self._peaks.values()), self._script
        nothing = Figure.absent("the device is scripted")
        return MemoryPeaks(
            allocated_bytes=Figure.measured(peak_bytes),
            reserved_bytes=nothing,
            device_used_bytes=nothing
            if script.context_bytes is None
            else Figure.measured(peak_bytes + script.context_bytes),
            rss_bytes=nothing,
            allocated_bytes_by_stage=dict(self._peaks),
            device_memory=None
            if script.context_bytes is None
            else scripted_memory(
                peak_bytes,
                script.context_bytes,
                script.other_process_bytes,
                script.memory_bytes,
                self._readings,
            ),
        )
