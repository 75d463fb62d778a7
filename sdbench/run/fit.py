"""A search for settings that fit: runs what a guide asks for, one after the other, under a limit.

Two runs come of it. One holds what was measured under the limit, the other what was measured
without, so that in each of them all records were taken under the same conditions.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sdbench.jsontypes import JsonValue
from sdbench.results.prediction import Prediction
from sdbench.results.record import Record
from sdbench.run.controller import Controller, Job
from sdbench.run.forecast import Predicts
from sdbench.run.judge import Judge
from sdbench.run.launch import Launcher
from sdbench.run.messages import Ready
from sdbench.run.order import Order
from sdbench.run.predict_target import target_of
from sdbench.run.predicting_process import CannotPredict
from sdbench.run.predictor import Question
from sdbench.run.run_folder import create_run, move_logs
from sdbench.run.session import RunListener, judge_for, run_suite
from sdbench.run.worker_process import CannotStart
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite

_PREDICTION_TIMEOUT_S = 120.0
"""What would be predicted in more time is run without."""

_LONGEST_NAME = 100
"""What `sdbench.suite.model.NAME_PATTERN` takes."""

_UNDER_LIMIT, _WITHOUT_LIMIT = "-fit", "-fit-unlimited"
"""What the names of the two runs' folders end in."""


class Guide(Protocol):
    """Says what to run; `sdbench.analysis.climb.Climb` does."""

    def begin(self, torch_device: str, fingerprint: Mapping[str, JsonValue]) -> None:
        """Takes what the worker tells of its device."""

    def candidates(self) -> Sequence[Configuration]:
        """All that may be run, the most welcome first."""

    def expect(self, predictions: Mapping[str, Prediction]) -> None:
        """Takes predictions by key."""

    def next(self) -> Configuration | None:
        """What to run next under the limit, or None at the end of the search."""

    def tell(self, record: Record) -> None:
        """Takes what became of it."""

    def answer(self) -> Record | None:
        """After the search: the record of what fits with the least loss, or None without one."""

    def tell_judged(self, record: Record) -> None:
        """Takes that record again, with its fidelity."""

    def follow_up(self) -> Sequence[Configuration]:
        """What to measure without the limit after the search."""


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """How a search went.

    Attributes:
        folder: The run under the limit.
        ready: The device.
        unlimited: Records without the limit, by key.
        stopped: Why it ended early, or None where it did not.
    """

    folder: Path
    ready: Ready
    unlimited: Mapping[str, Record]
    stopped: str | None = None


def fit(
    order: Order,
    guide: Guide,
    launcher: Launcher,
    listener: RunListener,
    predictor: Predicts | None = None,
    *,
    measures_costs: bool = True,
) -> FitOutcome:
    """Runs what the guide asks for under the limit, until it asks for no more; then the follow-up.

    Args:
        order: Suite, device, memory limit; its one configuration is the wanted one.
        guide: Says what to run.
        launcher: What starts workers.
        listener: Told how it goes.
        predictor: Predicts what needs how much memory; None where all is to be run.
        measures_costs: Whether to judge the answer's pictures, and to follow up without the limit.

    Raises:
        CannotStart: No worker could start, for example since the device is not there.
    """
    outcome = _search(order, guide, launcher, listener, predictor, measures_costs)
    following = guide.follow_up() if measures_costs and outcome.stopped is None else ()
    if not following:
        return outcome
    listener.note("without the limit, for what is saved, what it costs, or what is missing:")
    unlimited = replace(
        order,
        suite=_part_of(order.suite, _WITHOUT_LIMIT),
        configurations=tuple(following),
        memory_limit_bytes=None,
    )
    collector = _Collector(listener)
    try:
        stopped = run_suite(unlimited, launcher, collector).stopped
    except CannotStart as error:
        stopped = str(error)
    return replace(outcome, unlimited=collector.records, stopped=stopped)


