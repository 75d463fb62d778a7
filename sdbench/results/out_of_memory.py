"""What is known of a moment at which memory ran out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfMemory:
    """Where memory ran out, and what the allocator said; None where it did not say.

    Attributes:
        phase: What the worker did, such as ``loading``, ``memory`` or ``timing``.
        stage: Stage of the call, such as ``vae_decode``; None outside of a call.
        requested_bytes: What was asked for and not given.
        total_bytes: Capacity of the device.
        free_bytes: What was free on the device.
        limit_bytes: What the process was allowed to hold, where it was limited.
        allocated_bytes: Live tensor bytes of the process.
        reserved_unallocated_bytes: What the allocator held and no tensor used.
        suggests_expandable_segments: Whether the allocator gave that advice against fragmentation.
    """

    phase: str
    stage: str | None = None
    requested_bytes: int | None = None
    total_bytes: int | None = None
    free_bytes: int | None = None
    limit_bytes: int | None = None
    allocated_bytes: int | None = None
    reserved_unallocated_bytes: int | None = None
    suggests_expandable_segments: bool = False
