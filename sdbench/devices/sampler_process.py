"""The worker's end of the sampler: starts it, and gets what it saw. Its failures cost no round."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import IO

from pydantic import TypeAdapter, ValidationError

from sdbench.devices.memory_sampler import no_device_memory
from sdbench.devices.sampler import READY
from sdbench.results.device_memory import DeviceMemory

START_TIMEOUT_S = 20.0
"""For an interpreter to start and NVML to open; more only on a machine that hangs."""

END_TIMEOUT_S = 5.0
"""For the last reading."""

_REPORT: TypeAdapter[DeviceMemory] = TypeAdapter(DeviceMemory)


class SamplerProcess:
    """A sampler of one GPU's memory, running while it is entered.

    Args:
        uuid: Which GPU.
        command: What to run in the sampler's place.
        start_timeout_s: How long it may take to begin.
        end_timeout_s: How long it may take to answer at the end.

    Attributes:
        failure: Why it tells nothing, or None while it does.
    """

    def __init__(
        self,
        uuid: str,
        command: Sequence[str] | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
        end_timeout_s: float = END_TIMEOUT_S,
    ) -> None:
        self.failure: str | None = None
        self._command = command or (
            *(sys.executable, "-m", "sdbench.devices.sampler"),
            *(uuid, str(os.getpid())),
        )
        self._start_timeout_s = start_timeout_s
        self._end_timeout_s = end_timeout_s
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> SamplerProcess:
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as error:
            self.failure = f"the memory sampler could not be started: {error.strerror or error}"
            return self
        assert self._process.stdout is not None
        reading = (self._process.stdout, self._lines)
        threading.Thread(target=_pass_on, args=reading, daemon=True).start()
        if self._line(self._start_timeout_s) != READY.encode():
            self.failure = self.failure or "the memory sampler did not begin"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._close_input()
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # it waits in the driver
                self._process.wait(self._end_timeout_s)

    def end(self) -> DeviceMemory:
        """Ends the sampling; what was seen, or the reason for nothing."""
        if self.failure is None:
            self._close_input()
            line = self._line(self._end_timeout_s)
            if self.failure is None:
                try:
                    return _REPORT.validate_json(line)
                except ValidationError:
                    self.failure = "the memory sampler's answer cannot be read"
        return no_device_memory(self.failure)

    def _line(self, timeout_s: float) -> bytes:
        """Its next line; empty, and a failure, where there is none in time."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            self.failure = f"the memory sampler did not answer within {timeout_s:g} s"
            return b""
        if not line:
            assert self._process is not None
            self.failure = f"the memory sampler died{_manner(self._process)}"
        return line.strip()

    def _close_input(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()


def _pass_on(output: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    with output:
        for line in output:
            lines.put(line)
    lines.put(b"")


def _manner(process: subprocess.Popen[bytes]) -> str:
    """How a process that closed its output ended."""
    try:
        code = process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        return ""
    return f" by signal {-code}" if code < 0 else f" with exit code {code}"
