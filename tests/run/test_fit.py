"""A search for settings that fit, with workers: on a scripted device, and on a real pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from launchers import KeptLauncher

from sdbench.analysis.climb import Climb
from sdbench.analysis.ladder_step import Verdict
from sdbench.results.figure import Figure, Origin
from sdbench.results.prediction import Fit, Prediction
from sdbench.results.record import Status
from sdbench.results.store import read_run
from sdbench.run.fit import FitOutcome, fit
from sdbench.run.launch import Launcher
from sdbench.run.order import Order
from sdbench.run.predicting_process import CannotPredict
from sdbench.run.predictor import Question
from sdbench.suite.configuration import Configuration
from sdbench.suite.load import suite_from_json
from sdbench.suite.model import FidelityProtocol, Inputs, Limits, Protocol, Suite
from sdbench.units import MIB

from .recorder import Recorder

PROTOCOL = Protocol(warmup=1, max_warmup=1, min_samples=1, max_samples=1)
SCRIPT = {
    "weights_bytes": 1000 * MIB,
    "activation_bytes": 50 * MIB,
    "vae_activation_bytes": 300 * MIB,
}
"""In MiB: 1000 to load, 1000 + 50 a picture in the denoiser, 1000 + 300 a picture in the VAE."""


def order_for(tmp_path: Path, device: str, limit_mib: float, **knobs: Any) -> Order:
    wanted = Configuration.of({"pipeline": {"builtin": "tiny"}, "steps": 2, **knobs})
    suite = Suite(
        name="suite",
        inputs=Inputs(prompts=("an emoji of a red apple",)),
        fixed={"pipeline": wanted.knobs["pipeline"]},
        measure=PROTOCOL,
        limits=Limits(memory_bytes=int(limit_mib * MIB)),
        fidelity=None,
    )
    return Order(
        suite=suite,
        configurations=(wanted,),
        results=tmp_path / "results",
        device=device,
        memory_limit_bytes=int(limit_mib * MIB),
    )


def climb_for(order: Order) -> Climb:
    assert order.memory_limit_bytes is not None
    (wanted,) = order.configurations
    return Climb(wanted, [wanted], order.memory_limit_bytes)


Fitted = tuple[Climb, FitOutcome, Recorder]


@pytest.fixture
def launcher(real: KeptLauncher) -> Launcher:
    return real


@pytest.fixture
def fitted(tmp_path: Path, script: Callable[..., str], launcher: Launcher) -> Callable[..., Fitted]:
    """A search for four pictures on a scripted device."""

    def search(limit_mib: float, values: Mapping[str, Any] = SCRIPT, **options: Any) -> Fitted:
        order = order_for(tmp_path, script(**values), limit_mib, batch_size=4)
        climb, recorder = climb_for(order), Recorder()
        return climb, fit(order, climb, launcher, recorder, **options), recorder

    return search


def change(climb: Climb) -> dict[str, Any] | None:
    return climb.search.answer.candidate.change if climb.search.answer else None


def test_what_fits_with_the_least_loss_is_found_and_both_runs_can_be_read(
    fitted: Callable[..., Fitted], tmp_path: Path
) -> None:
    climb, outcome, recorder = fitted(1400)
    assert change(climb) == {"vae_slicing": "on"}
    # under the limit: wanted, sliced; without it: wanted, sliced
    statuses = [record.status for record in recorder.records]
    assert statuses == [Status.OOM, Status.OK, Status.OK, Status.OK]
    assert outcome.folder.parent.name == "suite-fit"
    limited = read_run(outcome.folder)
    assert limited.missing_keys == ()
    assert list(limited.latest) == [s.candidate.configuration.key for s in climb.search.steps]
    (unlimited_folder,) = (tmp_path / "results" / "suite-fit-unlimited").iterdir()
    unlimited = read_run(unlimited_folder)
    assert {r.status for r in unlimited.records} == {Status.OK}
    for run in (limited, unlimited):
        assert suite_from_json(run.info.suite).limits.memory_bytes is None


def test_each_rung_is_measured_alone_without_the_limit(fitted: Callable[..., Fitted]) -> None:
    climb, outcome, _ = fitted(700)
    assert change(climb) == {"dtype": "bf16", "vae_slicing": "on"}
    peaks = {
        (record.knobs["dtype"], record.knobs["vae_slicing"]): record.peak_allocated_bytes.value
        for record in outcome.unlimited.values()
    }
    assert peaks == {
        ("fp32", "off"): 2200 * MIB,
        ("bf16", "off"): 1100 * MIB,
        ("fp32", "on"): 1300 * MIB,
    }


def test_what_fits_as_it_is_takes_one_round(fitted: Callable[..., Fitted]) -> None:
    climb, outcome, recorder = fitted(3000)
    assert change(climb) == {}
    assert len(recorder.records) == 1
    assert outcome.unlimited == {}


def test_where_nothing_fits_the_nearest_miss_is_measured(fitted: Callable[..., Fitted]) -> None:
    climb, outcome, _ = fitted(40)
    assert climb.search.answer is None
    assert climb.search.next is None
    least = min(r.peak_allocated_bytes.value or 0 for r in outcome.unlimited.values())
    # bf16 and sequential offload leave 50 MiB of weights; one picture takes 150 in the VAE
    assert least == 200 * MIB


def test_the_answers_pictures_are_judged_and_what_was_measured_is_on_disk_before(
    tmp_path: Path, script: Callable[..., str], launcher: Launcher
) -> None:
    order = order_for(tmp_path, script(**SCRIPT), 1400, pipeline={"builtin": "emoji"}, batch_size=4)
    protocol = FidelityProtocol(reference_steps=50)
    order = replace(order, suite=replace(order.suite, fidelity=protocol))
    climb = climb_for(order)
    outcome = fit(order, climb, launcher, Recorder())
    found = climb.answer()
    assert found is not None
    assert found.fidelity.score is not None
    before, judged = read_run(outcome.folder).records[-2:]
    assert before.key == judged.key == found.key
    assert (before.fidelity.score, judged.fidelity.score) == (None, found.fidelity.score)
    assert all(one.fidelity.score is not None for one in outcome.unlimited.values())


def test_what_cannot_run_anyway_ends_the_search(fitted: Callable[..., Fitted]) -> None:
    climb, outcome, recorder = fitted(1400, {**SCRIPT, "faults": [{"fault": "error"}]})
    assert [step.verdict for step in climb.search.steps] == [Verdict.FAILED]
    assert len(recorder.records) == 1
    assert outcome.stopped is None


def test_an_interruption_keeps_what_was_measured(
    tmp_path: Path, script: Callable[..., str], launcher: Launcher
) -> None:
    class Interrupted(Recorder):
        def finished(self, configuration: Configuration, record: Any) -> None:
            raise KeyboardInterrupt

    order = order_for(tmp_path, script(**SCRIPT), 1400, batch_size=4)
    outcome = fit(order, climb_for(order), launcher, Interrupted())
    assert outcome.stopped == "interrupted"
    assert len(read_run(outcome.folder).records) == 1


class Foreteller:
    """Predicts by the script's formula that all but some configurations do not fit."""

    def __init__(self, fitting: Callable[[Mapping[str, Any]], bool], fails: bool = False) -> None:
        self._fitting = fitting
        self._fails = fails

    def predict(
        self, question: Question, told: Any = None, timeout_s: float | None = None
    ) -> dict[str, Prediction]:
        if self._fails:
            raise CannotPredict("a test")
        return {
            one.key: Prediction(
                key=one.key,
                peak_allocated_bytes=Figure(100 * MIB, Origin.PREDICTED),
                interval_bytes=None,
                stage="denoiser",
                peak_reserved_bytes=Figure.absent("a test"),
                verdict=Fit.FITS if self._fitting(one.knobs) else Fit.DOES_NOT_FIT,
                reason="a test",
            )
            for one in question.configurations
        }


