"""How the throughput grows with the batch: where it stops growing, and what batch 1 measures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from sdbench.analysis.measurement import Measurement
from sdbench.analysis.ratios import ratio
from sdbench.results.record import Status

LEAST_GAIN = 1.05
"""Larger batches that draw fewer than 5 % more images a second are no gain: they cost memory, and
make whoever waits for the first image wait longer."""

FIXED_BOUND_ABOVE = 0.5
"""Where more than half of a call at batch 1 does not grow with the images, that half is not the
device's arithmetic."""


class Ending(str, Enum):
    """Why no larger batch stands for a device's throughput."""

    SATURATED = "saturated"
    OUT_OF_MEMORY = "out of memory"
    LARGEST_MEASURED = "largest measured"
    ONLY_ONE = "only one measured"


@dataclass(frozen=True, slots=True)
class Saturation:
    """The batch that stands for a device's throughput.

    Attributes:
        at: Its measurement.
        ending: Why it is this one.
    """

    at: Measurement
    ending: Ending


def saturation(family: Iterable[Measurement]) -> Saturation | None:
    """The smallest measured batch beyond which images a second do not grow; None without any.

    A larger batch is a gain where it draws at least `LEAST_GAIN` times as many images a second, and
    the interval of that ratio lies above 1. Where the largest measured batch is still one, it
    stands for the device, and the ending says whether memory or the sweep kept larger ones away.

    Args:
        family: Measurements of one device that differ in the batch alone.
    """
    members = [m for m in family if m.batch_size is not None]
    timed = sorted((m for m in members if m.is_timed), key=_batch)
    if not timed:
        return None
    for index, m in enumerate(timed[:-1]):
        if not any(_is_gain(larger, m) for larger in timed[index + 1 :]):
            return Saturation(m, Ending.SATURATED)
    last = timed[-1]
    if any(ran_out(m) and _batch(m) > _batch(last) for m in members):
        return Saturation(last, Ending.OUT_OF_MEMORY)
    return Saturation(last, Ending.LARGEST_MEASURED if len(timed) > 1 else Ending.ONLY_ONE)


def fixed_share(family: Iterable[Measurement]) -> float | None:
    """The share of a call at batch 1 that does not grow with the images (1.0 = all of it).

    By the line through batch 1 and the next larger one, at the ends of their intervals that make it
    smallest. A call's time bends upwards with the batch, if at all, so the true share is no less.
    None without two batches, or where the intervals leave the share at 0.
    """
    timed = sorted((m for m in family if m.is_timed and m.batch_size is not None), key=_batch)
    if len(timed) < 2 or _batch(timed[0]) != 1:
        return None
    one, next_one = timed[0].latency, timed[1].latency
    if one is None or next_one is None:
        return None
    per_image_s = max(0.0, (next_one.high - one.low) / (_batch(timed[1]) - 1))
    share = 1 - per_image_s / one.low
    return share if share > 0 else None


def ran_out(m: Measurement) -> bool:
    """Whether memory ran out, or was predicted or inferred to."""
    return m.status is Status.OOM or (m.record is not None and m.record.is_ruled_out)


def _is_gain(larger: Measurement, m: Measurement) -> bool:
    assert m.latency_per_image is not None and larger.latency_per_image is not None
    gain = ratio(m.latency_per_image, larger.latency_per_image)
    return gain.point >= LEAST_GAIN and gain.low > 1


def _batch(m: Measurement) -> int:
    assert m.batch_size is not None
    return m.batch_size
