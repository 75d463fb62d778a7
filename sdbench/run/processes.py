"""Processes of this user, as Linux tells them in /proc."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")

_KIB = 1024

_POLL_S = 0.02
"""Nothing tells of the end of a process that is no child; the file of its state is read."""

_PSS = re.compile(r"^Pss:\s*(\d+) kB$", re.MULTILINE)
_RSS = re.compile(r"^VmRSS:\s*(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that no later one can be mistaken for.

    Attributes:
        pid: Its number, which the system gives to another process once it has ended.
        start_ticks: When it started, in clock ticks since the system did.
    """

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process that has this number now; None where there is none, or no /proc."""
        fields = _stat(pid)
        return None if fields is None else cls(pid, int(fields[19]))

    def is_alive(self) -> bool:
        """Whether it runs still; one that has ended and is not yet waited for does not."""
        fields = _stat(self.pid)
        return fields is not None and int(fields[19]) == self.start_ticks and fields[0] != "Z"

    def parent(self) -> int | None:
        """The number of its parent, or None where it has ended."""
        fields = _stat(self.pid)
        return None if fields is None else int(fields[1])

    def command(self) -> tuple[str, ...]:
        """Its command line; empty where it has ended."""
        return tuple(filter(None, _read(self.pid, "cmdline").split("\0")))

    def environment(self) -> Mapping[str, str]:
        """The environment that it was started with; empty where that cannot be read."""
        pairs = (entry.partition("=") for entry in _read(self.pid, "environ").split("\0"))
        return {name: value for name, equals, value in pairs if equals}

    def resident_bytes(self) -> int:
        """Memory that ends with it: pages that it shares count in part; 0 where it has ended."""
        for name, pattern in (("smaps_rollup", _PSS), ("status", _RSS)):
            match = pattern.search(_read(self.pid, name))
            if match:
                return int(match[1]) * _KIB
        return 0

    def send(self, number: signal.Signals) -> None:
        """Sends it a signal; nothing happens where it has ended.

        Raises:
            PermissionError: It is another user's.
        """
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def still_alive(processes: Iterable[ProcessId], wait_s: float) -> frozenset[ProcessId]:
    """Those that have not ended after a time; returns as soon as all have."""
    deadline = time.monotonic() + wait_s
    alive = frozenset(process for process in processes if process.is_alive())
    while alive and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        alive = frozenset(process for process in alive if process.is_alive())
    return alive


def own_processes() -> Iterator[ProcessId]:
    """This user's processes, without those of containers: their numbers mean others there."""
    namespace = _namespace(os.getpid())
    for folder in PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            is_own = folder.stat().st_uid == os.getuid()
        except OSError:
            continue
        pid = int(folder.name)
        if is_own and _namespace(pid) == namespace and (process := ProcessId.of(pid)) is not None:
            yield process


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on: the name before it may hold anything."""
    text = _read(pid, "stat")
    return text.rpartition(")")[2].split() or None


def _namespace(pid: int) -> str | None:
    try:
        return str((PROC / str(pid) / "ns" / "pid").readlink())
    except OSError:
        return None


def _read(pid: int, name: str) -> str:
    try:
        return (PROC / str(pid) / name).read_text(errors="replace")
    except OSError:
        return ""
