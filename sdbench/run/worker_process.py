"""A worker as the controller sees it: something to talk to, that may die or hang."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from pathlib import Path
from typing import IO, Protocol

from pydantic import ValidationError

from sdbench.errors import SdbenchError
from sdbench.run.messages import COMMANDS, EVENTS, Command, Event
from sdbench.run.oom_killer import kills_since, oom_kills

_LOG_TAIL_BYTES = 4096

_JOIN_TIMEOUT_S = 10.0
"""Longest wait for the end of a dead worker's output: a grandchild may hold the pipe open."""


class CannotStart(SdbenchError):
    """No worker can be had; the message says why."""


class WorkerDied(Exception):
    """The worker's process ended without an answer; the message says how, and its last words.

    Attributes:
        is_killed: Whether it was killed (SIGKILL), by someone else than the controller.
        is_out_of_memory: Whether the kernel's out-of-memory killer did it.
    """

    def __init__(
        self, message: str, *, is_killed: bool = False, is_out_of_memory: bool = False
    ) -> None:
        super().__init__(message)
        self.is_killed = is_killed
        self.is_out_of_memory = is_out_of_memory


class Process(Protocol):
    """What of a process a launcher must be able to do."""

    def kill(self) -> None:
        """Ends it at once (SIGKILL)."""

    def wait(self) -> int:
        """Its exit code, negative for a signal; returns when it has ended."""


class RunningWorker(Protocol):
    """What the controller needs of a worker.

    Attributes:
        name: Name of the worker in records.
    """

    name: str

    def send(self, command: Command) -> None:
        """Sends a command."""

    def receive(self, timeout_s: float) -> Event | None:
        """The next event; None when none came in time.

        Raises:
            WorkerDied: It has ended.
        """

    def kill(self) -> None:
        """Ends it at once."""


class WorkerProcess:
    """A running worker.

    Args:
        name: Name of the worker in records.
        process: Its process.
        reader: What it writes.
        writer: What it reads.
        log: File of its standard error; it exists, and may be moved meanwhile.
    """

    def __init__(
        self, name: str, process: Process, reader: IO[bytes], writer: IO[bytes], log: Path
    ) -> None:
        self.name = name
        self._process = process
        self._reader = reader
        self._writer = writer
        self._log = log.open("rb")
        self._kills_before = oom_kills()
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            for line in self._reader:
                self._lines.put(line)
        self._lines.put(None)

    def send(self, command: Command) -> None:
        """Sends a command; a dead worker is noticed when its answer is waited for."""
        self._kills_before = oom_kills()
        with contextlib.suppress(OSError):
            self._writer.write(COMMANDS.dump_json(command) + b"\n")
            self._writer.flush()

    def receive(self, timeout_s: float) -> Event | None:
        """The next event; None when none came in time. Sleeps meanwhile, without polling.

        Raises:
            WorkerDied: The process has ended.
        """
        try:
            line = self._lines.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None
        if line is None:
            raise self._death()
        try:
            return EVENTS.validate_json(line)
        except ValidationError:
            self.kill()
            raise WorkerDied(f"the worker sent something that is no event: {line[:80]!r}") from None

    def _death(self) -> WorkerDied:
        code = self._process.wait()
        is_killed = code == -signal.SIGKILL
        kills = kills_since(self._kills_before) if is_killed else None
        last = last_line_of(self._log)
        return WorkerDied(
            describe_exit(code, kills) + (f"; its last line: {last}" if last else ""),
            is_killed=is_killed,
            is_out_of_memory=bool(kills),
        )

    def kill(self) -> None:
        """Ends the worker at once, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._thread.join(_JOIN_TIMEOUT_S)
        for stream in (self._log, self._reader, self._writer):
            with contextlib.suppress(OSError):
                stream.close()


def last_line(log: Path) -> str:
    """The last line of a log, in words."""
    with log.open("rb") as file:
        last = last_line_of(file)
    return f"the last line of its log: {last}" if last else "its log is empty"


def last_line_of(log: IO[bytes]) -> str:
    """The last line of an open log that says something; empty without one."""
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - _LOG_TAIL_BYTES))
    tail = log.read().decode(errors="replace")
    return next((line.strip() for line in reversed(tail.splitlines()) if line.strip()), "")


def describe_exit(code: int, kills: int | None = None) -> str:
    """How a worker ended, in words.

    Args:
        code: Its exit code, negative for a signal.
        kills: How many kills for want of memory the kernel counted meanwhile, or None where it
            does not tell.
    """
    if code >= 0:
        return f"the worker ended with exit code {code}"
    name = signal.Signals(-code).name
    if name != "SIGKILL":
        kind = "segmentation fault, " if name == "SIGSEGV" else ""
        return f"the worker crashed ({kind}{name})"
    killed = "the worker was killed (SIGKILL)"
    if kills is None:
        return f"{killed}, most likely by the kernel's out-of-memory killer"
    if kills:
        return f"{killed} by the kernel's out-of-memory killer, which counts {kills} more"
    return (
        f"{killed}, by hand or from outside: the kernel's out-of-memory killer counts none in this "
        "control group"
    )
