"""A run of a suite that test items ask for, one configuration after the other.

The same controller, judge and run folder as those of ``sdbench run``; what differs is who walks
through the plan. Nothing is started before the first item asks.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from sdbench.results.record import Record
from sdbench.results.store import Run, RunWriter, read_run
from sdbench.run.controller import Controller, Job
from sdbench.run.environment import worker_environment
from sdbench.run.judge import Judge
from sdbench.run.launch import Launcher, launcher_for
from sdbench.run.order import Order
from sdbench.run.plan import plan
from sdbench.run.run_folder import create_run, move_logs
from sdbench.run.session import judge_for
from sdbench.run.worker_process import CannotStart
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite
from sdbench.tuning.progress import Silence


class NoWorker(CannotStart):
    """Not even the first worker could start: the device is not there, or cannot be used."""


def once(suite: Suite) -> Suite:
    """The suite with a single timed call of each configuration, for runs that time nothing."""
    quick = replace(suite.measure, warmup=1, max_warmup=1, min_samples=1, max_samples=1)
    return replace(suite, measure=quick)


@dataclass(frozen=True, slots=True)
class _Started:
    controller: Controller
    writer: RunWriter
    judge: Judge


class SuiteRun:
    """Measures configurations as they are asked for.

    Args:
        order: The suite, the configurations that are going to be asked for, and where.
        launcher: Makes what starts workers, once it is needed.
    """

    def __init__(self, order: Order, launcher: Callable[[], Launcher] | None = None) -> None:
        self.order = order
        self._listener = Silence(order.configurations)
        self._launcher = launcher or (lambda: launcher_for(order.device, _environment()))
        self._ending = ExitStack()
        self._started: _Started | None = None
        self._stopped: CannotStart | None = None

    @property
    def folder(self) -> Path | None:
        """Where its records go; None before the first."""
        return self._started.writer.folder if self._started else None

    def read(self) -> Run:
        """The run as far as it is."""
        assert self.folder is not None
        return read_run(self.folder)

    def measure(self, configuration: Configuration) -> Record:
        """One round of a configuration; its record is on disk.

        Raises:
            NoWorker: The first worker could not start; nor will it for what is asked next.
            CannotStart: A worker died, and no other could be started in its place.
        """
        if self._stopped is not None:
            raise self._stopped
        try:
            started = self._started or self._start()
            record = started.controller.round(
                configuration, 0, started.writer.folder, self._listener
            )
            record = started.judge.complete(configuration, record)
        except CannotStart as error:
            self._stopped = error
            raise
        started.writer.append(record)
        return record

    def rest(self) -> None:
        """Ends the worker, since something else is going to use the device."""
        if self._started is not None:
            self._started.controller.kill_worker()

    def close(self) -> None:
        """Ends all that it started."""
        self._ending.close()

    def _start(self) -> _Started:
        order = self.order
        parent = order.results / order.suite.name
        parent.mkdir(parents=True, exist_ok=True)
        logs = Path(tempfile.mkdtemp(prefix=".starting-", dir=parent))
        self._ending.callback(shutil.rmtree, logs, ignore_errors=True)
        job = Job(order.suite, order.device, order.trust_remote_code, order.memory_limit_bytes)
        controller = self._ending.enter_context(Controller(job, self._launcher(), logs))
        try:
            ready = controller.start_worker()
        except CannotStart as error:
            raise NoWorker(str(error)) from None
        writer = self._ending.enter_context(create_run(order, plan(order.configurations), ready))
        controller.logs_folder = move_logs(logs, writer.folder)
        drawings, judge = judge_for(order, controller, writer.folder, self._listener)
        self._ending.callback(drawings.clear)
        self._started = _Started(controller, writer, judge)
        judge.prepare(order.configurations)
        return self._started


def _environment() -> dict[str, str]:
    return worker_environment(os.environ)
