"""After memory ran out: what an exception still holds is let go, and the rest is looked at.

An exception keeps its traceback, that its frames, and these every tensor of the call that failed.
"""

from __future__ import annotations

import gc
import traceback

from sdbench.devices.base import Device
from sdbench.errors import causes
from sdbench.units import MIB

TOLERANCE_BYTES = 2 * MIB
"""What may stay: small buffers that libraries make once. torch's allocator cuts what is smaller
than 1 MiB from blocks of 2 MiB."""


CARRIED_OVER_BYTES = 16 * MIB
"""What may stay of a pipeline that went well: less than what counts as a growth of memory."""


def let_go(error: BaseException) -> None:
    """Clears the frames that an exception, and all that led to it, hold on to."""
    for one in list(causes(error)):
        if one.__traceback__ is not None:
            traceback.clear_frames(one.__traceback__)
        one.__traceback__ = one.__cause__ = one.__context__ = None


def clear(device: Device) -> None:
    """Gives back what nothing refers to any more."""
    gc.collect()
    device.clear()


def excess_bytes(
    device: Device, baseline_bytes: int, tolerance_bytes: int = TOLERANCE_BYTES
) -> int:
    """Live tensor bytes beyond a baseline; 0 where they are within the tolerance."""
    excess = device.allocated_bytes() - baseline_bytes
    return excess if excess > tolerance_bytes else 0
