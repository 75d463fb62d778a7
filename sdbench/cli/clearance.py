"""What is left over of ended sessions, and what came of ending it, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from sdbench.run.leftovers import Clearance, Leftover
from sdbench.units import format_bytes


def leftovers_text(leftovers: Sequence[Leftover]) -> str:
    """The processes whose controller is gone, a line each."""
    lines = ["These outlived the session that started them:"]
    lines += [f"  {_line(leftover)}" for leftover in leftovers]
    return "\n".join(lines) + "\n"


def clearance_text(clearance: Clearance) -> str:
    """How many ended, what memory came back, and what could not be ended."""
    if not clearance.ended and not clearance.remaining:
        return "Nothing is left over of ended sessions.\n"
    number = len(clearance.ended)
    lines = [
        f"{number} {'process' if number == 1 else 'processes'} ended; "
        f"{format_bytes(clearance.freed_resident_bytes)} of the host's memory came back."
    ]
    if clearance.freed_device_bytes is None:
        lines.append(f"What the GPUs got back is not told: {clearance.device_reason}.")
    else:
        lines.append(f"{format_bytes(clearance.freed_device_bytes)} of the GPUs' memory came back.")
    if clearance.remaining:
        lines.append("Killed, and still there, as they wait in the kernel for a driver:")
        lines += [f"  {_line(leftover)}" for leftover in clearance.remaining]
    return "\n".join(lines) + "\n"


def _line(leftover: Leftover) -> str:
    size = format_bytes(leftover.resident_bytes)
    return f"{leftover.process.pid}  {leftover.module}, {size} of the host's memory"
