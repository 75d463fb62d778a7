"""Tuning a pipeline in the caller's process, and in workers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_pipelines import SMALL, build

import sdbench
from sdbench.results.record import Status
from sdbench.results.store import read_run
from sdbench.suite.errors import SuiteError
from sdbench.tuning.errors import CannotTune
from sdbench.tuning.recommendation import Recommendation

from .conftest import QUICK, quickly, state_of


def fails_with_euler(pipe: Any, error: BaseException) -> None:
    """Makes the denoiser raise wherever this scheduler is used."""

    def hook(module: Any, arguments: Any) -> None:
        if type(pipe.scheduler).__name__ == "EulerDiscreteScheduler":
            raise error

    pipe.unet.register_forward_pre_hook(hook)


def test_every_configuration_is_measured_and_one_is_recommended(best: Recommendation) -> None:
    assert [record.status for record in best.run.records] == [Status.OK] * 4
    assert best.chosen is not None
    assert best.chosen.key in {record.key for record in best.run.records}
    assert best.knobs["pipeline"] == {"loaded": "StableDiffusionPipeline"}


def test_the_run_says_that_it_was_measured_in_the_callers_process(best: Recommendation) -> None:
    assert best.run.info.fingerprint["in_process"] is True
    assert best.run.info.environment["command_line"] == ["sdbench.tune"]


def test_the_pipeline_is_left_as_it_was(results: Path) -> None:
    pipe = build()
    pipe.set_progress_bar_config(leave=False)
    pipe("warm", num_inference_steps=1, height=16, width=16)
    before = state_of(pipe)
    axes = {
        "scheduler": ["euler"],
        "attention": ["eager"],
        "vae_tiling": ["on"],
        "channels_last": ["on"],
        "threads": [2],
    }
    random_state = torch.get_rng_state()
    measured = quickly(pipe, axes=axes, fixed={**SMALL, "height": 72}, results=results)
    assert [record.status for record in measured.run.records] == [Status.OK]
    assert state_of(pipe) == before
    assert torch.equal(torch.get_rng_state(), random_state)


def test_after_an_error_the_pipeline_is_as_it_was_and_the_others_are_measured(
    results: Path,
) -> None:
    pipe = build()
    fails_with_euler(pipe, RuntimeError("a bug in the denoiser"))
    before = state_of(pipe)
    axes = {"scheduler": ["euler", "default"]}
    measured = quickly(pipe, axes=axes, results=results)
    assert [record.status for record in measured.run.records] == [Status.ERROR, Status.OK]
    assert "a bug in the denoiser" in (measured.run.records[0].reason or "")
    assert state_of(pipe) == before


def test_ctrl_c_stops_the_caller_with_the_pipeline_as_it_was_and_the_records_kept(
    results: Path,
) -> None:
    pipe = build()
    fails_with_euler(pipe, KeyboardInterrupt())
    before = state_of(pipe)
    with pytest.raises(KeyboardInterrupt, match="results"):
        quickly(pipe, axes={"scheduler": ["default", "euler"]}, results=results)
    assert state_of(pipe) == before
    (folder,) = results.glob("*/*Z-cpu")
    assert [record.status for record in read_run(folder).records] == [Status.OK]


def test_what_runs_out_of_memory_is_told_and_the_pipeline_is_as_it_was(results: Path) -> None:
    pipe = build()
    before = state_of(pipe)
    fixed = {"steps": 1, "height": 64, "width": 64}
    axes = {"batch_size": [1, 8]}
    measured = quickly(pipe, axes=axes, fixed=fixed, memory_limit="24MiB", results=results)
    assert {r.knobs["batch_size"]: r.status for r in measured.run.records} == {
        1: Status.OK,
        8: Status.OOM,
    }
    assert measured.knobs["batch_size"] == 1
    assert measured.run.info.memory_limit_bytes == 24 * 2**20
    assert state_of(pipe) == before


def test_a_knob_of_loading_is_refused_with_what_can_be_turned_here() -> None:
    with pytest.raises(CannotTune, match=r"dtype fp16 .*in_workers=True.*scheduler"):
        quickly(build(), axes={"dtype": ["fp32", "fp16"]})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limits": {"memori": "1GiB"}}, r"limits\.memori: unknown key: did you mean 'memory'"),
        ({"limits": {"memory": 12}}, r"limits\.memory: 12 is not legal: legal is a size"),
        ({"axes": {"schedular": ["euler"]}}, r"unknown knob: did you mean 'scheduler'"),
        ({"axes": {"steps": 20}}, r"axes\.steps: 20 is one value: an axis is a list"),
        ({"axes": ["steps"]}, r"axes: .*steps.* is not legal: legal is a mapping"),
        ({"fixed": 5}, r"fixed: 5 is not legal: legal is a mapping"),
        ({"fixed": {"height": 513}}, r"fixed\.height: 513 is not legal"),
        ({"objective": "speed"}, r"objective\.minimize: 'speed' is not legal.*latency_per_image"),
        ({"measure": {"samples": 3}}, r"measure\.samples: unknown key.*min_samples"),
        ({"fidelity": {"seed": 3}}, r"fidelity\.seed: unknown key: did you mean 'seeds'"),
    ],
)
def test_a_slip_is_named_with_what_would_be_legal(arguments: Any, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        quickly(build(), **arguments)


def test_what_is_no_pipeline_is_refused() -> None:
    with pytest.raises(CannotTune, match="Linear is no pipeline of diffusers"):
        sdbench.tune(torch.nn.Linear(1, 1))
    with pytest.raises(CannotTune, match="emojy"):
        sdbench.tune("emojy")
    with pytest.raises(CannotTune, match="memory_limit: '5' is not legal"):
        sdbench.tune(build(), memory_limit="5")
    with pytest.raises(CannotTune, match="measured where it is"):
        sdbench.tune(build(), device="cuda")


def test_a_suite_is_measured_on_the_pipeline_that_is_given(results: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "pipeline: owner/name\n"
        "inputs: {prompts: a dog}\n"
        "fixed: {height: 16, width: 16}\n"
        "axes: {steps: [1, 2], scheduler: [default, euler]}\n"
        "measure: {min_samples: 2, max_samples: 2, default: off, confirm_rounds: 0}\n"
        "limits: {latency: 1h, memory: 1TiB}\n"
        "fidelity: off\n"
    )
    measured = sdbench.tune(
        build(),
        suite=file,
        fixed={"scheduler": "euler"},
        limits={"memory": "1GiB"},
        results=results,
        progress=False,
    )
    suite = sdbench.load_suite(file)
    assert {r.knobs["scheduler"] for r in measured.run.records} == {"euler"}
    assert {r.knobs["steps"] for r in measured.run.records} == {1, 2}
    assert measured.run.info.suite["inputs"]["prompts"] == ["a dog"]
    assert measured.limits == dataclasses.replace(suite.limits, memory_bytes=2**30)


def test_progress_goes_to_standard_error_or_nowhere(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = build()
    capsys.readouterr()
    quickly(pipe, axes={"scheduler": ["euler"]}, results=results)
    assert capsys.readouterr() == ("", "")
    quickly(pipe, axes={"scheduler": ["euler"]}, results=results, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "[1/1] ok" in err


def test_fidelity_is_drawn_in_this_process(results: Path) -> None:
    pipe = build()
    before = state_of(pipe)
    measured = quickly(
        pipe,
        prompt="a cat",
        axes={"scheduler": ["default"], "steps": [2]},
        fixed={"height": 16, "width": 16},
        fidelity={"reference_steps": 2},
        results=results,
    )
    assert len(list((results / ".references").glob("*.npz"))) >= 1
    (record,) = measured.run.records
    assert record.fidelity.score is not None or "reference" in (record.fidelity.reason or "")
    assert state_of(pipe) == before


def test_workers_measure_what_can_be_loaded_and_can_turn_what_only_loading_can(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A process that predicts memory takes seconds to start; its own tests tell what it does.
    monkeypatch.setattr("sdbench.tuning.tune.predictor_for", lambda *_: None)
    measured = quickly(
        "tiny", axes={"dtype": ["fp32", "bf16"]}, device="cpu", measure=QUICK, results=results
    )
    assert {r.knobs["dtype"]: r.status for r in measured.run.records} == {
        "fp32": Status.OK,
        "bf16": Status.OK,
    }
    assert "in_process" not in measured.run.info.fingerprint
    assert 'build_pipeline("tiny"' in (measured.code or "")


def test_workers_are_refused_a_pipeline_that_cannot_be_loaded_again() -> None:
    with pytest.raises(CannotTune, match="it does not know where it was loaded from"):
        quickly(build(), in_workers=True)
