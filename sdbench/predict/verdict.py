"""Whether a predicted peak fits into a device, with a sentence that says why."""

from __future__ import annotations

from dataclasses import dataclass

from sdbench.predict.target import Target
from sdbench.results.prediction import Fit
from sdbench.units import format_bytes

FRAGMENTATION_RATIO = 1.05
"""What a GPU's allocator holds beyond the memory in use even when it must economise.

It gives free segments back before it fails, and so gets close to the memory in use, but not quite:
what is left of blocks that are in use cannot be given back.
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it fits.

    Attributes:
        fit: None where no memory limit is known.
        reason: Why, or why it cannot be told.
    """

    fit: Fit | None
    reason: str


def verdict(
    peak_allocated_bytes: int, target: Target, least_capacity_bytes: int | None = None
) -> Verdict:
    """Whether a peak of the allocator fits into a device or a limit.

    On a GPU the answer is a band: what is in use at the peak must fit beside the CUDA context, and
    fits for certain only with room for fragmentation. On the CPU live tensor bytes are exact.

    Args:
        peak_allocated_bytes: The predicted peak.
        target: The device, or a limit.
        least_capacity_bytes: What a GPU's allocator needs in replay (`Peaks`), where it is known.
    """
    peak = format_bytes(peak_allocated_bytes)
    if target.limit_bytes is None:
        return Verdict(None, f"peak {peak}; no memory limit is known for {target.name}")
    free_bytes = target.limit_bytes - target.context_bytes
    limit, context = format_bytes(target.limit_bytes), format_bytes(target.context_bytes)
    if free_bytes <= 0:
        alone = f"a CUDA context alone takes {context}, and there are {limit} of {target.name}"
        return Verdict(Fit.DOES_NOT_FIT, f"peak {peak}; {alone}")
    is_gpu = target.compute_capability is not None
    beside = f"{format_bytes(free_bytes)} that a CUDA context of {context} leaves of " * is_gpu
    free = f"the {beside}{limit} of {target.name}"
    if peak_allocated_bytes > free_bytes:
        more = format_bytes(peak_allocated_bytes - free_bytes)
        return Verdict(Fit.DOES_NOT_FIT, f"peak {peak} is {more} more than {free}")
    if not is_gpu:
        return Verdict(Fit.FITS, f"peak {peak} fits into {free}")
    if peak_allocated_bytes * FRAGMENTATION_RATIO >= free_bytes:
        narrow = "with less than 5 % to spare for fragmentation"
        return Verdict(Fit.MAY_FIT, f"peak {peak} fits into {free}, but {narrow}")
    if least_capacity_bytes is not None and least_capacity_bytes > free_bytes:
        held = f"fragmentation makes it {format_bytes(least_capacity_bytes)}"
        return Verdict(Fit.MAY_FIT, f"peak {peak} fits into {free}, but {held}")
    return Verdict(Fit.FITS, f"peak {peak} and 5 % for fragmentation fit into {free}")
