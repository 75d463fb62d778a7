"""Workers by fork from a process that has everything imported: the controller's side of it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdbench.run.ownership import with_controller
from sdbench.run.processes import ProcessId
from sdbench.run.worker_process import CannotStart, WorkerProcess, last_line

IMPORTED_ONCE = (
    "sdbench.run.worker",
    "sdbench.devices.select",
    "sdbench.devices.cpu",
    "sdbench.pipelines.load",
    "sdbench.pipelines.tiny",
    "diffusers.pipelines.auto_pipeline",
)
"""What takes a worker seconds to import: with these come torch, diffusers and transformers."""

_MAX_MESSAGE_BYTES = 65536

_ANSWER_TIMEOUT_S = 300.0
"""Longest time for an answer; the first one waits for the imports."""


class ForkServerLauncher:
    """Starts workers from `sdbench.run.forkserver`, and the server itself where none is alive.

    Args:
        environment: The workers' environment variables.
        modules: What is imported before the first fork.
        python: The interpreter that they run in.
        folder: Where they run; None for the present folder.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        modules: Sequence[str] = IMPORTED_ONCE,
        python: str = sys.executable,
        folder: Path | None = None,
    ) -> None:
        self._environment = with_controller(environment)
        self._command = (python, "-m", "sdbench.run.forkserver")
        self._modules = modules
        self._folder = folder
        self._server: _Server | None = None

    def begin(self, log: Path) -> _Server:
        """The server; where there is none it is started, and not waited for while it imports."""
        if self._server is None:
            self._server = _Server(
                self._command, self._modules, self._environment, self._folder, log
            )
        return self._server

    def start(self, name: str, log: Path) -> WorkerProcess:
        """A new worker, forked.

        Raises:
            CannotStart: The server cannot import what it should, or died.
        """
        ours, theirs = socket.socketpair()
        log.touch()
        with theirs:
            server = self.begin(log)
            try:
                answer = server.ask({"fork": str(log.absolute())}, [theirs.fileno()])
            except _ServerGone as gone:
                ours.close()
                self.close()
                raise CannotStart(f"the fork server {gone}; {last_line(log)}") from None
        reader, writer = ours.makefile("rb"), ours.makefile("wb")
        ours.close()
        return WorkerProcess(name, _ForkedProcess(answer["pid"], server), reader, writer, log)

    def close(self) -> None:
        """Ends the server; the next worker starts another."""
        if self._server is not None:
            self._server.close()
            self._server = None


class _ServerGone(Exception):
    """The server does not answer."""


class _Server:
    def __init__(
        self,
        command: Sequence[str],
        modules: Sequence[str],
        environment: Mapping[str, str],
        folder: Path | None,
        log: Path,
    ) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(_ANSWER_TIMEOUT_S)
        with theirs, log.open("ab") as errors:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), *modules],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env=dict(environment),
                cwd=folder,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def ask(self, request: Mapping[str, Any], fds: Sequence[int] = ()) -> dict[str, int]:
        """Its answer to a request.

        Raises:
            _ServerGone: It has ended, or hangs.
        """
        try:
            socket.send_fds(self._control, [json.dumps(request).encode()], list(fds))
            message = self._control.recv(_MAX_MESSAGE_BYTES)
        except TimeoutError:
            raise _ServerGone(f"did not answer within {_ANSWER_TIMEOUT_S:g} s") from None
        except OSError as error:
            raise _ServerGone(f"cannot be reached ({error.strerror})") from None
        if not message:
            raise _ServerGone("has ended")
        answer: dict[str, int] = json.loads(message)
        return answer

    def close(self) -> None:
        """Ends it, also where it hangs."""
        self._control.close()
        self._process.kill()
        self._process.wait()


class _ForkedProcess:
    """A child of the fork server, which is asked for its exit code."""

    def __init__(self, pid: int, server: _Server) -> None:
        self._pid = pid
        self._process = ProcessId.of(pid)
        self._server = server
        self._exit_code: int | None = None

    def kill(self) -> None:
        """Ends it, and no other process that has its pid where the server has left it alone."""
        if self._exit_code is None and self._process is not None:
            self._process.send(signal.SIGKILL)

    def wait(self) -> int:
        """Its exit code, negative for a signal; a kill's where the server is gone."""
        if self._exit_code is None:
            try:
                self._exit_code = self._server.ask({"wait": self._pid})["exit"]
            except _ServerGone:
                self.kill()
                self._exit_code = -signal.SIGKILL
        return self._exit_code
