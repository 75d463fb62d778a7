"""What a worker in the caller's process answers where another would load the pipeline again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_pipelines import build, configuration

from sdbench.results.fidelity import Subject
from sdbench.results.record import Status
from sdbench.run.messages import Draw, Drawn, Finished, Measure, Ready, Start
from sdbench.suite.model import FidelityProtocol, Protocol, Suite
from sdbench.tuning.as_given import left_as_given
from sdbench.tuning.given import given
from sdbench.tuning.local_worker import LocalLauncher, LocalWorker

SUITE = Suite(
    name="x",
    fixed={"pipeline": {"loaded": "StableDiffusionPipeline"}},
    measure=Protocol(max_warmup=1, min_samples=1, max_samples=1),
    fidelity=FidelityProtocol(reference_steps=2, reference_scheduler="euler"),
)


@pytest.fixture
def bf16_worker(tmp_path: Path) -> Iterator[LocalWorker]:
    pipe = build(torch.bfloat16)
    with left_as_given(pipe) as as_given:
        launcher = LocalLauncher(pipe, given(pipe), as_given)
        worker = launcher.start("worker-1", tmp_path / "worker-1.log")
        worker.send(
            Start(suite=SUITE.to_json(), device="cpu", trust_remote_code=False, name="worker-1")
        )
        ready = worker.receive(0)
        assert isinstance(ready, Ready)
        assert ready.fingerprint["in_process"] is True
        yield worker
        worker.kill()
        launcher.close()


def knobs(**values: Any) -> Any:
    return configuration(pipeline={"loaded": "StableDiffusionPipeline"}, **values).knobs


def drawn(worker: LocalWorker, command: Draw) -> Drawn:
    worker.send(command)
    answer = worker.receive(0)
    assert isinstance(answer, Drawn)
    return answer


def test_a_reference_is_drawn_in_the_pipelines_own_data_type(
    bf16_worker: LocalWorker, tmp_path: Path
) -> None:
    asked = Draw(
        knobs=knobs(scheduler="euler", dtype="fp32"),
        subjects=(Subject("a cat", 0),),
        folder=str(tmp_path),
        is_shared=True,
    )
    assert drawn(bf16_worker, asked).status is Status.OK
    assert drawn(bf16_worker, replace(asked, is_reference=True)).status is Status.OK


def test_the_limit_of_cudas_allocator_is_the_callers_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fractions = [0.5]
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda _: fractions[-1])
    monkeypatch.setattr(
        torch.cuda, "set_per_process_memory_fraction", lambda share, _: fractions.append(share)
    )
    pipe = build()
    told = replace(given(pipe), torch_device="cuda:0")
    with left_as_given(pipe) as as_given:
        launcher = LocalLauncher(pipe, told, as_given)
        fractions.append(0.1)
        launcher.close()
    assert fractions[-1] == 0.5


def test_there_is_no_twin_in_fp32_of_a_pipeline_in_another_data_type(
    bf16_worker: LocalWorker, tmp_path: Path
) -> None:
    twin = Draw(
        knobs=knobs(scheduler="default", dtype="fp32"),
        subjects=(Subject("a cat", 0),),
        folder=str(tmp_path),
        is_shared=True,
    )
    answer = drawn(bf16_worker, twin)
    assert answer.status is Status.UNSUPPORTED
    assert answer.reason == "the pipeline was loaded as bf16, so there is none in fp32"


def test_records_say_in_what_the_reference_was_drawn(bf16_worker: LocalWorker) -> None:
    bf16_worker.send(Measure(knobs=knobs(dtype="bf16"), round=0, images_folder=None))
    answer = bf16_worker.receive(0)
    assert isinstance(answer, Finished)
    assert answer.record.status is Status.OK
    notes = [note for note in answer.record.notes if "waited for a processor" not in note]
    assert notes == ["the reference was drawn in bf16, as the pipeline was loaded"]


def test_what_would_have_to_be_loaded_otherwise_is_unsupported(bf16_worker: LocalWorker) -> None:
    bf16_worker.send(Measure(knobs=knobs(dtype="fp16"), round=0, images_folder=None))
    answer = bf16_worker.receive(0)
    assert isinstance(answer, Finished)
    assert answer.record.status is Status.UNSUPPORTED
    assert "the one given has bf16" in (answer.record.reason or "")
