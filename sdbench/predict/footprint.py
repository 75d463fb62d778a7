"""Memory that a configuration needs of any device of one kind, whatever its capacity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sdbench.predict.target import Target
from sdbench.predict.verdict import FRAGMENTATION_RATIO
from sdbench.results.figure import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What one call allocates at most.

    Attributes:
        peak_allocated_bytes: Peak of the allocator, predicted; or why there is none.
        interval_bytes: Within it the peak is expected, or None without a peak.
        stage: The stage that sets the peak, ``load`` among them.
        stage_peak_allocated_bytes: The peak within each stage.
        peak_reserved_bytes: Estimate of what the allocator will hold of the device.
        least_capacity_bytes: The smallest memory beside a CUDA context in which it gets through;
            None where that was not sought, see `hangs_on_capacity`.
        is_lasting: Whether another prediction from the same content would say the same. A file
            that could not be read may be there the next time.
    """

    peak_allocated_bytes: Figure
    interval_bytes: tuple[int, int] | None
    stage: str | None
    stage_peak_allocated_bytes: Mapping[str, int] = field(default_factory=dict)
    peak_reserved_bytes: Figure
    least_capacity_bytes: int | None = None
    is_lasting: bool = True

    @classmethod
    def absent(cls, reason: str, *, is_lasting: bool) -> Footprint:
        """None, and why."""
        nothing = Figure.absent(reason)
        return cls(
            peak_allocated_bytes=nothing,
            interval_bytes=None,
            stage=None,
            peak_reserved_bytes=nothing,
            is_lasting=is_lasting,
        )

    def hangs_on_capacity(self, target: Target) -> bool:
        """Whether it depends on the least capacity that it fits.

        So it does where the peak fits with room to spare, and what the allocator would hold, if it
        could, does not.
        """
        peak, reserved = self.peak_allocated_bytes.value, self.peak_reserved_bytes.value
        if peak is None or reserved is None or target.limit_bytes is None:
            return False
        free_bytes = target.limit_bytes - target.context_bytes
        return peak * FRAGMENTATION_RATIO < free_bytes < reserved
