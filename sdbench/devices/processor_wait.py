"""How long a thread has waited for a processor, from the kernel."""

from __future__ import annotations

from pathlib import Path

_SCHEDSTAT = Path("/proc/thread-self/schedstat")


def waited_ns(schedstat: Path = _SCHEDSTAT) -> int | None:
    """Nanoseconds that the calling thread was ready to run and waited so far, or None.

    The second number of the file is the time that the thread spent waiting on a run queue, since
    other programs had the processors or a quota was used up, the first one the time that it ran
    (Documentation/scheduler/sched-stats.rst of Linux). A kernel that does not count gives zeros.

    It is what waiting cost where one thread does all of the work. Other threads are no help: some
    wait beside this one without making anything longer (one of a library was seen to wait for 50 ms
    in each call of any length).

    Args:
        schedstat: The kernel's file.
    """
    try:
        ran, waited, _ = map(int, schedstat.read_text().split())
    except (OSError, ValueError):
        return None
    return waited if ran or waited else None
