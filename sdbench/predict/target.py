"""What memory is predicted for: a device by its name, a memory limit, or both."""

from __future__ import annotations

from dataclasses import dataclass

Capability = tuple[int, int]
"""Compute capability of a CUDA device, such as (8, 0)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A device that need not be there.

    Attributes:
        name: Its name as people read it.
        compute_capability: Of a CUDA device; None for the CPU.
        limit_bytes: What a process may use of it, or None where no limit is known.
        context_bytes: Of that, what a CUDA context and its libraries take; 0 for the CPU.
    """

    name: str
    compute_capability: Capability | None
    limit_bytes: int | None
    context_bytes: int
