"""What the measuring code needs of a device, and nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sdbench.jsontypes import JsonValue
from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Figure

OTHER_STAGE = "other"
"""What of a call belongs to no named stage."""

DeviceState = Mapping[str, JsonValue]
"""Clocks, temperature, power and the like at one moment, units in the names."""


@dataclass(frozen=True, slots=True)
class MemoryPeaks:
    """Peaks of one call.

    Attributes:
        allocated_bytes: Live tensor bytes.
        reserved_bytes: Bytes that the allocator held of the device.
        device_used_bytes: Bytes that this process added to the device's use.
        rss_bytes: Resident memory of this process on the host.
        allocated_bytes_by_stage: Peak of live tensor bytes within each stage.
        device_memory: Who used how much of the device meanwhile; None where no driver tells.
    """

    allocated_bytes: Figure
    reserved_bytes: Figure
    device_used_bytes: Figure
    rss_bytes: Figure
    allocated_bytes_by_stage: Mapping[str, int] = field(default_factory=dict)
    device_memory: DeviceMemory | None = None


class MemoryWatch(Protocol):
    """Follows the memory of one call. It perturbs timing, so nothing is timed meanwhile."""

    def enter_stage(self, stage: str) -> None:
        """Tells that a stage begins."""

    def leave_stage(self, stage: str) -> None:
        """Tells that it ended; what follows belongs to ``other``."""

    def peaks(self) -> MemoryPeaks:
        """The peaks since the watch began."""


class Device(Protocol):
    """Where a worker measures.

    Attributes:
        label: Name of the device as people read it.
        slug: Its name in a run's folder: letters, digits and dashes.
        torch_device: Where torch puts tensors, such as ``cpu`` or ``cuda:0``.
        has_own_clock: Whether marks are the device's own events, apart from the host's clock.
        sees_compiled_memory: Whether `watch_memory` sees what compiled modules allocate.
    """

    label: str
    slug: str
    torch_device: str
    has_own_clock: bool
    sees_compiled_memory: bool

    def fingerprint(self) -> Mapping[str, JsonValue]:
        """What must be equal for two runs on this kind of device to be comparable."""

    def now_ns(self) -> int:
        """A monotonic clock, in nanoseconds."""

    def synchronize(self) -> None:
        """Waits until the device has done all that it was asked for."""

    def mark(self) -> Any:
        """A moment in the device's stream of work. Costs microseconds and waits for nothing."""

    def seconds_between(self, start: Any, end: Any) -> float:
        """Seconds between two marks; call `synchronize` first."""

    def watch_memory(self, resident: Iterable[Any]) -> AbstractContextManager[MemoryWatch]:
        """Follows memory from here on; ``resident`` are the tensors that exist already."""

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether an error says that memory ran out."""

    def limit_memory(self, limit_bytes: int) -> Mapping[str, JsonValue]:
        """Lets this process use no more memory than ``limit_bytes`` from now on.

        Returns:
            What a reader of the run should know of how the limit is kept.

        Raises:
            SdbenchError: The device cannot be used within so little.
        """

    def allocated_bytes(self) -> int:
        """Live tensor bytes of this process. May be slow, so not for timed windows."""

    def clear(self) -> None:
        """Gives back memory that nothing refers to."""

    def state(self) -> DeviceState:
        """Clocks, temperature and power now; figures that cannot be had are left out."""

    def company(self) -> Mapping[int, str]:
        """The other processes on the device now, each in a clause; none where none is told."""

    def waited_ns(self) -> int | None:
        """Nanoseconds that the calling thread waited for a processor so far.

        None where the system does not tell, or where that is not what waiting costs a call.
        """
