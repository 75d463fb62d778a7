"""One side of an A/B job while it is measured: its workers, its run, the worth of its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from sdbench.results.not_run import NO_WORKER
from sdbench.results.record import Record, Status
from sdbench.results.rounds import TIMED_STATUSES
from sdbench.results.store import LOGS_FOLDER, RunWriter, utc_now
from sdbench.run.controller import Controller, InTurns, Job, Progress
from sdbench.run.fork_launch import ForkServerLauncher
from sdbench.run.launch import Launcher
from sdbench.run.messages import Ready
from sdbench.run.order import Order
from sdbench.run.run_folder import move_logs, run_info
from sdbench.run.session import judge_for
from sdbench.run.worker_process import CannotStart
from sdbench.suite.configuration import Configuration


class AbSide:
    """A side. A context manager: on leaving, no worker and no server is left behind.

    Args:
        name: What it is called.
        order: What a run of this side alone would be asked for.
        launcher: What starts its workers.
        logs_folder: Where their logs go until there is a run.
    """

    def __init__(self, name: str, order: Order, launcher: Launcher, logs_folder: Path) -> None:
        self.name = name
        self._order = order
        self._launcher = launcher
        job = Job(order.suite, order.device, order.trust_remote_code)
        self._controller = Controller(job, launcher, logs_folder)
        self._writer: RunWriter | None = None
        self._judged: dict[str, Record] = {}

    def __enter__(self) -> AbSide:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._controller.__exit__(exc_type, exc, traceback)
        if self._writer is not None:
            self._writer.__exit__(exc_type, exc, traceback)

    def ready(self) -> Ready:
        """What a worker of this side says of its device.

        Raises:
            CannotStart: None could be started.
        """
        try:
            with self._named():
                return self._controller.start_worker()
        finally:
            self.end_worker()

    def create_run(self, folder: Path, ready: Ready, started_at: str) -> None:
        """Starts this side's run in a new folder, and moves the logs there."""
        info = run_info(self._order, self._order.configurations, ready, started_at)
        self._writer = RunWriter.create(folder, info)
        logs = self._controller.logs_folder
        self._controller.logs_folder = (
            move_logs(logs, folder) if logs.exists() else folder / LOGS_FOLDER
        )

    def draw(self, listener: Progress) -> None:
        """Judges the pictures of all configurations, to be told with their first round.

        Raises:
            CannotStart: A worker died, and no other could be started in its place.
        """
        configurations = self._order.configurations
        drawings, judge = judge_for(
            self._order, self._controller, self._run.folder, listener, draws_anew=True
        )
        try:
            judge.prepare(configurations)
            for one in configurations:
                self._judged[one.key] = judge.complete(one, _stand_in(one))
        finally:
            drawings.clear()
            self.end_worker()

    def measure(
        self, configurations: Sequence[Configuration], number: int, listener: Progress
    ) -> list[Record]:
        """A round of each of these configurations, in one worker unless it dies; then it ends.

        Raises:
            CannotStart: A worker died, and no other could be started in its place.
        """
        records = []
        try:
            for one in configurations:
                record = self._controller.round(one, number, self._run.folder, listener)
                records.append(self._kept(one, record, listener))
        finally:
            self.end_worker()
        return records

    def round_in_turns(
        self, configuration: Configuration, number: int, listener: Progress
    ) -> InTurns[Record]:
        """A round of a configuration, in steps; its worker stays for the next one.

        Raises:
            CannotStart: A worker died, and no other could be started in its place.
        """
        folder = self._run.folder
        record = yield from self._controller.round_in_turns(configuration, number, folder, listener)
        return self._kept(configuration, record, listener)

    def begin_server(self) -> None:
        """Starts what workers are forked from, where they are, and does not wait for it."""
        if isinstance(self._launcher, ForkServerLauncher):
            self._launcher.begin(self._server_log)

    def await_server(self) -> None:
        """Waits until that has imported what it forks: nothing can be timed while it does.

        Raises:
            CannotStart: It could not.
        """
        if isinstance(self._launcher, ForkServerLauncher):
            with self._named():
                self._launcher.start("server", self._server_log).kill()

    def end_worker(self) -> None:
        """Ends the worker, where there is one."""
        self._controller.kill_worker()

    def end_server(self) -> None:
        """Ends what workers are forked from; the next one starts another.

        All forks of one server lie in memory as it does. What that is worth differs from server to
        server (Mytkowicz and others, "Producing wrong data without doing anything obviously
        wrong!", ASPLOS 2009), and over pairs that shared it would pass for a difference between
        the builds.
        """
        self._launcher.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Says of what cannot start which side it is."""
        try:
            yield
        except CannotStart as error:
            raise CannotStart(f"{self.name}: {error}") from None

    @property
    def _server_log(self) -> Path:
        folder = self._controller.logs_folder
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "server.log"

    @property
    def _run(self) -> RunWriter:
        assert self._writer is not None, "the run is created before anything is measured"
        return self._writer

    def _kept(self, configuration: Configuration, record: Record, listener: Progress) -> Record:
        record = self._completed(configuration, record)
        self._run.append(record)
        listener.finished(configuration, record)
        return record

    def _completed(self, configuration: Configuration, record: Record) -> Record:
        """The record under the controller's key, the first one with what its pictures are worth.

        Another version of sdbench, which a worker may have, may call a configuration otherwise.
        """
        record = replace(record, key=configuration.key, knobs=dict(configuration.knobs))
        judged = self._judged.get(record.key) if record.round == 0 else None
        if judged is None or record.status not in TIMED_STATUSES:
            return record
        return replace(record, fidelity=judged.fidelity, notes=(*record.notes, *judged.notes))


def _stand_in(configuration: Configuration) -> Record:
    """A record for the judge, which adds to it, while there is none yet."""
    return Record(
        key=configuration.key,
        knobs=configuration.knobs,
        worker=NO_WORKER,
        started_at=utc_now(),
        status=Status.OK,
    )
