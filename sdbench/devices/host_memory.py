"""Peak resident memory of this process, from the kernel."""

from __future__ import annotations

import contextlib
import ctypes
import re
from pathlib import Path

from sdbench.results.figure import Figure

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
"""Written to clear_refs, sets the peak (VmHWM) back to the present size; see proc(5)."""

_PEAK = re.compile(rb"^VmHWM:\s*(\d+) kB$", re.MULTILINE)
_RESIDENT = re.compile(rb"^VmRSS:\s*(\d+) kB$", re.MULTILINE)


def resident_bytes() -> int | None:
    """Resident memory of this process now, or None where the kernel does not tell."""
    try:
        match = _RESIDENT.search(_STATUS.read_bytes())
    except OSError:
        return None
    return int(match[1]) * 1024 if match else None


class PeakRss:
    """Peak resident memory of this process since this object was made.

    Begins by giving the heap's free pages back to the kernel: pages that an earlier configuration
    left there would count as this one's.
    """

    def __init__(self) -> None:
        self._reason: str | None = None
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        try:
            _CLEAR_REFS.write_text(_RESET_PEAK)
        except OSError as error:
            problem = error.strerror or type(error).__name__
            self._reason = f"this system cannot reset a process's peak resident memory: {problem}"

    def figure(self) -> Figure:
        """The peak in bytes, or None with the reason."""
        if self._reason is not None:
            return Figure.absent(self._reason)
        match = _PEAK.search(_STATUS.read_bytes())
        if match is None:
            return Figure.absent("the kernel does not report VmHWM")
        return Figure.measured(int(match[1]) * 1024)
