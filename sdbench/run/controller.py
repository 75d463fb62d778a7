"""The controller: walks through the plan, keeps a worker alive, and writes every record.

It never imports torch. While a worker measures, it sleeps in a blocking wait: a controller that
polls slows down what is timed (0.25 s became 0.91 s on two cores, with another tool).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeAlias, TypeVar

from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Record, Status, StopReason
from sdbench.results.store import IMAGES_FOLDER, RunWriter, utc_now
from sdbench.run.launch import Launcher
from sdbench.run.messages import (
    LOADING,
    Declined,
    Draw,
    Drawn,
    Finished,
    Measure,
    Phase,
    Ready,
    Refused,
    Start,
    Turn,
    Waiting,
)
from sdbench.run.plan import load_key
from sdbench.run.worker_process import CannotStart, RunningWorker, WorkerDied
from sdbench.suite.configuration import Configuration
from sdbench.suite.located import located
from sdbench.suite.model import Suite
from sdbench.units import format_bytes

_START_TIMEOUT_S = 300.0
"""Longest time for imports and the first touch of the device."""

_STARTS = 2
"""Tries to replace a worker before a run is stopped: a device may be busy for a moment."""

_DEATHS_AT_LOAD = 2
"""Workers that may die or hang while loading one pipeline before the rest of it is skipped."""

_NO_MORE_LOADS = f"{_DEATHS_AT_LOAD} workers died or hung while loading this pipeline"

_Result = TypeVar("_Result")

InTurns: TypeAlias = Generator[StopReason | None, StopReason | None, _Result]
"""What goes on in steps: before each timed call it yields why no further one is needed, or None,
and is sent why none is to be taken, or None for another one."""

Completion = Callable[[Configuration, Record], Record]
"""Adds to a record what is known only beside others."""


class Progress(Protocol):
    """Told how a run goes. Called between configurations and phases, never in a timed window."""

    def phase(self, configuration: Configuration, phase: str) -> None:
        """A configuration has entered a phase."""

    def finished(self, configuration: Configuration, record: Record) -> None:
        """A configuration has its record."""

    def note(self, text: str) -> None:
        """Something that a person who waits should know."""


@dataclass(frozen=True, slots=True)
class Job:
    """What workers are started for.

    Attributes:
        suite: The suite.
        device: Word for the device, such as ``auto`` or ``cuda:0``.
        trust_remote_code: Whether the user allowed models' own code on the command line.
        memory_limit_bytes: What workers may use of the device's memory, or None.
    """

    suite: Suite
    device: str
    trust_remote_code: bool = False
    memory_limit_bytes: int | None = None


def _for_workers(suite: Suite) -> dict[str, Any]:
    """The suite as workers get it: its files found, and without what they need not know.

    The sdbench of another installation may be of a time when there were no gates.
    """
    return {name: part for name, part in located(suite).to_json().items() if name != "gates"}


@dataclass(frozen=True, slots=True)
class _Loss:
    """A round whose worker cannot speak for it any more, or that never had one."""

    status: Status
    reason: str
    phase: str
    out_of_memory: OutOfMemory | None = None

    def record(
        self, configuration: Configuration, number: int, worker: str, started_at: str
    ) -> Record:
        return Record(
            key=configuration.key,
            knobs=dict(configuration.knobs),
            round=number,
            worker=worker,
            started_at=started_at,
            status=self.status,
            reason=self.reason,
            out_of_memory=self.out_of_memory,
        )


def _loss_by(death: WorkerDied, phase: str, rss_bytes: int | None) -> _Loss:
    """A round whose worker died; out of memory where the kernel ended it for that."""
    resident = f", with {format_bytes(rss_bytes)} resident when last told" if rss_bytes else ""
    if death.is_out_of_memory:
        reason = f"out of memory on the host: {death}{resident} (in phase: {phase})"
        return _Loss(Status.OOM, reason, phase, OutOfMemory(phase=phase))
    resident = resident if death.is_killed else ""
    return _Loss(Status.ERROR, f"{death}{resident} (in phase: {phase})", phase)


def _without_turns(steps: InTurns[_Result]) -> _Result:
    """What comes of steps that nobody waits between."""
    try:
        next(steps)
    except StopIteration as ended:
        result: _Result = ended.value
        return result
    raise AssertionError("a worker waits for a turn that it was not told of")


class Controller:
    """Measures configurations, one worker after the other as they are needed.

    A context manager: on leaving, no worker is left behind.

    Args:
        job: What workers are started for.
        launcher: What starts them.
        logs_folder: Where their logs go.
        workers_before: Workers that the run had before, when it goes on.
    """

    def __init__(
        self, job: Job, launcher: Launcher, logs_folder: Path, workers_before: int = 0
    ) -> None:
        self._job = job
        self._launcher = launcher
        self.logs_folder = logs_folder
        self._worker: RunningWorker | None = None
        self._workers_started = workers_before
        self._deaths_at_load: Counter[str] = Counter()

    def __enter__(self) -> Controller:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill_worker()
        self._launcher.close()

    def start_worker(self) -> Ready:
        """Starts a worker, and says what it has.

        Raises:
            CannotStart: It could not start; the message says why.
        """
        self._workers_started += 1
        name = f"worker-{self._workers_started}"
        self.logs_folder.mkdir(parents=True, exist_ok=True)
        worker = self._launcher.start(name, self.logs_folder / f"{name}.log")
        self._worker = worker
        worker.send(
            Start(
                suite=_for_workers(self._job.suite),
                device=self._job.device,
                trust_remote_code=self._job.trust_remote_code,
                name=name,
                memory_limit_bytes=self._job.memory_limit_bytes,
                folder=str(self._job.suite.folder) if self._job.suite.folder else None,
            )
        )
        try:
            answer = worker.receive(_START_TIMEOUT_S)
        except WorkerDied as death:
            self.kill_worker()
            raise CannotStart(f"no worker could be started: {death}") from None
        if isinstance(answer, Ready):
            return answer
        self.kill_worker()
        if isinstance(answer, Refused):
            raise CannotStart(answer.reason)
        raise CannotStart(f"a worker did not start within {_START_TIMEOUT_S:g} s")

    def measure(
        self,
        configurations: Iterable[Configuration],
        writer: RunWriter,
        progress: Progress,
        complete: Completion,
    ) -> None:
        """Measures each configuration once, in order; its record is on disk before the next.

        Args:
            configurations: What to measure.
            writer: Where the records go.
            progress: Told how it goes.
            complete: Adds to a record what is known only beside others.

        Raises:
            CannotStart: A worker died, and no other could be started in its place.
        """
        for configuration in configurations:
            record = self.round(configuration, 0, writer.folder, progress)
            record = complete(configuration, record)
            writer.append(record)
            progress.finished(configuration, record)

    def round(
        self, configuration: Configuration, number: int, run_folder: Path, progress: Progress
    ) -> Record:
        """One round of one configuration, whatever becomes of its worker."""
        return _without_turns(self._round(configuration, number, run_folder, progress, False))

    def round_in_turns(
        self, configuration: Configuration, number: int, run_folder: Path, progress: Progress
    ) -> InTurns[Record]:
        """The same in steps, one for each timed call, so that those of others come between."""
        return self._round(configuration, number, run_folder, progress, True)

    def _round(
        self,
        configuration: Configuration,
        number: int,
        run_folder: Path,
        progress: Progress,
        in_turns: bool,
    ) -> InTurns[Record]:
        key = load_key(configuration)
        started_at = utc_now()
        if self._deaths_at_load[key] >= _DEATHS_AT_LOAD:
            skipped = _Loss(Status.SKIPPED, _NO_MORE_LOADS, phase="")
            return skipped.record(configuration, number, "none", started_at)
        command = Measure(
            knobs=dict(configuration.knobs),
            round=number,
            images_folder=str((run_folder / IMAGES_FOLDER).absolute()),
            in_turns=in_turns,
        )
        timeout_s = self._job.suite.measure.timeout_s
        ending, worker, notes = yield from self._ask(command, configuration, timeout_s, progress)
        if isinstance(ending, Finished):
            return replace(ending.record, notes=(*notes, *ending.record.notes))
        assert isinstance(ending, _Loss)
        return ending.record(configuration, number, worker, started_at)

    def draw(self, command: Draw, timeout_s: float, progress: Progress) -> Drawn:
        """A drawing, whatever becomes of its worker.

        Raises:
            CannotStart: There is no worker, and none could be started.
        """
        configuration = Configuration(command.knobs)
        if self._deaths_at_load[load_key(configuration)] >= _DEATHS_AT_LOAD:
            return Drawn(status=Status.SKIPPED, reason=_NO_MORE_LOADS)
        ending, _, _ = _without_turns(self._ask(command, configuration, timeout_s, progress))
        if isinstance(ending, Drawn):
            return ending
        assert isinstance(ending, _Loss)
        return Drawn(status=ending.status, reason=ending.reason)

    def _ask(
        self,
        command: Measure | Draw,
        configuration: Configuration,
        timeout_s: float,
        progress: Progress,
    ) -> InTurns[tuple[Finished | Drawn | _Loss, str, tuple[str, ...]]]:
        """What becomes of a command, the worker's name, and why an earlier one declined."""
        notes: tuple[str, ...] = ()
        while True:
            worker = self._worker or self._replace_worker()
            worker.send(command)
            ending = yield from self._follow(worker, configuration, timeout_s, progress)
            if not isinstance(ending, Declined):
                return ending, worker.name, notes
            notes = (*notes, f"{ending.reason}: a new worker was started")

    def _follow(
        self,
        worker: RunningWorker,
        configuration: Configuration,
        timeout_s: float,
        progress: Progress,
    ) -> InTurns[Finished | Drawn | Declined | _Loss]:
        """Waits for a command's end, or for the worker's end or a timeout; a loss ends the worker.

        So does a worker's word that it must not be used again. Loading has a timeout of its own.
        """
        ending = yield from self._ending(worker, configuration, timeout_s, progress)
        if isinstance(ending, _Loss):
            self.kill_worker()
            if ending.phase == LOADING:
                self._deaths_at_load[load_key(configuration)] += 1
        elif isinstance(ending, Declined) or ending.is_spent:
            self.kill_worker()
        return ending

    def _ending(
        self,
        worker: RunningWorker,
        configuration: Configuration,
        timeout_s: float,
        progress: Progress,
    ) -> InTurns[Finished | Drawn | Declined | _Loss]:
        phase, limit_s, rss_bytes = "set-up", timeout_s, None
        deadline = time.monotonic() + limit_s
        while True:
            try:
                event = worker.receive(deadline - time.monotonic())
            except WorkerDied as death:
                return _loss_by(death, phase, rss_bytes)
            if isinstance(event, (Finished, Drawn, Declined)):
                return event
            if event is None:
                reason = f"no end within {limit_s:g} s, in phase: {phase}"
                return _Loss(Status.TIMEOUT, reason, phase)
            if isinstance(event, Waiting):
                waits_since = time.monotonic()
                worker.send(Turn(stop_reason=(yield event.stop_reason)))
                deadline += time.monotonic() - waits_since
                continue
            assert isinstance(event, Phase)
            if LOADING in (event.name, phase):
                is_loading = event.name == LOADING
                limit_s = self._job.suite.measure.load_timeout_s if is_loading else timeout_s
                deadline = time.monotonic() + limit_s
            phase, rss_bytes = event.name, event.rss_bytes
            progress.phase(configuration, phase)

    def _replace_worker(self) -> RunningWorker:
        for attempt in range(1, _STARTS + 1):
            try:
                self.start_worker()
                break
            except CannotStart:
                if attempt == _STARTS:
                    raise
        assert self._worker is not None
        return self._worker

    def kill_worker(self) -> None:
        """Ends the worker; the next round starts another."""
        if self._worker is not None:
            self._worker.kill()
            self._worker = None
