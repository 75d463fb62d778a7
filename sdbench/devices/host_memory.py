"""Peak resident memory of this process, from the kernel."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

from sdbench.results.record import Figure

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
"""Written to clear_refs, sets the peak (VmHWM) back to the present size; see proc(5)."""

_PEAK = re.compile(rb"^VmHWM:\s*(\d+) kB$", re.MULTILINE)


def reset_peak_rss() -> None:
    """Starts a new peak, after giving the heap's free pages back to the kernel.

    Without the latter, pages that an earlier configuration left in the heap would count as this
    one's. Where the kernel has no such reset, `peak_rss` says so.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        pass
    try:
        _CLEAR_REFS.write_text(_RESET_PEAK)
    except OSError:
        pass


def peak_rss() -> Figure:
    """Peak resident memory in bytes since `reset_peak_rss`, or None with the reason."""
    if not _CLEAR_REFS.exists():
        return Figure.absent("this system cannot reset a process's peak resident memory")
    match = _PEAK.search(_STATUS.read_bytes())
    if match is None:
        return Figure.absent("the kernel does not report VmHWM")
    return Figure.measured(int(match[1]) * 1024)
