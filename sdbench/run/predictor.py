"""Predictions for a suite: kept ones, and new ones from a process that may import torch."""

from __future__ import annotations

import os
import queue
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sdbench.predict.cache import PredictionCache
from sdbench.predict.footprint import Footprint
from sdbench.predict.memory_knobs import group_key, memory_key, memory_knobs
from sdbench.predict.messages import Predicted, Wanted
from sdbench.predict.target import Target
from sdbench.predict.verdict import Verdict, verdict
from sdbench.results.figure import Figure, Origin
from sdbench.results.prediction import Fit, Prediction
from sdbench.run.environment import versions, worker_environment
from sdbench.run.ownership import with_controller
from sdbench.run.predicting_process import Answers, CannotPredict, started
from sdbench.suite.configuration import Configuration
from sdbench.suite.located import located, located_knobs
from sdbench.suite.model import Suite
from sdbench.units import format_bytes

FOLDER = ".predictions"
"""Where predictions are kept, below the folder of results; it can be removed at any time."""

_SCRIPTED = "scripted"
"""The word for a device whose memory its script says: nothing about it can be predicted."""

COMMAND = (sys.executable, "-m", "sdbench.predict.worker")
"""What starts the process that predicts."""

Told = Callable[[int, int], None]
"""Told how many kinds of configurations are predicted, and of how many."""


_GROUPS_OF_A_PROCESS = 3
"""A process takes seconds for its imports, as long as it takes for some groups of configurations
that differ in nothing but the batch size."""

_MOST_DEATHS = 3
"""Processes that may die before it is given up: it is not the configurations then."""

_MOST_PROCESSES = 4
"""Each takes half a GiB of memory for its libraries."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be predicted, and for what.

    Attributes:
        suite: The suite.
        configurations: Of it, those that are to be predicted.
        target: The device.
        trust_remote_code: Whether the user allowed models' own code on the command line.
    """

    suite: Suite
    configurations: Sequence[Configuration]
    target: Target
    trust_remote_code: bool = False


class Predictor:
    """Predicts, each kind of configuration once.

    Args:
        folder: Where predictions are kept.
        environment: The controller's environment variables.
        command: In place of `COMMAND`.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        command: Sequence[str] | None = None,
    ) -> None:
        self._folder = folder
        self._environment = with_controller(worker_environment(environment))
        # It computes nothing: it needs no GPU, and threads would but wait for each other.
        self._environment |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
        self._command = tuple(command or COMMAND)

    def predict(
        self, question: Question, told: Told = lambda done, of: None, timeout_s: float | None = None
    ) -> dict[str, Prediction]:
        """A prediction for each configuration, by its key.

        Args:
            question: What is to be predicted.
            told: Told how it goes.
            timeout_s: Longest time; None for as long as it takes.

        Raises:
            CannotPredict: The process that predicts died, or was too slow.
        """
        target, folder = question.target, question.suite.folder
        inputs = located(question.suite).inputs
        cache = PredictionCache(self._folder, inputs, target.compute_capability, versions())
        kinds = {
            memory_key(each): Configuration(located_knobs(each.knobs, folder))
            for each in question.configurations
        }
        known = {
            kind: kept
            for kind, configuration in kinds.items()
            if (kept := cache.load(configuration)) is not None and _is_enough(kept, target)
        }
        new = [kind for kind in kinds if kind not in known]
        failure: CannotPredict | None = None
        try:
            if new:
                told(len(known), len(kinds))
            for predicted in self._ask(question, [kinds[kind] for kind in new], timeout_s):
                kind = new[predicted.index]
                known[kind] = predicted.footprint
                cache.keep(kinds[kind], predicted.footprint)
                told(len(known), len(kinds))
        except CannotPredict as error:
            failure = error
        found = {
            each.key: _prediction(each.key, known[kind], target)
            for each in question.configurations
            if (kind := memory_key(each)) in known
        }
        if failure is not None:
            failure.found = found
            raise failure
        return found

    def _ask(
        self, question: Question, new: Sequence[Configuration], timeout_s: float | None
    ) -> Iterator[Predicted]:
        """What is told of each of the new ones, in any order, by as many processes as it pays for.

        A process that dies costs the figures of what it was at; another goes on with the rest.

        Raises:
            CannotPredict: Processes died again and again, or they were too slow.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        answers: Answers = queue.SimpleQueue()
        with ExitStack() as processes:

            def start(places: Sequence[int]) -> None:
                wanted = Wanted(
                    suite=located(question.suite).to_json(),
                    configurations=tuple(memory_knobs(new[place]) for place in places),
                    target=question.target,
                    trust_remote_code=question.trust_remote_code,
                )
                process = processes.enter_context(started(self._command, self._environment))
                process.ask(wanted, places, answers)

            for places in shares(new, usable_cores()):
                start(places)
            left, deaths, is_answered = len(new), 0, False
            while left:
                left_s = None if deadline is None else max(0.0, deadline - time.monotonic())
                try:
                    answer = answers.get(timeout=left_s)
                except queue.Empty:
                    raise CannotPredict(f"no end within {timeout_s:g} s") from None
                if isinstance(answer, Predicted):
                    left, is_answered = left - 1, True
                    yield answer
                    continue
                deaths += 1
                lost, rest = _lost_and_rest(new, answer.unanswered)
                if deaths == _MOST_DEATHS or not (rest or is_answered):
                    raise answer
                left -= len(lost)
                unknown = Footprint.absent(answer.problem, is_lasting=False)
                yield from (Predicted(index=place, footprint=unknown) for place in lost)
                if rest:
                    start(rest)


