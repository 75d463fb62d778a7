"""Whether devices of one machine are equal, and whether they disturb each other.

The same configuration is measured on each device alone, one after the other, and then on all at
once. Each device keeps one worker meanwhile, which waits before every timed call to be told to go
on: while one device is measured alone, the others do nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from sdbench.results.record import Record, StopReason
from sdbench.results.rounds import TIMED_STATUSES
from sdbench.results.store import IMAGES_FOLDER
from sdbench.run.controller import Controller, InTurns, Job
from sdbench.run.launch import Launcher
from sdbench.run.worker_process import CannotStart, RunningWorker
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite
from sdbench.units import format_seconds

NOTED_RATIO = 0.03
"""What equal devices may differ by, and what neighbours may cost: one build differs from run to run
by as much (`sdbench.suite.gates.BETWEEN_RUNS`)."""

_SAMPLES = 6
"""Timed calls on each device alone: the fewest whose median has an interval of 95 %."""

_MOST_SAMPLES = 60
"""When all run, those that are through go on until the last is, but not for ever."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the check has found.

    Attributes:
        alone_s: Median seconds of a call on each device alone, by its word.
        together_s: The same while all run.
        problems: Why a device has no figure, by its word.
    """

    alone_s: Mapping[str, float]
    together_s: Mapping[str, float] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    def of(self, words: Collection[str]) -> Neighbours:
        """What it has found of some of the devices, which are of one kind."""
        return Neighbours(
            {word: time_s for word, time_s in self.alone_s.items() if word in words},
            {word: time_s for word, time_s in self.together_s.items() if word in words},
            {word: why for word, why in self.problems.items() if word in words},
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of their figures should know, in sentences."""
        found = [
            f"neighbour check: {word} has no figure: {why}" for word, why in self.problems.items()
        ]
        found += [
            f"neighbour check: alone, {word} takes {_percent(ratio)} {_more(ratio)} than the "
            "median of its kind: figures from different devices are not quite comparable"
            for word, ratio in self._differing().items()
            if abs(ratio) > NOTED_RATIO
        ]
        found += [
            f"neighbour check: {word} takes {_percent(ratio)} more while all run than alone: they "
            "share power, cooling, the bus or the CPU"
            for word, ratio in self._disturbed().items()
            if ratio > NOTED_RATIO
        ]
        return tuple(found) or self._fine()

    def _differing(self) -> dict[str, float]:
        """By what share each device's time is above the median of all, when alone."""
        middle = median(self.alone_s.values()) if self.alone_s else 1.0
        return {word: time_s / middle - 1 for word, time_s in self.alone_s.items()}

    def _disturbed(self) -> dict[str, float]:
        """By what share each device takes longer while all run."""
        both = self.alone_s.keys() & self.together_s.keys()
        return {
            word: self.together_s[word] / time_s - 1
            for word, time_s in self.alone_s.items()
            if word in both
        }

    def _fine(self) -> tuple[str, ...]:
        if not self.together_s:
            return ()
        low, high = min(self.alone_s.values()), max(self.alone_s.values())
        most = max(0.0, *self._disturbed().values())
        several = f"{format_seconds(low)} to {format_seconds(high)} on each of {len(self.alone_s)}"
        alone = f"{several} devices" if len(self.alone_s) > 1 else format_seconds(low)
        return (
            f"neighbour check: a call takes {alone} alone, and at most {_percent(most)} more while "
            "all devices run",
        )


def _percent(ratio: float) -> str:
    return f"{abs(100 * ratio):.1f} %"


def _more(ratio: float) -> str:
    return "more" if ratio > 0 else "less"


