"""What a worker does after a failure, in this process, with a pipeline that misbehaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sdbench.devices.scripted import DeviceLost, Held
from sdbench.pipelines.simulated import SimulatedCall
from sdbench.results.fidelity import Subject
from sdbench.results.record import Record, Status
from sdbench.run.messages import Draw, Measure, Start
from sdbench.run.worker import Worker
from sdbench.run.worker_pipeline import Spent
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Protocol, Suite
from sdbench.units import GIB, MIB

PIPELINE = {"builtin": "tiny"}
PROTOCOL = Protocol(warmup=1, max_warmup=1, min_samples=2, max_samples=2)
SUITE = Suite(name="x", fixed={"pipeline": PIPELINE}, measure=PROTOCOL)


@pytest.fixture
def phases() -> list[str]:
    return []


@pytest.fixture
def worker(phases: list[str]) -> Worker:
    return worker_of(phases)


def worker_of(phases: list[str], limit_bytes: int | None = None) -> Worker:
    start = Start(
        suite=SUITE.to_json(),
        device="scripted",
        trust_remote_code=False,
        name="worker-1",
        memory_limit_bytes=limit_bytes,
    )
    return Worker(start, phases.append)


def measured(worker: Worker, **knobs: Any) -> Record:
    configuration = Configuration.of({"pipeline": PIPELINE, "steps": 2, **knobs})
    return worker.measure(Measure(knobs=configuration.knobs, round=0, images_folder=None))


@pytest.fixture
def runs_out(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes calls of three steps run out of memory, and keep some of it where they are told to."""

    def install(keep: Any) -> None:
        play = SimulatedCall._play

        def exhausted(call: Any) -> Any:
            if call._knobs["steps"] == 3:
                keep(call, call._device.hold(64 * MIB))
                raise call._device.out_of_memory(GIB)
            return play(call)

        monkeypatch.setattr(SimulatedCall, "_play", exhausted)

    return install


def test_memory_that_only_the_error_held_comes_back_and_the_pipeline_stays(
    worker: Worker, phases: list[str], runs_out: Any
) -> None:
    runs_out(lambda call, held: None)
    assert measured(worker).status is Status.OK
    record = measured(worker, steps=3)
    assert (record.status, record.notes) == (Status.OOM, ())
    assert not worker.is_spent
    assert measured(worker).status is Status.OK
    assert phases.count("loading") == 1


def test_memory_that_the_pipeline_keeps_comes_back_with_it(
    worker: Worker, phases: list[str], runs_out: Any
) -> None:
    runs_out(lambda call, held: setattr(call._weights, "cache", held))
    record = measured(worker, steps=3)
    assert record.notes == (
        "64.0 MiB stayed in use after the failure: the pipeline was dropped, and they came back",
    )
    assert not worker.is_spent
    assert measured(worker).peak_allocated_bytes == measured(worker_of([])).peak_allocated_bytes
    assert phases.count("loading") == 2


def test_memory_that_does_not_come_back_spends_the_worker(worker: Worker, runs_out: Any) -> None:
    kept: list[Held] = []
    runs_out(lambda call, held: kept.append(held))
    record = measured(worker, steps=3)
    assert record.status is Status.OOM
    assert record.notes == (
        "64.0 MiB stayed in use after the failure, and did not come back: a new worker goes on",
    )
    assert worker.is_spent


