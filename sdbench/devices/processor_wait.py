"""How long this process has waited for a processor that other programs had, from the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ThreadWaits = Mapping[int, int]
"""Nanoseconds that each thread was ready to run and waited so far, by the thread's number."""

_THREADS = Path("/proc/self/task")


def thread_waits(threads: Path = _THREADS) -> ThreadWaits | None:
    """How long each thread of this process has waited so far; None where the system does not tell.

    The second number of a thread's ``schedstat`` is the time that it spent waiting on a run queue,
    the first one the time that it ran (Documentation/scheduler/sched-stats.rst of Linux). A kernel
    that does not count says that it never ran.

    Args:
        threads: Folder of the process's threads.
    """
    ran_ns, waited_ns = 0, {}
    try:
        numbers = [int(folder.name) for folder in threads.iterdir()]
    except OSError:
        return None
    for number in numbers:
        try:
            ran, waited, _ = (threads / str(number) / "schedstat").read_text().split()
        except (OSError, ValueError):  # the thread ended meanwhile, or nothing is counted
            continue
        ran_ns += int(ran)
        waited_ns[number] = int(waited)
    return waited_ns if ran_ns else None


def longest_wait_s(before: ThreadWaits | None, after: ThreadWaits | None) -> float | None:
    """Seconds for which the thread that waited longest did so between two readings.

    It is a lower bound of what waiting cost where several threads work together, and all of it
    where one does. None where a reading is missing.
    """
    if before is None or after is None:
        return None
    waits_ns = (waited_ns - before.get(thread, 0) for thread, waited_ns in after.items())
    return max(waits_ns, default=0) * 1e-9
