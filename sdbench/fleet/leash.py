"""Becomes ``sdbench`` with these arguments, and ends with the process that started it.

``python -m sdbench.fleet.leash PARENT ARGUMENT...``. A process that
is killed ends nothing that it started, and Ray kills its workers when a node goes: a shard would go
on measuring for nobody. Linux sends the signal that is asked for here, and the request outlives the
replacement of the program.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""Of prctl(2)."""


def end_with_parent(parent: int) -> None:
    """Asks for SIGTERM when the parent ends; without effect where the system has no such request.

    Args:
        parent: Its process id, since it may have ended already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    os.execv(sys.executable, [sys.executable, "-m", "sdbench", *sys.argv[2:]])
