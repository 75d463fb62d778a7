"""What the controller takes of a processor while a worker measures: a real sweep, on the CPU.

    python benchmarks/controller.py [--configurations 12] [--steps 4]

This process is the controller: it plans, tells how the run goes, and stores every record. Workers
are processes of their own, and are not counted. A worker measures from the moment it is asked for a
round until its record is there; what comes between rounds (storing the record, the line of
progress) is printed apart, and so is the start. Short calls of a small pipeline are the hard case:
there is more to tell in a second. The goal is less than 2 % of one core; the exit code is 1 where
it is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sdbench.cli.progress import progress_for
from sdbench.run.environment import worker_environment
from sdbench.run.launch import Launcher, launcher_for
from sdbench.run.messages import Command, Declined, Event, Finished, Measure
from sdbench.run.order import Order
from sdbench.run.session import run_suite
from sdbench.run.worker_process import RunningWorker
from sdbench.suite.expand import configurations
from sdbench.suite.load import suite_from_mapping
from sdbench.suite.model import Suite

GOAL_RATIO = 0.02
"""Of one core. What is timed shares the machine with the controller: on two cores a controller that
polls has made a call of 0.25 s take 0.91 s."""

SCHEDULERS = ("euler", "ddim", "dpmpp_2m", "heun", "unipc", "pndm")

Clock = Callable[[], float]
"""Seconds since any moment."""


def processor_s() -> float:
    """Seconds that this process has had of processors, in all its threads, without its children."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@dataclass
class Spent:
    """Seconds of the controller's processor, and of the clock.

    Attributes:
        processor_s: Those that the controller computed.
        wall_s: Those that went by.
    """

    processor_s: float = 0.0
    wall_s: float = 0.0

    @property
    def ratio(self) -> float:
        """Share of one core (1.0 = 100 %)."""
        return self.processor_s / self.wall_s if self.wall_s else 0.0

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.processor_s - other.processor_s, self.wall_s - other.wall_s)

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.processor_s + other.processor_s, self.wall_s + other.wall_s)


@dataclass
class Meter:
    """Sums up what is spent while a worker measures.

    Attributes:
        rounds: How many rounds ended with a record.
        measuring: What was spent in them.
        first: What had been spent when the first one began; None before.
        last: What had been spent when the last one ended.
    """

    processor: Clock = processor_s
    wall: Clock = time.perf_counter
    rounds: int = 0
    measuring: Spent = field(default_factory=Spent)
    first: Spent | None = None
    last: Spent = field(default_factory=Spent)
    _since: Spent | None = None

    def begins(self) -> None:
        """A worker was asked for a round."""
        self._since = self._now()
        self.first = self.first or self._since

    def ends(self, *, with_record: bool) -> None:
        """It has answered."""
        if self._since is None:
            return
        self.last = self._now()
        self.measuring += self.last - self._since
        self._since = None
        self.rounds += with_record

    @property
    def between(self) -> Spent:
        """What was spent between rounds, from the beginning of the first to the end of the last."""
        return Spent() if self.first is None else self.last - self.first - self.measuring

    def _now(self) -> Spent:
        return Spent(self.processor(), self.wall())


@dataclass
class MeteredWorker:
    """See `sdbench.run.worker_process.RunningWorker`."""

    worker: RunningWorker
    meter: Meter

    @property
    def name(self) -> str:
        """Name of the worker in records."""
        return self.worker.name

    def send(self, command: Command) -> None:
        """Hands on a command; of a round the meter is told."""
        if isinstance(command, Measure):
            self.meter.begins()
        self.worker.send(command)

    def receive(self, timeout_s: float) -> Event | None:
        """Hands on an event; the meter is told of a round's end."""
        event = self.worker.receive(timeout_s)
        if isinstance(event, (Finished, Declined)):
            self.meter.ends(with_record=isinstance(event, Finished))
        return event

    def kill(self) -> None:
        """Ends it at once."""
        self.worker.kill()


@dataclass(frozen=True)
class MeteredLauncher:
    """Starts workers that a meter is told of."""

    launcher: Launcher
    meter: Meter

    def start(self, name: str, log: Path) -> MeteredWorker:
        """A new worker."""
        return MeteredWorker(self.launcher.start(name, log), self.meter)

    def close(self) -> None:
        """Ends what the launcher itself started."""
        self.launcher.close()


def suite(count: int, steps: int) -> Suite:
    """So many configurations of the tiny pipeline; equal times are of no matter here."""
    scales = [2.0 + index for index in range(-(-count // len(SCHEDULERS)))]
    return suite_from_mapping(
        {
            "name": "controller",
            "fixed": {"pipeline": {"builtin": "tiny"}, "steps": steps, "threads": 1},
            "axes": {"guidance_scale": scales, "scheduler": list(SCHEDULERS[:count])},
            "measure": {"default": False, "confirm_rounds": 0, "max_warmup": 1, "max_samples": 10},
            "fidelity": "off",
        },
        Path(),
    )


def sweep(of: Suite, count: int, folder: Path, device: str) -> Meter:
    """Measures the first configurations of a suite, as the command line does."""
    meter = Meter()
    asked = configurations(of)[:count]
    order = Order(
        suite=of,
        configurations=asked,
        results=folder,
        device=device,
        command_line=("benchmarks/controller.py",),
    )
    launcher = MeteredLauncher(launcher_for(device, worker_environment(os.environ)), meter)
    with progress_for(asked) as listener:
        outcome = run_suite(order, launcher, listener)
    assert outcome.stopped is None, outcome.stopped
    return meter


def main() -> int:
    """Prints the shares; 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configurations", type=int, default=12)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        of = suite(arguments.configurations, arguments.steps)
        meter = sweep(of, arguments.configurations, Path(folder), arguments.device)
    started = meter.first or Spent()
    print(f"start, imports among it: {started.processor_s:.2f} s of the processor")
    for what, spent in (("a worker measures", meter.measuring), ("between rounds", meter.between)):
        round_ms = spent.processor_s / meter.rounds * 1e3
        print(
            f"{what}: {spent.processor_s:.3f} s of the processor in {spent.wall_s:.1f} s: "
            f"{spent.ratio:.2%} of one core, {round_ms:.2f} ms a round"
        )
    return 0 if meter.measuring.ratio < GOAL_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
