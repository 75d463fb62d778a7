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

_LOG_TAIL_BYTES = 4096

_JOIN_TIMEOUT_S = 10.0
"""Longest wait for the end of a dead worker's output: a grandchild may hold the pipe open."""


class CannotStart(SdbenchError):
    """No worker can be had; the message says why."""


class WorkerDied(Exception):
    """The worker's process ended without an answer; the message says how, and its last words."""


class Process(Protocol):
    """What of a process a launcher must be able to do."""

    def kill(self) -> None:
        """Ends it at once (SIGKILL)."""

    def wait(self) -> int:
        """Its exit code, negative for a signal; returns when it has ended."""


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
            raise WorkerDied(self._last_words())
        try:
            return EVENTS.validate_json(line)
        except ValidationError:
            self.kill()
            raise WorkerDied(f"the worker sent something that is no event: {line[:80]!r}") from None

    def _last_words(self) -> str:
        cause = describe_exit(self._process.wait())
        last = _last_line(self._log)
        return f"{cause}; its last line: {last}" if last else cause

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
        last = _last_line(file)
    return f"the last line of its log: {last}" if last else "its log is empty"


def _last_line(log: IO[bytes]) -> str:
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - _LOG_TAIL_BYTES))
    tail = log.read().decode(errors="replace")
    return next((line.strip() for line in reversed(tail.splitlines()) if line.strip()), "")


def describe_exit(code: int) -> str:
    """How a worker ended, in words, from its exit code (negative for a signal)."""
    if code >= 0:
        return f"the worker ended with exit code {code}"
    name = signal.Signals(-code).name
    if name == "SIGKILL":
        return "the worker was killed (SIGKILL: by the kernel when memory runs out, or by hand)"
    return f"the worker crashed ({name})"
