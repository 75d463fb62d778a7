"""How long a thread has waited for a processor that other programs had, from the kernel."""

from __future__ import annotations

from pathlib import Path

_SCHEDSTAT = Path("/proc/thread-self/schedstat")


def waited_ns(schedstat: Path = _SCHEDSTAT) -> int | None:
    """Nanoseconds that the calling thread was ready to run and waited so far, or None.

    The second number of the file is the time that the thread spent waiting on a run queue, the
    first one the time that it ran (Documentation/scheduler/sched-stats.rst of Linux). A kernel that
    does not count says that it never ran. Other threads are left out: those that matter are waited
    for by this one, and others wait beside it without making anything longer (a thread that watches
    progress bars was seen to wait for 50 ms in each call of any length).

    Args:
        schedstat: The kernel's file.
    """
    try:
        ran, waited, _ = map(int, schedstat.read_text().split())
    except (OSError, ValueError):
        return None
    return waited if ran else None
