"""When a pipeline is warm."""

from __future__ import annotations

from collections.abc import Sequence

STEADY_RATIO = 0.05
"""A pipeline is warm when its last two calls differ by less than this share of the longer one."""


def is_warm(durations_s: Sequence[float], least: int, most: int) -> bool:
    """Whether the calls so far were enough warm-up.

    Args:
        durations_s: Seconds of each untimed call so far, the first call included, in order.
        least: Least number of calls after the first one.
        most: Number of calls after the first one that ends the warm-up in any case.
    """
    warmups = len(durations_s) - 1
    if warmups < least:
        return False
    if warmups >= most:
        return True
    last, previous = durations_s[-1], durations_s[-2]
    return abs(last - previous) < STEADY_RATIO * max(last, previous)
