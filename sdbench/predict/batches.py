"""Peaks at many batch sizes from those at few: within limits that are checked, they are affine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sdbench.predict.peaks import Peaks

_TOLERANCE_RATIO = 0.001
"""How far the middle one of three batch sizes may lie off the line through the others: the
allocator rounds, so that no line is met to the byte."""


def at_each(batch_sizes: Sequence[int], peaks_at: Callable[[int], Peaks]) -> Mapping[int, Peaks]:
    """The peaks at each batch size.

    A stage's peak is the largest of sums of sizes, each of them affine in the batch: it can bend
    upwards only, and so nowhere between the outer ones of three points on a line. Where the
    smallest, the next and the largest are on one, all others are taken from it; otherwise each is
    asked for. Of those between, the smallest takes the least time.

    Args:
        batch_sizes: In rising order, each once.
        peaks_at: What knows the peaks at a batch size.
    """
    found = {size: peaks_at(size) for size in {*batch_sizes[:2], batch_sizes[-1]}}
    others = [size for size in batch_sizes if size not in found]
    if others:
        least, middle, most = batch_sizes[0], batch_sizes[1], batch_sizes[-1]

        def on_line(size: int) -> Peaks:
            return between(found[least], found[most], (size - least) / (most - least))

        is_line = are_near(on_line(middle), found[middle])
        found.update((size, on_line(size) if is_line else peaks_at(size)) for size in others)
    return found


def between(low: Peaks, high: Peaks, share: float) -> Peaks:
    """The peaks at a share of the way from one to another."""

    def mixed(at_low: int, at_high: int) -> int:
        return round(at_low + share * (at_high - at_low))

    at_low, at_high = low.allocated_bytes_by_stage, high.allocated_bytes_by_stage
    reserved = None
    if low.reserved_bytes is not None and high.reserved_bytes is not None:
        reserved = mixed(low.reserved_bytes, high.reserved_bytes)
    return Peaks({stage: mixed(at_low[stage], at_high.get(stage, 0)) for stage in at_low}, reserved)


def are_near(one: Peaks, other: Peaks) -> bool:
    """Whether no stage's peaks differ by more than rounding; what is reserved may."""
    by_stage, others = one.allocated_bytes_by_stage, other.allocated_bytes_by_stage
    return by_stage.keys() == others.keys() and all(
        abs(by_stage[stage] - others[stage]) <= _TOLERANCE_RATIO * others[stage]
        for stage in by_stage
    )