def _search(
    order: Order,
    guide: Guide,
    launcher: Launcher,
    listener: RunListener,
    predictor: Predicts | None,
    measures_costs: bool,
) -> FitOutcome:
    order = replace(order, suite=_part_of(order.suite, _UNDER_LIMIT))
    parent = order.results / order.suite.name
    parent.mkdir(parents=True, exist_ok=True)
    logs = Path(tempfile.mkdtemp(prefix=".starting-", dir=parent))
    job = Job(
        order.suite,
        order.device,
        order.trust_remote_code,
        memory_limit_bytes=order.memory_limit_bytes,
    )
    try:
        with Controller(job, launcher, logs) as controller:
            ready = controller.start_worker()
            guide.begin(ready.torch_device, ready.fingerprint)
            writer = create_run(order, order.configurations, ready)
            controller.logs_folder = move_logs(logs, writer.folder)
            listener.begun(writer.folder, ready.device, 0, 0)
            stopped = None
            with writer:
                drawings, judge = judge_for(order, controller, writer.folder, listener)
                try:
                    _predict(order, guide, ready, listener, predictor)
                    while (configuration := guide.next()) is not None:
                        record = controller.round(configuration, 0, writer.folder, listener)
                        writer.append(record)
                        listener.finished(configuration, record)
                        guide.tell(record)
                    found = guide.answer()
                    if found is not None and measures_costs:
                        judged = _judged(judge, found)
                        writer.append(judged)
                        guide.tell_judged(judged)
                except KeyboardInterrupt:
                    stopped = "interrupted"
                except CannotStart as error:
                    stopped = str(error)
                finally:
                    drawings.clear()
            return FitOutcome(writer.folder, ready, {}, stopped)
    finally:
        shutil.rmtree(logs, ignore_errors=True)


def _judged(judge: Judge, record: Record) -> Record:
    """The record with its fidelity; references are drawn for the answer alone."""
    configuration = Configuration(record.knobs)
    judge.prepare([configuration])
    return judge.complete(configuration, record)


def _predict(
    order: Order,
    guide: Guide,
    ready: Ready,
    listener: RunListener,
    predictor: Predicts | None,
) -> None:
    """Tells the guide what can be predicted; a failure costs what was not predicted yet."""
    if predictor is None:
        return
    candidates = guide.candidates()
    listener.note(f"predicting the memory of {len(candidates)} sets of rungs")
    target = target_of(ready, order.memory_limit_bytes)
    question = Question(order.suite, candidates, target, order.trust_remote_code)
    try:
        found: Mapping[str, Prediction] = predictor.predict(
            question, timeout_s=_PREDICTION_TIMEOUT_S
        )
    except CannotPredict as failure:
        listener.note(f"{failure}; what is not predicted is run all the same")
        found = failure.found
    guide.expect(found)


def _part_of(suite: Suite, ending: str) -> Suite:
    """The suite under a name of its own: its runs are no runs of the whole suite.

    The limit that is searched for stands in place of the suite's own, which compares with more than
    what is allocated: what fits would be ruled out by it when the run is read again.
    """
    return replace(
        suite,
        name=suite.name[: _LONGEST_NAME - len(ending)] + ending,
        limits=replace(suite.limits, memory_bytes=None),
    )


class _Collector:
    """Keeps the records that go past it."""

    def __init__(self, listener: RunListener) -> None:
        self._listener = listener
        self.records: dict[str, Record] = {}

    def begun(self, folder: Path, device: str, planned: int, done: int) -> None:
        """Hands on that a run has begun."""
        self._listener.begun(folder, device, planned, done)

    def phase(self, configuration: Configuration, phase: str) -> None:
        """Hands on that a phase has begun."""
        self._listener.phase(configuration, phase)

    def finished(self, configuration: Configuration, record: Record) -> None:
        """Keeps the record, and hands it on."""
        self.records[record.key] = record
        self._listener.finished(configuration, record)

    def note(self, text: str) -> None:
        """Hands on a note."""
        self._listener.note(text)

    def again(self, count: int, number: int, rounds: int) -> None:
        """Hands on that a fresh round begins; a search asks for none."""
        self._listener.again(count, number, rounds)

    def batch(self, why: str, count: int) -> None:
        """Hands on that more come; a search measures all."""
        self._listener.batch(why, count)
