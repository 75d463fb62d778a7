"""Why a GPU does not run at its highest clock, as NVML counts the reasons, in words."""

from __future__ import annotations

IDLE = 0x1
SOFTWARE_POWER_CAP = 0x4
HARDWARE_SLOWDOWN = 0x8
SOFTWARE_THERMAL = 0x20
HARDWARE_THERMAL = 0x40
POWER_BRAKE = 0x80

_WORDS = {
    IDLE: "idle",
    0x2: "application clocks",
    SOFTWARE_POWER_CAP: "software power cap",
    HARDWARE_SLOWDOWN: "hardware slowdown",
    0x10: "sync boost",
    SOFTWARE_THERMAL: "software thermal",
    HARDWARE_THERMAL: "hardware thermal",
    POWER_BRAKE: "power brake",
    0x100: "display clock",
    0x200: "board limit",
    0x400: "reliability",
}
"""Bits of NVML's clock-event reasons, which older drivers call clock-throttle reasons."""


def clock_event_words(reasons: int) -> list[str]:
    """The reasons that are set, in words; a bit without a name is told as a number."""
    bits = (1 << position for position in range(reasons.bit_length()))
    return [_WORDS.get(bit, f"reason {bit:#x}") for bit in bits if reasons & bit]
