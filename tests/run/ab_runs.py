"""A/B jobs on scripted devices: workers that tell whose turn it was, and a listener."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ab_jobs import installation

from sdbench.results.ab import BASELINE, CANDIDATE, CONTROL, AbJob
from sdbench.results.record import Record
from sdbench.run.ab import Wanted
from sdbench.run.ab_listener import Pair, Stage
from sdbench.run.ab_order import AbOrder
from sdbench.run.launch import Launcher
from sdbench.run.messages import Command, Draw, Event, Measure, Turn
from sdbench.run.order import Order
from sdbench.run.worker_process import RunningWorker
from sdbench.suite.configuration import Configuration

MODEL = {"id": "owner/model"}
ALL_SIDES = (BASELINE, CANDIDATE, CONTROL)


def job_order(order: Order, **fields: Any) -> AbOrder:
    """The A/B job of an order, of two sides that are the same."""
    content: dict[str, Any] = {
        "suite": order.suite,
        "configurations": order.configurations,
        "baseline": installation(),
        "candidate": installation(),
        "results": order.results,
        "device": order.device,
        "control": order.configurations[0],
        "screen_pairs": 2,
    }
    return AbOrder(**{**content, **fields})


class Turns:
    """Whose worker was started, what it was asked for, and how many were alive at most.

    Attributes:
        started: The side of each worker that was started.
        measured: For each round its side, the configuration's key there, and its number.
        called: The side of each timed call that took its turn.
        drawn: For each drawing its side, and whether one that is kept would do.
        alive: Workers that are alive now.
        most_alive: The most that were alive at once.
        servers_ended: The side of each launcher, each time that it was closed.
    """

    def __init__(self) -> None:
        self.started: list[str] = []
        self.measured: list[tuple[str, str, int]] = []
        self.called: list[str] = []
        self.drawn: list[tuple[str, bool]] = []
        self.alive = self.most_alive = 0
        self.servers_ended: list[str] = []

    def of(self, launcher: Launcher) -> dict[str, Launcher]:
        """A launcher for each side, that notes what becomes of its workers."""
        return {side: _NotingLauncher(side, launcher, self) for side in ALL_SIDES}


class _NotingLauncher:
    def __init__(self, side: str, launcher: Launcher, turns: Turns) -> None:
        self._side, self._launcher, self._turns = side, launcher, turns

    def start(self, name: str, log: Path) -> RunningWorker:
        self._turns.started.append(self._side)
        self._turns.alive += 1
        self._turns.most_alive = max(self._turns.most_alive, self._turns.alive)
        return _NotingWorker(self._side, self._launcher.start(name, log), self._turns)

    def close(self) -> None:
        self._turns.servers_ended.append(self._side)


class DelegatingWorker:
    """A worker in front of another one."""

    def __init__(self, worker: RunningWorker) -> None:
        self.name = worker.name
        self._worker = worker

    def send(self, command: Command) -> None:
        self._worker.send(command)

    def receive(self, timeout_s: float) -> Event | None:
        return self._worker.receive(timeout_s)

    def kill(self) -> None:
        self._worker.kill()


class WrappingLauncher:
    """Puts a worker in front of each that another launcher starts."""

    def __init__(
        self, launcher: Launcher, wrapper: Callable[[RunningWorker], RunningWorker]
    ) -> None:
        self._launcher, self._wrapper = launcher, wrapper

    def start(self, name: str, log: Path) -> RunningWorker:
        return self._wrapper(self._launcher.start(name, log))

    def close(self) -> None:
        pass


class _NotingWorker(DelegatingWorker):
    def __init__(self, side: str, worker: RunningWorker, turns: Turns) -> None:
        super().__init__(worker)
        self._side, self._turns = side, turns

    def send(self, command: Command) -> None:
        if isinstance(command, Measure):
            key = Configuration(command.knobs).key
            self._turns.measured.append((self._side, key, command.round))
        elif isinstance(command, Turn) and command.stop_reason is None:
            self._turns.called.append(self._side)
        elif isinstance(command, Draw):
            self._turns.drawn.append((self._side, command.is_shared))
        super().send(command)

    def kill(self) -> None:
        super().kill()
        self._turns.alive -= 1


class AbRecorder:
    """A listener that remembers what it is told."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.records: list[Record] = []
        self.notes: list[str] = []
        self.stages: list[Stage] = []
        self.pairs: list[Pair] = []

    def begun(self, folder: Path, device: str, configurations: Sequence[Configuration]) -> None:
        self.folder = folder

    def stage(self, stage: Stage) -> None:
        self.stages.append(stage)

    def pair(self, pair: Pair) -> None:
        self.pairs.append(pair)

    def phase(self, configuration: Configuration, phase: str) -> None:
        pass

    def finished(self, configuration: Configuration, record: Record) -> None:
        self.records.append(record)

    def note(self, text: str) -> None:
        self.notes.append(text)


def with_trained_pipeline(order: Order) -> Order:
    """The order of a pipeline whose pictures can be judged; without weights, they are noise."""
    fixed = {**order.suite.fixed, "pipeline": MODEL}
    configurations = [
        Configuration({**one.knobs, "pipeline": MODEL}) for one in order.configurations
    ]
    return replace(
        order, suite=replace(order.suite, fixed=fixed), configurations=tuple(configurations)
    )


def without_fidelity(order: Order) -> Order:
    """The order of a suite that judges no pictures."""
    return replace(order, suite=replace(order.suite, fidelity=None))


def nothing(job: AbJob) -> Sequence[str]:
    """No configuration is to get fresh pairs."""
    return ()


def always(key: str, of: list[int] | None = None) -> Wanted:
    """This configuration, whatever its pairs say; ``of`` takes how often that was asked."""

    def wanted(job: AbJob) -> Sequence[str]:
        if of is not None:
            of.append(len(job.baseline.records))
        return (key,)

    return wanted
