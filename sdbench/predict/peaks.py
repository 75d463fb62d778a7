"""From a trace to the peaks that a device's allocator would report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sdbench.predict.allocator import CachingAllocator, NoCapacity
from sdbench.predict.trace import Event, Trace
from sdbench.predict.workspaces import FITTED, Workspaces, blas_bytes

_BLAS, _CONVOLUTION = -1, -2
"""Numbers of the libraries' workspaces, which no storage has."""
_CAPACITY_PRECISION = 0.005
"""To this share of the peak the least capacity is sought."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """What an allocator would report of one call.

    Attributes:
        allocated_bytes_by_stage: Peak of the memory in use within each stage, workspaces among it.
        reserved_bytes: What it would hold of the device at the end; None where it keeps nothing.
        least_capacity_bytes: The smallest memory beside a CUDA context in which it gets through.
            It lies above the peak by what cannot be given back when memory is short: segments of
            which a part is in use. None where nothing is kept, or it was not asked for.
    """

    allocated_bytes_by_stage: Mapping[str, int]
    reserved_bytes: int | None
    least_capacity_bytes: int | None = None

    @property
    def allocated_bytes(self) -> int:
        """The peak of the call."""
        return max(self.allocated_bytes_by_stage.values(), default=0)

    @property
    def stage(self) -> str | None:
        """The stage that sets the peak, the first of them where several do; None without any."""
        peaks = self.allocated_bytes_by_stage
        return max(peaks, key=peaks.__getitem__, default=None)


def peaks(
    trace: Trace,
    capability: tuple[int, int] | None,
    workspaces: Workspaces = FITTED,
    capacity_bytes: int | None = None,
    *,
    finds_capacity: bool = True,
) -> Peaks:
    """The peaks of a trace on a device.

    Args:
        trace: What the call allocates and frees.
        capability: Compute capability of a CUDA device, such as (8, 0); None for the CPU, whose
            live tensor bytes are exact as they are.
        workspaces: What libraries take beside the tensors.
        capacity_bytes: What the device has beside a CUDA context: it bounds what is reserved. None
            for no end.
        finds_capacity: Whether to find `Peaks.least_capacity_bytes`, which takes several replays.

    Raises:
        NoCapacity: It has not enough.
    """
    if capability is None:
        return Peaks(trace.stage_peak_bytes, None)
    events = list(_with_workspaces(trace, capability, workspaces))
    allocated_by_stage, reserved_bytes = _replayed(events, capacity_bytes)
    if not finds_capacity:
        return Peaks(allocated_by_stage, reserved_bytes)
    peak = max(allocated_by_stage.values(), default=0)
    return Peaks(allocated_by_stage, reserved_bytes, _least_capacity(events, peak, reserved_bytes))


def _least_capacity(events: Sequence[Event], peak_bytes: int, reserved_bytes: int) -> int:
    """The smallest memory in which a replay gets through, sought by halves."""
    too_little, enough = peak_bytes - 1, reserved_bytes
    while enough - too_little > peak_bytes * _CAPACITY_PRECISION:
        middle = (too_little + enough) // 2
        try:
            _replayed(events, middle)
        except NoCapacity:
            too_little = middle
        else:
            enough = middle
    return enough


def _replayed(
    events: Sequence[Event], capacity_bytes: int | None = None
) -> tuple[dict[str, int], int]:
    """Peaks by stage, and what is reserved at the end."""
    allocator = CachingAllocator(capacity_bytes)
    by_stage: dict[str, int] = defaultdict(int)
    stage = None
    for event in events:
        if event.stage != stage:
            stage = event.stage
            by_stage[stage] = max(by_stage[stage], allocator.allocated_bytes)
        if event.is_free:
            allocator.free(event.storage)
        else:
            allocator.allocate(event.storage, event.bytes)
            by_stage[stage] = max(by_stage[stage], allocator.allocated_bytes)
    return dict(by_stage), allocator.reserved_bytes


def _with_workspaces(
    trace: Trace, capability: tuple[int, int], workspaces: Workspaces
) -> Iterator[Event]:
    """The events of a trace, and between them those of the libraries' workspaces."""
    convolutions = iter(trace.convolutions)
    convolution = next(convolutions, None)
    for number in range(len(trace.events) + 1):
        if number == trace.matmul_at:
            size = blas_bytes(capability)
            yield Event(_BLAS, size, False, trace.events[number - 1].stage)
        while convolution is not None and convolution.at == number:
            size = workspaces.convolution_bytes(convolution, capability)
            yield Event(_CONVOLUTION, size, False, convolution.stage)
            yield Event(_CONVOLUTION, size, True, convolution.stage)
            convolution = next(convolutions, None)
        if number < len(trace.events):
            yield trace.events[number]
