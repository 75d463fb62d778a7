"""A run that knows beforehand what needs how much memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from launchers import KeptLauncher

from sdbench.analysis.completeness import completeness
from sdbench.predict.target import Target
from sdbench.results.figure import Figure, Origin
from sdbench.results.prediction import Fit, Prediction
from sdbench.results.record import Record, Status
from sdbench.results.store import Run, read_run
from sdbench.run.forecast import Forecast, forecast
from sdbench.run.launch import Launcher
from sdbench.run.order import Order
from sdbench.run.predicting_process import CannotPredict
from sdbench.run.predictor import Question, Told
from sdbench.run.session import run_suite
from sdbench.suite.configuration import Configuration
from sdbench.units import GIB, MIB

from .recorder import Recorder


@pytest.fixture
def launcher(forked: KeptLauncher) -> Launcher:
    return forked


Peaks = Callable[[Mapping[str, Any]], int | None]


class Oracle:
    """Predicts by a formula of the knobs; None for what it does not know.

    Args:
        peak_mib: Peak of a configuration with these knobs.
        spread: Half the width of intervals, as a share.
    """

    def __init__(self, peak_mib: Peaks, spread: float = 0.01) -> None:
        self.peak_mib = peak_mib
        self.spread = spread
        self.asked: list[Question] = []

    def predict(
        self, question: Question, told: Told = lambda done, of: None, timeout_s: float | None = None
    ) -> dict[str, Prediction]:
        self.asked.append(question)
        predictions = (self.of(each, question.target) for each in question.configurations)
        return {prediction.key: prediction for prediction in predictions}

    def of(self, configuration: Configuration, target: Target) -> Prediction:
        peak_mib = self.peak_mib(configuration.knobs)
        if peak_mib is None:
            absent = Figure.absent("nobody knows")
            return Prediction(
                key=configuration.key,
                peak_allocated_bytes=absent,
                interval_bytes=None,
                stage=None,
                peak_reserved_bytes=absent,
                verdict=None,
                reason="nobody knows",
            )
        peak = peak_mib * MIB
        fits = None
        if target.limit_bytes is not None:
            fits = Fit.FITS if peak <= target.limit_bytes else Fit.DOES_NOT_FIT
        return Prediction(
            key=configuration.key,
            peak_allocated_bytes=Figure(peak, Origin.PREDICTED),
            interval_bytes=(int(peak * (1 - self.spread)), int(peak * (1 + self.spread))),
            stage="vae_decode",
            peak_reserved_bytes=Figure.absent("not told"),
            verdict=fits,
            reason="a formula says so",
        )


def by_steps(knobs: Mapping[str, Any]) -> int:
    """Fewer steps need more memory: 6 GiB at 2 steps, 2 GiB at 6."""
    return 1024 * (8 - int(knobs["steps"]))


def steps(records: list[Record] | tuple[Record, ...]) -> list[Any]:
    return [record.knobs["steps"] for record in records]


def run_of(order: Order, launcher: Launcher, recorder: Recorder, oracle: Oracle | None) -> Run:
    return read_run(run_suite(order, launcher, recorder, oracle).folder)


def test_what_needs_more_memory_comes_later_and_has_its_prediction_beside_it(
    order: Callable[..., Order], launcher: Launcher, recorder: Recorder
) -> None:
    run = run_of(order(), launcher, recorder, Oracle(by_steps))
    assert steps(run.records) == [6, 4, 2, 6, 4, 2]
    assert [record.knobs["dtype"] for record in run.records] == ["fp32"] * 3 + ["fp16"] * 3
    assert run.info.planned_keys == tuple(record.key for record in run.records)
    first = run.records[0]
    assert first.status is Status.OK
    assert first.predicted_allocated_bytes == Figure(2 * GIB, Origin.PREDICTED)
    assert first.predicted_fit is Fit.FITS
    assert first.peak_allocated_bytes.origin is Origin.MEASURED
    assert first.prediction_error_ratio is not None


def test_what_cannot_fit_is_not_measured_and_says_why(
    order: Callable[..., Order], script: Callable[..., str], launcher: Launcher, recorder: Recorder
) -> None:
    device = script(memory_bytes=5 * GIB)
    run = run_of(order(device), launcher, recorder, Oracle(by_steps))
    ruled_out = [record for record in run.records if record.is_ruled_out]
    assert steps(tuple(ruled_out)) == [2, 2]
    assert ruled_out[0].status is Status.SKIPPED
    assert ruled_out[0].predicted_allocated_bytes == Figure(6 * GIB, Origin.PREDICTED)
    assert ruled_out[0].reason == (
        "predicted: needs 6.00 GiB, and there are 5.00 GiB; --no-predict measures all"
    )
    assert len(recorder.records) == 6
    state = completeness(run)
    assert state.is_complete
    assert state.summary == "6 configurations: 4 ok, 2 predicted not to fit"


def test_what_may_fit_within_its_interval_is_measured(
    order: Callable[..., Order], script: Callable[..., str], launcher: Launcher, recorder: Recorder
) -> None:
    """It is predicted not to fit, by less than the prediction is known."""
    device = script(memory_bytes=int(5.9 * GIB), weights_bytes=GIB)
    run = run_of(order(device), launcher, recorder, Oracle(by_steps, spread=0.03))
    assert [record.status for record in run.records] == [Status.OK] * 6
    assert run.records[2].predicted_fit is Fit.DOES_NOT_FIT


def test_the_users_limit_counts_in_place_of_the_devices(
    order: Callable[..., Order], launcher: Launcher, recorder: Recorder
) -> None:
    oracle = Oracle(by_steps)
    limited = replace(order(), memory_limit_bytes=3 * GIB)
    run = run_of(limited, launcher, recorder, oracle)
    assert oracle.asked[0].target.limit_bytes == 3 * GIB
    assert sum(record.is_ruled_out for record in run.records) == 4


def test_without_a_predictor_all_is_measured(
    order: Callable[..., Order], script: Callable[..., str], launcher: Launcher, recorder: Recorder
) -> None:
    run = run_of(order(script(memory_bytes=5 * GIB)), launcher, recorder, None)
    assert steps(run.records) == [2, 4, 6, 2, 4, 6]
    assert not any(record.is_ruled_out for record in run.records)


class Broken(Oracle):
    """Knows the first, then fails."""

    def predict(
        self, question: Question, told: Told = lambda done, of: None, timeout_s: float | None = None
    ) -> dict[str, Prediction]:
        failure = CannotPredict("the worker crashed (SIGSEGV)")
        first, *_ = question.configurations
        failure.found = {first.key: self.of(first, question.target)}
        raise failure


def test_a_failure_of_prediction_costs_only_what_was_not_predicted(
    order: Callable[..., Order], launcher: Launcher, recorder: Recorder
) -> None:
    run = run_of(order(), launcher, recorder, Broken(by_steps))
    assert [record.status for record in run.records] == [Status.OK] * 6
    assert [record.predicted_allocated_bytes.value for record in run.records].count(None) == 5
    assert recorder.notes[0] == (
        "memory cannot be predicted: the worker crashed (SIGSEGV); what is not predicted is "
        "measured all the same"
    )


def test_a_whole_run_is_resumed_without_another_prediction_of_what_was_measured(
    order: Callable[..., Order], script: Callable[..., str], launcher: Launcher, recorder: Recorder
) -> None:
    device, oracle = script(memory_bytes=5 * GIB), Oracle(by_steps)
    run_of(order(device), launcher, Recorder(), oracle)
    run = run_of(order(device, resume=True), launcher, recorder, oracle)
    assert recorder.records == []
    assert len(run.records) == 6
    # What was ruled out is asked about again, for the answer may have changed.
    assert [each.knobs["steps"] for each in oracle.asked[-1].configurations] == [2, 2]


@pytest.mark.parametrize("oracle", [None, Oracle(lambda knobs: 100)], ids=["none", "smaller"])
def test_what_was_ruled_out_is_measured_where_no_prediction_rules_it_out_any_more(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
    oracle: Oracle | None,
) -> None:
    device = script(memory_bytes=5 * GIB)
    run_of(order(device), launcher, Recorder(), Oracle(by_steps))
    run = run_of(order(device, resume=True), launcher, recorder, oracle)
    assert steps(recorder.records) == [2, 2]
    assert completeness(run).summary == "6 configurations: 6 ok"


def test_what_was_ruled_out_stays_so_where_nothing_new_is_known(
    order: Callable[..., Order], script: Callable[..., str], launcher: Launcher, recorder: Recorder
) -> None:
    device = script(memory_bytes=5 * GIB)
    run_of(order(device), launcher, Recorder(), Oracle(by_steps))
    run_of(order(device, resume=True), launcher, recorder, Oracle(lambda knobs: None))
    assert recorder.records == []


def test_what_was_skipped_for_another_reason_is_not_ruled_out() -> None:
    item = Configuration.of({"pipeline": {"builtin": "tiny"}, "steps": 2})
    target = Target(name="x", compute_capability=None, limit_bytes=5 * GIB, context_bytes=0)
    expected = Forecast({item.key: Oracle(by_steps).of(item, target)}, target)
    skipped = Record(
        key=item.key, knobs=item.knobs, worker="none", started_at="", status=Status.SKIPPED
    )
    assert not expected.added(skipped).is_ruled_out
    assert expected.ruled_out(item).is_ruled_out


def test_nothing_is_ruled_out_without_a_limit() -> None:
    item = Configuration.of({"pipeline": {"builtin": "tiny"}, "steps": 2})
    target = Target(name="x", compute_capability=None, limit_bytes=None, context_bytes=0)
    expected = Forecast({item.key: Oracle(by_steps).of(item, target)}, target)
    assert expected.rules_out(item.key) is False
    assert expected.rules_out("another") is None


def test_what_is_not_predicted_comes_last() -> None:
    items = [
        Configuration.of({"pipeline": {"builtin": "tiny"}, "steps": count}) for count in (1, 2, 3)
    ]
    oracle = Oracle(lambda knobs: None if knobs["steps"] == 1 else by_steps(knobs))
    target = Target(name="x", compute_capability=None, limit_bytes=None, context_bytes=0)
    expected = Forecast({item.key: oracle.of(item, target) for item in items}, target)
    assert [item.knobs["steps"] for item in expected.ordered(items)] == [3, 2, 1]


class Slow(Oracle):
    """Tells its progress on a clock of its own."""

    def __init__(self, pass_time: Callable[[float], None]) -> None:
        super().__init__(by_steps)
        self.pass_time = pass_time

    def predict(
        self, question: Question, told: Told = lambda done, of: None, timeout_s: float | None = None
    ) -> dict[str, Prediction]:
        for done in range(11):
            told(done, 10)
            self.pass_time(5.0)
        return {}


def test_whoever_waits_long_is_told_once_how_to_go_without(
    order: Callable[..., Order], recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("sdbench.run.forecast.time.monotonic", lambda: now[0])

    def pass_time(duration_s: float) -> None:
        now[0] += duration_s

    asked, target = (
        order(),
        Target(name="x", compute_capability=None, limit_bytes=None, context_bytes=0),
    )
    forecast(Slow(pass_time), asked.suite, asked.configurations, target, False, recorder)
    assert recorder.notes == [
        "predicting memory takes about 50.0 s; --no-predict goes without",
        "memory predicted in 55.0 s",
    ]


def test_the_folder_of_a_run_that_was_interrupted_while_predicting_is_not_there(
    order: Callable[..., Order], launcher: Launcher, recorder: Recorder, tmp_path: Path
) -> None:
    class Interrupted(Oracle):
        def predict(self, *_: Any, **__: Any) -> dict[str, Prediction]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_suite(order(), launcher, recorder, Interrupted(by_steps))
    assert list((tmp_path / "results" / "scripted").iterdir()) == []
