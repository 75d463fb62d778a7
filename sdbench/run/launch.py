"""How workers are started: each by itself, or by fork from a process with everything imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from sdbench.run.fork_launch import ForkServerLauncher
from sdbench.run.ownership import with_controller
from sdbench.run.worker_process import RunningWorker, WorkerProcess

_GPU_DRIVERS = tuple(map(Path, ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")))
"""Device nodes of NVIDIA's driver, of GPUs under Windows' Linux, and of AMD's driver."""


class Launcher(Protocol):
    """Starts workers."""

    def start(self, name: str, log: Path) -> RunningWorker:
        """A new worker; its standard error goes to the file ``log``.

        Raises:
            CannotStart: There is none to be had.
        """

    def close(self) -> None:
        """Ends what the launcher itself started."""


def has_gpu_driver() -> bool:
    """Whether this machine has a driver of GPUs, as can be seen without importing torch."""
    return any(driver.exists() for driver in _GPU_DRIVERS)


def launcher_for(
    device: str,
    environment: Mapping[str, str],
    python: str = sys.executable,
    folder: Path | None = None,
) -> Launcher:
    """The launcher that suits a device.

    Forking saves seconds a worker, but a CUDA driver that was touched before a fork is unusable
    after it, and some imports touch it. So it is used only where there is no GPU in play, and on
    Linux, where forking is safe.

    Args:
        device: Word for the device.
        environment: The workers' environment variables.
        python: The interpreter that workers run in: its installation is what is measured.
        folder: Where workers run; None for the present folder. What lies there may come before
            what is installed, since ``python -m`` looks there first.
    """
    without_gpu = device == "cpu" or (device == "auto" and not has_gpu_driver())
    if sys.platform == "linux" and without_gpu:
        return ForkServerLauncher(environment, python=python, folder=folder)
    return SpawnLauncher(environment, python, folder)


class SpawnLauncher:
    """Starts each worker as a process of its own.

    Args:
        environment: The workers' environment variables.
        python: The interpreter that they run in.
        folder: Where they run; None for the present folder.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        python: str = sys.executable,
        folder: Path | None = None,
    ) -> None:
        self._environment = with_controller(environment)
        self._python = python
        self._folder = folder

    def start(self, name: str, log: Path) -> WorkerProcess:
        """A new worker in a process group of its own, so that Ctrl-C does not reach it."""
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [self._python, "-m", "sdbench.run.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
            )
        assert process.stdin is not None and process.stdout is not None
        return WorkerProcess(name, process, process.stdout, process.stdin, log)

    def close(self) -> None:
        """There is nothing to end."""
