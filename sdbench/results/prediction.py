"""What a configuration is expected to need of a device, without having run on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pydantic import TypeAdapter

from sdbench.results.figure import Figure


class Fit(str, Enum):
    """Whether a configuration fits into a device's memory."""

    FITS = "fits"
    MAY_FIT = "may_fit"
    DOES_NOT_FIT = "does_not_fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Memory that one configuration is expected to need.

    Attributes:
        key: The configuration's key.
        peak_allocated_bytes: Peak of the allocator; its origin is ``predicted``.
        interval_bytes: Within it the peak is expected, or None without a peak.
        stage: The stage that sets the peak, ``load`` among them.
        stage_peak_allocated_bytes: The peak within each stage.
        peak_reserved_bytes: Estimate of what the allocator will hold of the device.
        verdict: Whether it fits; None where no memory limit is known, or no peak.
        reason: Why this verdict, or why there is none, in a sentence.
    """

    key: str
    peak_allocated_bytes: Figure
    interval_bytes: tuple[int, int] | None
    stage: str | None
    stage_peak_allocated_bytes: Mapping[str, int] = field(default_factory=dict)
    peak_reserved_bytes: Figure
    verdict: Fit | None
    reason: str


PREDICTIONS: TypeAdapter[Prediction] = TypeAdapter(Prediction)