def test_a_lost_device_spends_the_worker_and_the_record_says_what_happened(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker died of the next synchronisation, and with it the reason."""

    def lost(call: Any) -> Any:
        raise call._device.lose()

    monkeypatch.setattr(SimulatedCall, "_play", lost)
    record = measured(worker)
    assert record.status is Status.ERROR
    assert record.reason == "DeviceLost: CUDA error: device-side assert triggered"
    assert record.notes == (
        "the device answers no more (CUDA error: device-side assert triggered): a new worker goes "
        "on",
    )
    assert worker.is_spent


def test_a_device_that_is_lost_after_a_good_round_costs_the_worker_and_not_the_round(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker died of clearing the device, and with it what it had measured."""
    _lose_when_cleared(worker, monkeypatch)
    record = measured(worker)
    assert record.status is Status.OK
    assert record.notes == ("the device answers no more (CUDA error: lost): a new worker goes on",)
    assert worker.is_spent


def test_a_device_that_is_lost_between_pipelines_is_another_workers_to_go_on_with(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measured(worker).status is Status.OK
    _lose_when_cleared(worker, monkeypatch)
    with pytest.raises(Spent, match=r"the device answers no more \(CUDA error: lost\)"):
        measured(worker, dtype="fp16")


def _lose_when_cleared(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> None:
        raise DeviceLost("CUDA error: lost")

    monkeypatch.setattr(worker._device, "clear", lost)


def test_a_load_that_failed_is_not_tried_again_and_says_so_in_each_record() -> None:
    worker = worker_of([], limit_bytes=2 * GIB)
    first, second = measured(worker), measured(worker, steps=3)
    assert first.status is second.status is Status.OOM
    assert first.reason == second.reason
    assert first.load_s is not None
    assert second.load_s is None
    assert (
        second.load_peak_allocated_bytes
        == Record(
            key="k", knobs={}, worker="w", started_at="", status=Status.OK
        ).load_peak_allocated_bytes
    )


def test_a_failed_drawing_drops_a_pipeline_that_keeps_memory_and_spends_no_worker(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(call: Any, subjects: Any) -> Any:
        call._weights.cache = call._device.hold(64 * MIB)
        raise call._device.out_of_memory(GIB)

    monkeypatch.setattr(SimulatedCall, "draw", exhausted)
    subject = Subject(prompt="a", seed=0)
    knobs = Configuration.of({"pipeline": PIPELINE, "steps": 2}).knobs
    drawn = worker.draw(
        Draw(knobs=knobs, subjects=(subject,), folder=str(tmp_path), is_shared=False)
    )
    assert drawn.status is Status.OOM
    assert not drawn.is_spent


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pictures of each pass of drawing; more than one at once run out of memory and leave some."""
    passes: list[int] = []
    one_by_one = SimulatedCall.draw

    def exhausted(call: Any, subjects: Any) -> Any:
        passes.append(len(subjects))
        if len(subjects) == 1:
            return one_by_one(call, subjects)
        call._weights.cache = call._device.hold(64 * MIB)
        raise call._device.out_of_memory(GIB)

    monkeypatch.setattr(SimulatedCall, "draw", exhausted)
    return passes


def drawn_by(worker: Worker, folder: Path, **knobs: Any) -> Status:
    configuration = Configuration.of({"pipeline": PIPELINE, "steps": 2, **knobs})
    subjects = tuple(Subject(prompt="a", seed=seed) for seed in range(4))
    command = Draw(
        knobs=configuration.knobs, subjects=subjects, folder=str(folder), is_shared=False
    )
    return worker.draw(command).status


def test_pictures_that_do_not_fit_together_are_drawn_one_by_one_and_leave_nothing(
    worker: Worker, tmp_path: Path, asked: list[int]
) -> None:
    assert drawn_by(worker, tmp_path) is Status.OK
    assert asked == [1, 3, 1, 1, 1]
    assert measured(worker).load_s is not None, "the pipeline that kept memory is still in use"


def test_a_compiled_pipeline_draws_one_by_one(
    worker: Worker, tmp_path: Path, asked: list[int]
) -> None:
    assert drawn_by(worker, tmp_path, compile="default") is Status.OK
    assert asked == [1, 1, 1, 1]


def test_the_peak_of_loading_is_that_of_the_round_that_loaded(worker: Worker) -> None:
    assert measured(worker).load_peak_allocated_bytes.value == 3 * GIB
    second = measured(worker, steps=3).load_peak_allocated_bytes
    assert (second.value, second.reason) == (None, "the pipeline was loaded before this round")


def test_a_limit_holds_while_loading_and_in_calls() -> None:
    at_load = measured(worker_of([], limit_bytes=2 * GIB))
    assert at_load.reason == (
        "out of memory while loading: asked for 3.00 GiB, 2.00 GiB were left of 2.00 GiB allowed"
    )
    assert at_load.out_of_memory is not None
    assert at_load.out_of_memory.phase == "loading"
    in_call = measured(worker_of([], limit_bytes=3 * GIB + 100 * MIB))
    assert in_call.out_of_memory is not None
    assert in_call.out_of_memory.stage == "denoiser"
    assert in_call.load_s is not None


def test_a_limit_is_a_part_of_the_fingerprint() -> None:
    assert worker_of([], limit_bytes=2 * GIB).ready().fingerprint["memory_limit_bytes"] == 2 * GIB
    assert "memory_limit_bytes" not in worker_of([]).ready().fingerprint


def test_a_pipeline_whose_memory_stays_when_it_is_gone_is_followed_by_another_worker(
    worker: Worker,
) -> None:
    assert measured(worker).status is Status.OK
    kept = worker._loaded.pipeline
    assert kept is not None
    with pytest.raises(Spent, match=r"3\.00 GiB stayed in use after another pipeline was gone"):
        measured(worker, dtype="fp16")
