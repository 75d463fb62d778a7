"""What a run expects of the memory of its configurations: their order, and what it rules out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from sdbench.predict.target import Target
from sdbench.results.not_run import not_run
from sdbench.results.prediction import Fit, Prediction
from sdbench.results.record import Record, Status
from sdbench.run.plan import load_key
from sdbench.run.predicting_process import CannotPredict
from sdbench.run.predictor import Question, Told
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite
from sdbench.units import format_bytes, format_seconds

_TIMEOUT_S = 300.0
"""What would be predicted in more time is measured without."""

_LONG_S = 30.0
"""Whoever waits longer than this is told so, and how to go without."""

_TELLING_S = 3.0
"""From less time, the rest of it cannot be told."""


class Predicts(Protocol):
    """Predicts configurations; `sdbench.run.predictor.Predictor` does."""

    def predict(
        self, question: Question, told: Told = ..., timeout_s: float | None = ...
    ) -> Mapping[str, Prediction]:
        """A prediction for each configuration, by its key.

        Raises:
            CannotPredict: It came to no end.
        """


class Notes(Protocol):
    """Takes remarks for a person who waits."""

    def note(self, text: str) -> None:
        """Something that a person who waits should know."""


class Forecast:
    """Predictions for the configurations of a run; without any, nothing is expected.

    Args:
        predictions: Predictions by key.
        target: What they were made for.
    """

    def __init__(
        self, predictions: Mapping[str, Prediction] | None = None, target: Target | None = None
    ) -> None:
        self._predictions = predictions or {}
        self._target = target
        self.is_made = predictions is not None

    def ordered(self, planned: Iterable[Configuration]) -> tuple[Configuration, ...]:
        """The plan, with what needs more memory later among those of one load.

        So an end for want of memory loses nothing that would have fitted. What is not predicted
        comes last; equals stay in their order.
        """
        loads: dict[str, list[Configuration]] = {}
        for configuration in planned:
            loads.setdefault(load_key(configuration), []).append(configuration)
        return tuple(
            configuration
            for members in loads.values()
            for configuration in sorted(members, key=self._peak)
        )

    def rules_out(self, key: str) -> bool | None:
        """Whether a configuration cannot fit; None where nothing is predicted.

        One that is predicted not to fit, and fits at the lower end of its interval, is measured.
        """
        prediction = self._predictions.get(key)
        if prediction is None or prediction.interval_bytes is None:
            return None
        if prediction.verdict is not Fit.DOES_NOT_FIT:
            return False
        assert self._target is not None and self._target.limit_bytes is not None
        free_bytes = self._target.limit_bytes - self._target.context_bytes
        return prediction.interval_bytes[0] > free_bytes

    def added(self, record: Record) -> Record:
        """The record with what was expected of it."""
        prediction = self._predictions.get(record.key)
        if prediction is None:
            return record
        return replace(
            record,
            predicted_allocated_bytes=prediction.peak_allocated_bytes,
            # What is skipped for another reason is not ruled out, see `Record.is_ruled_out`.
            predicted_fit=None if record.status is Status.SKIPPED else prediction.verdict,
        )

    def ruled_out(self, configuration: Configuration) -> Record:
        """The record of a configuration that is not measured since it does not fit."""
        prediction = self._predictions[configuration.key]
        reason = f"predicted: {self._need(prediction)}; --no-predict measures all"
        return replace(
            not_run(configuration.key, configuration.knobs, reason),
            predicted_allocated_bytes=prediction.peak_allocated_bytes,
            predicted_fit=prediction.verdict,
        )

    def _need(self, prediction: Prediction) -> str:
        assert self._target is not None
        peak, context_bytes = prediction.peak_allocated_bytes.value, self._target.context_bytes
        assert peak is not None
        context = f" and a CUDA context of {format_bytes(context_bytes)}" if context_bytes else ""
        limit = format_bytes(self._target.limit_bytes)
        return f"needs {format_bytes(int(peak))}{context}, and there are {limit}"

    def _peak(self, configuration: Configuration) -> float:
        prediction = self._predictions.get(configuration.key)
        peak = prediction.peak_allocated_bytes.value if prediction else None
        return float("inf") if peak is None else peak


def forecast(
    predictor: Predicts | None,
    suite: Suite,
    configurations: Sequence[Configuration],
    target: Target,
    trust_remote_code: bool,
    listener: Notes,
) -> Forecast:
    """The forecast for a run; a failure costs what was not predicted yet, and is noted."""
    if predictor is None:
        return Forecast()
    clock = _Clock(listener)
    question = Question(suite, configurations, target, trust_remote_code)
    try:
        found = predictor.predict(question, clock.told, _TIMEOUT_S)
    except CannotPredict as failure:
        listener.note(f"{failure}; what is not predicted is measured all the same")
        found = failure.found
    else:
        listener.note(f"memory predicted in {format_seconds(clock.elapsed_s)}")
    return Forecast(found, target)


class _Clock:
    """Tells once that a prediction takes long, as soon as that is seen.

    The first answer waits for imports and a load, so that the time left is told by those after it.
    """

    def __init__(self, listener: Notes) -> None:
        self._listener = listener
        self._begun = time.monotonic()
        self._known: int | None = None
        self._first: tuple[float, int] | None = None
        self._is_told = False

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._begun

    def told(self, done: int, of: int) -> None:
        """Takes how many kinds of configurations are predicted, and of how many."""
        elapsed_s = self.elapsed_s
        if self._first is None:
            if self._known is not None and done > self._known:
                self._first = elapsed_s, done
            self._known = done
            return
        first_s, first = self._first
        since_s = elapsed_s - first_s
        if self._is_told or since_s < _TELLING_S or done == first:
            return
        expected_s = first_s + since_s * (of - first) / (done - first)
        if expected_s > _LONG_S:
            self._is_told = True
            self._listener.note(
                f"predicting memory takes about {format_seconds(expected_s)}; --no-predict goes "
                "without"
            )