def test_what_is_predicted_not_to_fit_is_not_run(fitted: Callable[..., Fitted]) -> None:
    foreteller = Foreteller(lambda knobs: knobs["offload"] == "sequential")
    climb, _, _ = fitted(1400, predictor=foreteller, measures_costs=False)
    found = change(climb)
    assert found is not None
    assert found["offload"] == "sequential"
    ran = [step for step in climb.search.steps if step.record is not None]
    assert [step.candidate.change for step in ran[:1]] == [{}]
    assert all("offload" in step.candidate.change for step in ran[1:])


def test_a_prediction_that_fails_costs_no_more_than_itself(fitted: Callable[..., Fitted]) -> None:
    foreteller = Foreteller(lambda knobs: False, fails=True)
    climb, _, recorder = fitted(1400, predictor=foreteller, measures_costs=False)
    assert change(climb) == {"vae_slicing": "on"}
    assert any("is run all the same" in note for note in recorder.notes)


EMOJI = {"pipeline": {"builtin": "emoji"}, "batch_size": 8, "steps": 1}
"""Peaks at 45.6 MiB in the VAE, and with that sliced at 29.8 MiB in the denoiser."""

TINY = {"batch_size": 4, "height": 64, "width": 64}
"""Peaks in the denoiser, in MiB: at 20.7, with batch 2 at 13.6, with batch 1 at 10.0."""


@pytest.mark.parametrize(
    ("knobs", "limit_mib", "first_stage", "expected"),
    [
        (EMOJI, 44, "vae_decode", {"vae_slicing": "on"}),
        (TINY, 9, "denoiser", {"dtype": "bf16", "batch_size": 2}),
    ],
)
def test_a_real_pipeline_is_made_to_fit_on_the_cpu(
    tmp_path: Path,
    real: KeptLauncher,
    knobs: dict[str, Any],
    limit_mib: float,
    first_stage: str,
    expected: dict[str, Any],
) -> None:
    order = order_for(tmp_path, "cpu", limit_mib, threads=1, **knobs)
    climb = climb_for(order)
    outcome = fit(order, climb, real, Recorder(), measures_costs=False)
    assert change(climb) == expected
    assert climb.search.steps[0].stage == first_stage
    answer = climb.search.answer
    assert answer is not None
    peak = answer.peak_allocated_bytes.value
    assert peak is not None
    assert 0 < peak <= limit_mib * MIB
    assert read_run(outcome.folder).records[-1].samples_s
