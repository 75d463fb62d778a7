"""The end of the time that a configuration may take, so that a slow one yields what it can."""

from __future__ import annotations

from dataclasses import dataclass

from sdbench.devices.base import Device

_MARGIN = 1.25
"""A call is begun only if this many times the last one's duration is left."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on a device's clock after which the controller gives the configuration up.

    Attributes:
        device: Whose clock it is.
        end_ns: The moment.
    """

    device: Device
    end_ns: int

    @classmethod
    def after(cls, device: Device, duration_s: float) -> Deadline:
        """The moment ``duration_s`` from now."""
        return cls(device, device.now_ns() + round(duration_s * 1e9))

    def later_by(self, duration_ns: int) -> Deadline:
        """The moment so much later, after a wait that does not count."""
        return Deadline(self.device, self.end_ns + duration_ns)

    def leaves_room_for(self, calls: int, call_s: float) -> bool:
        """Whether so many calls of about this duration still fit."""
        left_s = (self.end_ns - self.device.now_ns()) * 1e-9
        return left_s >= _MARGIN * calls * call_s
