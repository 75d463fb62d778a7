"""Energy of one image, from the device's own counter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sdbench.devices.base import DeviceState
from sdbench.results.figure import Figure, Origin

COUNTER_PERIOD_S = 0.1
"""Longest time from one update of NVML's total-energy counter to the next."""

LEAST_PERIODS = 10
"""A difference over fewer of them is wrong by more than a tenth, and so is no figure."""


def energy_per_image(states: Sequence[DeviceState], span_s: float, images: int) -> Figure:
    """Joules that the device took for one image while samples were taken.

    Args:
        states: Readings before the first sample and after each one.
        span_s: Seconds from the first reading to the last one.
        images: Images that all samples drew.
    """
    first, last = _counter(states[0]), _counter(states[-1])
    if isinstance(first, str):
        return Figure.absent(first)
    if isinstance(last, str):
        return Figure.absent(last)
    if span_s < LEAST_PERIODS * COUNTER_PERIOD_S:
        return Figure.absent(
            f"the samples took {span_s:.2g} s together, and the energy counter needs "
            f"{LEAST_PERIODS * COUNTER_PERIOD_S:g} s"
        )
    if last < first:
        return Figure.absent("the energy counter began anew meanwhile")
    remark = f"of the whole device, over {span_s:.3g} s"
    return Figure((last - first) / images, Origin.MEASURED, remark)


def _counter(state: DeviceState) -> float | str:
    joules = state.get("energy_joules")
    if isinstance(joules, (int, float)):
        return joules
    not_told = state.get("not_told")
    reason = not_told.get("energy_joules") if isinstance(not_told, Mapping) else None
    return str(reason or state.get("reason") or "the device does not tell its energy")
