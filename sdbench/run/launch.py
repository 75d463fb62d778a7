"""How workers are started: each by itself, or by fork from a process with everything imported."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from sdbench.run.worker_process import WorkerProcess

_NVIDIA_DRIVER = Path("/dev/nvidiactl")
_MAX_MESSAGE_BYTES = 65536

IMPORTED_ONCE = (
    "sdbench.run.worker",
    "sdbench.devices.select",
    "sdbench.devices.cpu",
    "sdbench.pipelines.load",
    "sdbench.pipelines.tiny",
)
"""What takes a worker seconds to import: with these come torch, diffusers and transformers."""


class Launcher(Protocol):
    """Starts workers."""

    def start(self, name: str, log: Path) -> WorkerProcess:
        """A new worker; its standard error goes to the file ``log``."""

    def close(self) -> None:
        """Ends what the launcher itself started."""


def launcher_for(device: str, environment: Mapping[str, str]) -> Launcher:
    """The launcher that suits a device.

    Forking saves seconds a worker, but a CUDA driver that was touched before a fork is unusable
    after it, and some imports touch it. So it is used only where there is no GPU in play, and on
    Linux, where forking is safe.
    """
    without_gpu = device == "cpu" or (device == "auto" and not _NVIDIA_DRIVER.exists())
    if sys.platform == "linux" and without_gpu:
        return ForkServerLauncher(environment)
    return SpawnLauncher(environment)


class SpawnLauncher:
    """Starts each worker as a process of its own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)

    def start(self, name: str, log: Path) -> WorkerProcess:
        """A new worker in a process group of its own, so that Ctrl-C does not reach it."""
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "sdbench.run.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment,
                start_new_session=True,
            )
        assert process.stdin is not None and process.stdout is not None
        return WorkerProcess(name, process, process.stdout, process.stdin, log)

    def close(self) -> None:
        """There is nothing to end."""


class ForkServerLauncher:
    """Starts workers from `sdbench.run.forkserver`, which is started with the first of them.

    Args:
        environment: The workers' environment variables.
        modules: What is imported before the first fork.
    """

    def __init__(
        self, environment: Mapping[str, str], modules: Sequence[str] = IMPORTED_ONCE
    ) -> None:
        self._environment = dict(environment)
        self._modules = modules
        self._control: socket.socket | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def start(self, name: str, log: Path) -> WorkerProcess:
        """A new worker, forked."""
        ours, theirs = socket.socketpair()
        with theirs:
            log.touch()
            control = self._control or self._start_server(log)
            request = json.dumps({"fork": str(log.absolute())}).encode()
            socket.send_fds(control, [request], [theirs.fileno()])
            pid = _answer(control)["pid"]
        reader, writer = ours.makefile("rb"), ours.makefile("wb")
        ours.close()
        return WorkerProcess(name, _ForkedProcess(pid, control), reader, writer, log)

    def _start_server(self, log: Path) -> socket.socket:
        self._control, theirs = socket.socketpair()
        with theirs, log.open("ab") as errors:
            self._server = subprocess.Popen(
                [
                    *(sys.executable, "-m", "sdbench.run.forkserver", str(theirs.fileno())),
                    *self._modules,
                ],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env=self._environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        return self._control

    def close(self) -> None:
        """Ends the server."""
        if self._control is not None and self._server is not None:
            self._control.close()
            self._server.wait()


class _ForkedProcess:
    """A child of the fork server, which is asked for its exit code."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self._pid = pid
        self._control = control
        self._exit_code: int | None = None

    def kill(self) -> None:
        """Ends it; it keeps its pid until `wait`, so no other process can be meant."""
        if self._exit_code is None:
            os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> int:
        """Its exit code, negative for a signal."""
        if self._exit_code is None:
            self._control.sendall(json.dumps({"wait": self._pid}).encode())
            self._exit_code = int(_answer(self._control)["exit"])
        return self._exit_code


def _answer(control: socket.socket) -> dict[str, int]:
    message = control.recv(_MAX_MESSAGE_BYTES)
    if not message:
        raise RuntimeError("the fork server ended; see the first worker's log")
    answer: dict[str, int] = json.loads(message)
    return answer
