"""Launchers whose servers outlive controllers, for tests that start many workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sdbench.run.environment import worker_environment
from sdbench.run.fork_launch import IMPORTED_ONCE, ForkServerLauncher
from sdbench.run.worker_process import WorkerProcess

SCRIPTED = ("sdbench.run.worker", "sdbench.devices.scripted", "sdbench.pipelines.simulated")
"""What workers of a scripted device import: no torch."""


class KeptLauncher:
    """A launcher whose server outlives the controllers, so that imports are paid once.

    Args:
        modules: What is imported before the first fork.
        environment: The workers' environment variables; by default those of any run.
        python: The interpreter that they run in.
        folder: Where they run; None for the present folder.
    """

    def __init__(
        self,
        modules: Sequence[str] = IMPORTED_ONCE,
        environment: Mapping[str, str] | None = None,
        python: str = sys.executable,
        folder: Path | None = None,
    ) -> None:
        self._server = ForkServerLauncher(
            environment or worker_environment(os.environ), modules, python, folder
        )

    def start(self, name: str, log: Path) -> WorkerProcess:
        """A new worker, forked."""
        return self._server.start(name, log)

    def close(self) -> None:
        """The server stays."""

    def end(self) -> None:
        """Ends the server."""
        self._server.close()
