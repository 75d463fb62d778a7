"""Samples a GPU's memory until its input ends: ``python -m sdbench.devices.sampler UUID PID``.

    worker:   start                       the memory pass                 close input
    sampler:        "ready" ------ a reading every few milliseconds ------------ DeviceMemory, end

A process of its own, since a thread of the worker would wait for the interpreter's lock exactly
while memory is at its peak. It imports no torch. Its input ends with the worker, however that
ends, so that none is left behind.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import threading
import time

from sdbench.devices.memory_sampler import MemorySampler
from sdbench.devices.nvml import NvmlMonitor

READY = "ready"
"""First line of its output: the first reading is taken."""

PERIOD_S = 0.002
"""Pause between readings. With 0.1 ms for a reading, a twentieth of a core is used."""

_GRACE_S = 2.0
"""A driver that does not answer so long after the input's end is not waited for."""


def main() -> None:
    """Samples, and writes a line of JSON when the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uuid, pid = sys.argv[1:]
    ended = threading.Event()
    threading.Thread(target=_watch_input, args=(ended,), daemon=True).start()
    sampler = MemorySampler(NvmlMonitor(uuid), int(pid), time.perf_counter)
    try:
        print(READY, flush=True)
        while not ended.wait(PERIOD_S):
            sampler.poll()
        print(json.dumps(dataclasses.asdict(sampler.end())), flush=True)
    except BrokenPipeError:
        os._exit(1)


def _watch_input(ended: threading.Event) -> None:
    sys.stdin.buffer.read()
    ended.set()
    time.sleep(_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    main()
