"""How much of a call the device is busy: where it idles, the host is what is measured.

A call whose kernels end sooner than the host can launch the next ones is bound by the launches, as
batch 1 without compilation often is on a large GPU. A faster device then draws no faster.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum

from sdbench.results.figure import Figure, Origin
from sdbench.results.record import Record

LAUNCH_BOUND_BELOW = 0.8
"""A device that is busy for less of a call than this is said to wait for the host. A judgement, not
a measured boundary: kernels back to back leave hardly a pause, and a fifth of a call is more than
the coarse readings of drivers are off."""

UTILISATION_PERIOD_S = 1.0
"""The driver's reading is of at most the last second (NVML's manual, `nvmlUtilization_t`). Timed
calls that took less share it with what ran before them."""

UPPER_BOUND = "an upper bound: between the first and the last kernel, pauses count as busy"


def launch_share(record: Record) -> Figure:
    """Busy seconds of the device over wall seconds, in the timed calls (1.0 = all of them).

    The driver's own reading where there is one that is of the timed calls alone. Otherwise from the
    device's events, which see when the first kernel begins and the last one ends, and no pause
    between them: then the remark is `UPPER_BOUND`.
    """
    wall_s = fsum(record.samples_s)
    if not wall_s:
        return Figure.absent("no call was timed")
    utilisation = _utilisation(record)
    if utilisation is not None and wall_s >= UTILISATION_PERIOD_S:
        return Figure.measured(utilisation, "as the driver reads it after the last timed call")
    if len(record.device_samples_s) != len(record.samples_s):
        return Figure.absent("the device has no clock of its own that tells when it is busy")
    return Figure(min(1.0, fsum(record.device_samples_s) / wall_s), Origin.DERIVED, UPPER_BOUND)


def is_launch_bound(record: Record) -> bool | None:
    """Whether the device waits for the host; None where what is known leaves it open."""
    share = launch_share(record)
    if share.value is None:
        return None
    if share.value < LAUNCH_BOUND_BELOW:
        return True
    return None if share.reason == UPPER_BOUND else False


def _utilisation(record: Record) -> float | None:
    after = record.device_state.get("after")
    value = after.get("utilisation_ratio") if isinstance(after, Mapping) else None
    return float(value) if isinstance(value, (int, float)) else None
