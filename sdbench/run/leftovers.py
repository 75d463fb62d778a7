"""Workers that outlived their controller, hung where the end of their input does not reach them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdbench.devices.driver_gpus import used_device_bytes
from sdbench.errors import SdbenchError
from sdbench.run.ownership import controller_of
from sdbench.run.processes import PROC, ProcessId, own_processes, still_alive

TERM_WAIT_S = 3.0
"""A worker that is asked to end and can, has ended by then."""

KILL_WAIT_S = 10.0
"""A killed process ends at once, unless it waits in the kernel for a driver."""

_REAPERS = frozenset({"systemd", "init", "tini", "dumb-init", "docker-init", "catatonit"})
"""Programs beside the system's first process that become the parents of orphans."""

_PARTS = ("sdbench.run.", "sdbench.devices.", "sdbench.measure.", "sdbench.predict.")
"""Modules that controllers start with ``-m``; `sdbench` itself is a controller."""


class NotAvailable(SdbenchError):
    """This system does not tell its processes."""

    exit_code = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A process of ours whose controller is gone.

    Attributes:
        process: The process.
        module: What it runs, such as ``sdbench.run.worker``.
        resident_bytes: Memory of the host that it holds.
    """

    process: ProcessId
    module: str
    resident_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """What came of ending leftovers.

    Attributes:
        ended: Those that have ended.
        remaining: Those that have not, also when killed.
        freed_device_bytes: What the devices' use fell by; None where they do not tell it.
        device_reason: Why they do not.
    """

    ended: tuple[Leftover, ...]
    remaining: tuple[Leftover, ...]
    freed_device_bytes: int | None
    device_reason: str | None

    def to_json(self) -> dict[str, Any]:
        """The clearance as programs read it."""
        return {
            "ended": [_json(leftover) for leftover in self.ended],
            "remaining": [_json(leftover) for leftover in self.remaining],
            "freed_resident_bytes": self.freed_resident_bytes,
            "freed_device_bytes": self.freed_device_bytes,
            "device_reason": self.device_reason,
        }

    @property
    def freed_resident_bytes(self) -> int:
        """Memory of the host that those held which have ended."""
        return sum(leftover.resident_bytes for leftover in self.ended)


def _json(leftover: Leftover) -> dict[str, Any]:
    return {
        "pid": leftover.process.pid,
        "module": leftover.module,
        "resident_bytes": leftover.resident_bytes,
    }


def find_leftovers() -> tuple[Leftover, ...]:
    """Workers, fork servers and samplers of this user whose controller is gone.

    Raises:
        NotAvailable: There is no /proc.
    """
    if sys.platform != "linux" or not PROC.is_dir():
        raise NotAvailable(
            "workers that are left over cannot be found here: that takes Linux and its /proc"
        )
    ours = {
        process: module
        for process in own_processes()
        if (module := _module(process.command())) is not None
    }
    return tuple(
        Leftover(process=process, module=module, resident_bytes=process.resident_bytes())
        for process, module in sorted(ours.items(), key=lambda item: item[0].pid)
        if _is_orphan(process)
    )


def clear(
    leftovers: Sequence[Leftover],
    used_device_bytes: Callable[[], int | str] = used_device_bytes,
) -> Clearance:
    """Asks each to end (SIGTERM), and kills (SIGKILL) those that do not.

    Args:
        leftovers: What to end.
        used_device_bytes: Bytes that all processes use of the GPUs, or why that is not told.
    """
    before = used_device_bytes()
    alive = _end([leftover.process for leftover in leftovers], signal.SIGTERM, TERM_WAIT_S)
    alive = _end(alive, signal.SIGKILL, KILL_WAIT_S)
    after = used_device_bytes()
    is_told = isinstance(before, int) and isinstance(after, int)
    return Clearance(
        ended=tuple(leftover for leftover in leftovers if leftover.process not in alive),
        remaining=tuple(leftover for leftover in leftovers if leftover.process in alive),
        freed_device_bytes=max(0, before - after) if is_told else None,  # type: ignore[operator]
        device_reason=next((told for told in (before, after) if isinstance(told, str)), None),
    )


def _end(
    processes: Iterable[ProcessId], number: signal.Signals, wait_s: float
) -> frozenset[ProcessId]:
    """Sends a signal to all at once, and gives those that live on."""
    processes = tuple(processes)
    for process in processes:
        process.send(number)
    return still_alive(processes, wait_s)


def _module(command: Sequence[str]) -> str | None:
    """The part of sdbench that a command line runs: ``python -m sdbench.run.worker``."""
    if "-m" not in command[1:-1]:
        return None
    module = command[command.index("-m", 1) + 1]
    return module if module.startswith(_PARTS) and _is_python(command[:1]) else None


def _is_orphan(process: ProcessId) -> bool:
    """Whether the controller that started a process is gone.

    Where its environment names none, whoever started it is its parent, or that of the fork server
    or worker between them. An orphan's parent is the system's first process, or another that
    adopts orphans; where the first one is Python itself, as in a container, nobody can tell.
    """
    controller = controller_of(process.environment())
    if controller is not None:
        return not controller.is_alive()
    ancestor: ProcessId | None = process
    while ancestor is not None and _module(ancestor.command()) is not None:
        parent = ancestor.parent()
        if parent is None:
            return False
        ancestor = ProcessId.of(parent) if parent else None
    return ancestor is not None and _adopts_orphans(ancestor)


def _adopts_orphans(process: ProcessId) -> bool:
    command = process.command()
    if process.pid == 1:
        return not _is_python(command[:2])
    return Path(command[0]).name in _REAPERS if command else False


def _is_python(words: Sequence[str]) -> bool:
    return any("python" in Path(word).name or "sdbench" in word for word in words)
