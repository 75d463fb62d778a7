"""Which samples a throttled device spoiled, and what to do with them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from sdbench.devices.base import DeviceState
from sdbench.devices.clock_events import (
    HARDWARE_SLOWDOWN,
    HARDWARE_THERMAL,
    POWER_BRAKE,
    SOFTWARE_THERMAL,
    clock_event_words,
)

THROTTLE_REASONS = SOFTWARE_THERMAL | HARDWARE_SLOWDOWN | HARDWARE_THERMAL | POWER_BRAKE
"""NVML clock-event reasons that spoil a sample. The software power cap (0x4) is the normal state
of a busy GPU and not among them."""

LEAST_CLOCK_RATIO = 0.75
"""A sample is throttled when its SM clock is below this share of the fastest one seen."""

TOLERATED_DISCARDS = 2
"""So many throttled samples may always be set aside; beyond that, up to half of the samples."""


def is_throttled(states: Sequence[DeviceState], fastest_clock_mhz: float | None) -> bool:
    """Whether the device was throttled before or after a sample.

    Args:
        states: Readings before and after it; a device that tells nothing is not throttled.
        fastest_clock_mhz: The fastest SM clock seen, or None.
    """
    for state in states:
        reasons = state.get("clock_event_reasons")
        if isinstance(reasons, int) and reasons & THROTTLE_REASONS:
            return True
        clock = state.get("sm_clock_mhz")
        if (
            isinstance(clock, (int, float))
            and fastest_clock_mhz is not None
            and clock < LEAST_CLOCK_RATIO * fastest_clock_mhz
        ):
            return True
    return False


def throttle_marks(states: Sequence[DeviceState]) -> list[bool]:
    """For each sample, whether the device was throttled.

    Args:
        states: Readings before the first sample and after each one.
    """
    clocks = [c for s in states if isinstance(c := s.get("sm_clock_mhz"), (int, float))]
    fastest = max(clocks, default=None)
    return [is_throttled(pair, fastest) for pair in pairwise(states)]


def accepted_samples(samples: Sequence[float], throttled: Sequence[bool]) -> list[float] | None:
    """The samples that count, or None where too many were throttled to set them aside.

    Discarding all samples would leave nothing to say: past the bound, all are kept and the
    configuration is called unstable.
    """
    discards = sum(throttled)
    if discards > max(TOLERATED_DISCARDS, len(samples) / 2) or discards == len(samples):
        return None
    return [sample for sample, spoiled in zip(samples, throttled, strict=True) if not spoiled]


def throttle_note(states: Sequence[DeviceState], throttled: Sequence[bool]) -> str | None:
    """How many samples were throttled, and by what; None where none was.

    Args:
        states: Readings before the first sample and after each one.
        throttled: For each sample, whether the device was throttled.
    """
    if not any(throttled):
        return None
    reasons = 0
    for pair, spoiled in zip(pairwise(states), throttled, strict=True):
        for state in pair if spoiled else ():
            told = state.get("clock_event_reasons")
            reasons |= told & THROTTLE_REASONS if isinstance(told, int) else 0
    slow = f"the clock fell below {LEAST_CLOCK_RATIO:.0%} of the fastest"
    words = ", ".join(clock_event_words(reasons)) or slow
    return f"{sum(throttled)} of {len(throttled)} samples while throttled: {words}"