def check_neighbours(
    jobs: Mapping[str, Job],
    launchers: Mapping[str, Launcher],
    control: Configuration,
) -> Neighbours:
    """Measures a configuration on each device alone, and then on all at once.

    Args:
        jobs: For each device, by its word, what is measured there.
        launchers: What starts their workers.
        control: The configuration.
    """
    with TemporaryDirectory(prefix="sdbench-neighbours-") as folder, ExitStack() as ending:
        threads = ending.enter_context(ThreadPoolExecutor(len(jobs)))
        seats = [
            ending.enter_context(_Seat(word, job, launchers[word], Path(folder) / str(number)))
            for number, (word, job) in enumerate(jobs.items())
        ]
        # On leaving, workers end first, and with them what the threads wait for.
        list(threads.map(lambda seat: seat.prepare(control, 0), seats))
        for seat in seats:
            threads.submit(seat.measure, lambda: True).result()
        alone_s = {seat.word: seat.median_s for seat in seats if seat.median_s is not None}
        usable = [seat for seat in seats if seat.problem is None]
        if len(usable) > 1:
            list(threads.map(lambda seat: seat.prepare(control, 1), usable))
            usable = [seat for seat in usable if seat.problem is None]
            list(
                threads.map(
                    lambda seat: seat.measure(lambda: all(one.has_enough for one in usable)),
                    usable,
                )
            )
        together_s = {
            seat.word: seat.median_s
            for seat in usable
            if len(usable) > 1 and seat.median_s is not None
        }
        problems = {seat.word: seat.problem for seat in seats if seat.problem is not None}
    return Neighbours(alone_s, together_s, problems)


def control_suite(suite: Suite) -> Suite:
    """A suite as the check measures it: few calls, and no pictures to judge."""
    protocol = replace(
        suite.measure,
        min_samples=_SAMPLES,
        max_samples=_MOST_SAMPLES,
        target_interval=1.0,
        default=False,
        confirm_rounds=0,
    )
    return replace(suite, measure=protocol, fidelity=None)


class _Seat:
    """A device with its worker.

    Attributes:
        word: The device.
        median_s: Median of the latest round's calls, or None.
        has_enough: Whether the round that runs needs no further call.
        problem: Why there is no figure, or None.
    """

    def __init__(self, word: str, job: Job, launcher: Launcher, folder: Path) -> None:
        self.word = word
        self.median_s: float | None = None
        self.has_enough = False
        self.problem: str | None = None
        self._launcher = launcher
        self._is_closed = False
        self._controller = Controller(job, self, folder)
        self._folder = folder
        (folder / IMAGES_FOLDER).mkdir(parents=True)
        self._steps: InTurns[Record] | None = None
        self._reason: StopReason | None = None

    def __enter__(self) -> _Seat:
        return self

    def __exit__(self, *error: object) -> None:
        self._is_closed = True
        self._controller.kill_worker()

    def start(self, name: str, log: Path) -> RunningWorker:
        """A worker, as long as any are wanted: a thread may ask when all is to end."""
        if self._is_closed:
            raise CannotStart("the check has ended")
        return self._launcher.start(name, log)

    def close(self) -> None:
        """There is nothing to end."""

    def prepare(self, control: Configuration, number: int) -> None:
        """Loads, sets up and warms up; the device does nothing afterwards."""
        self.has_enough, self.median_s = False, None
        self._steps = self._controller.round_in_turns(control, number, self._folder, _Silent())
        self._go_on(None)

    def measure(self, is_enough: Callable[[], bool]) -> None:
        """Takes timed calls: enough, and then more until nobody needs them."""
        while self._steps is not None:
            self.has_enough = self._reason is not None
            wants_more = self._reason is StopReason.CONVERGED and not is_enough()
            answer = None if wants_more else self._reason
            self._go_on(answer)

    def _go_on(self, answer: StopReason | None) -> None:
        """To the next timed call, or to the end."""
        assert self._steps is not None
        try:
            self._reason = self._steps.send(answer)
        except StopIteration as ended:
            self._end(ended.value)
        except CannotStart as error:
            self._end(str(error))

    def _end(self, ended: Record | str) -> None:
        self._steps, self.has_enough = None, True
        if isinstance(ended, str):
            self.problem = ended
        elif ended.status in TIMED_STATUSES and ended.samples_s:
            self.median_s = median(ended.samples_s)
        else:
            self.problem = ended.reason or ended.status.value


class _Silent:
    """A listener who need not know."""

    def phase(self, configuration: Configuration, phase: str) -> None:
        """Says nothing."""

    def finished(self, configuration: Configuration, record: Record) -> None:
        """Says nothing."""

    def note(self, text: str) -> None:
        """Says nothing."""