def predictor_for(device: str, results: Path, environment: Mapping[str, str]) -> Predictor | None:
    """What predicts for a device; None where its memory follows from a script.

    Args:
        device: Word for the device.
        results: Folder that holds all results.
        environment: The controller's environment variables.
    """
    if device.partition(":")[0] == _SCRIPTED:
        return None
    return Predictor(results / FOLDER, environment)


def shares(configurations: Sequence[Configuration], cores: int) -> list[list[int]]:
    """For each process the places of those that it predicts; groups stay together.

    Args:
        configurations: What is to be predicted.
        cores: How many processes can compute at once.
    """
    groups: dict[str, list[int]] = {}
    for place, configuration in enumerate(configurations):
        groups.setdefault(group_key(configuration), []).append(place)
    processes = max(1, min(cores, _MOST_PROCESSES, len(groups) // _GROUPS_OF_A_PROCESS))
    size = max(1, -(-len(groups) // processes))
    ordered = list(groups.values())
    return [
        [place for group in ordered[begin : begin + size] for place in group]
        for begin in range(0, len(ordered), size)
    ]


def _lost_and_rest(
    configurations: Sequence[Configuration], unanswered: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Of what a dead process left, the places of the group that it was at, and the others."""
    culprit = group_key(configurations[unanswered[0]])
    lost = [place for place in unanswered if group_key(configurations[place]) == culprit]
    return lost, [place for place in unanswered if place not in lost]


def usable_cores() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_enough(footprint: Footprint, target: Target) -> bool:
    """Whether what was kept tells all that a target asks for."""
    return footprint.least_capacity_bytes is not None or not footprint.hangs_on_capacity(target)


def _prediction(key: str, footprint: Footprint, target: Target) -> Prediction:
    peak = footprint.peak_allocated_bytes
    told = (
        Verdict(None, str(peak.reason))
        if peak.value is None
        else verdict(int(peak.value), target, footprint.least_capacity_bytes)
    )
    return Prediction(
        key=key,
        peak_allocated_bytes=peak,
        interval_bytes=footprint.interval_bytes,
        stage=footprint.stage,
        stage_peak_allocated_bytes=footprint.stage_peak_allocated_bytes,
        peak_reserved_bytes=_reserved(footprint.peak_reserved_bytes, told.fit, target),
        verdict=told.fit,
        reason=told.reason,
    )


def _reserved(reserved: Figure, fit: Fit | None, target: Target) -> Figure:
    """What an allocator would hold, and no more than there is where the configuration runs."""
    if reserved.value is None or target.limit_bytes is None or fit in (None, Fit.DOES_NOT_FIT):
        return reserved
    free_bytes = target.limit_bytes - target.context_bytes
    if reserved.value <= free_bytes:
        return reserved
    remark = f"all that is free: with more it would hold {format_bytes(int(reserved.value))}"
    return Figure(free_bytes, Origin.PREDICTED, remark)
