"""References, twins and scores, by real workers on a scripted device and on real pipelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from launchers import KeptLauncher
from PIL import Image

from sdbench.pipelines.tiny import build_pipeline
from sdbench.results.fidelity import Subject
from sdbench.results.record import Record, Status
from sdbench.results.store import Run, read_run
from sdbench.run.controller import Controller
from sdbench.run.drawings import LEAST_PICTURES, OTHER_PROMPTS
from sdbench.run.messages import Draw, Drawn
from sdbench.run.order import Order
from sdbench.run.session import run_suite
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite

from .recorder import Recorder

FAST = "{warmup: 1, min_samples: 1, max_samples: 1, timeout: 5min}"

SWEEP = f"""
name: judged
pipeline: owner/model
axes:
  scheduler: [pndm, euler_a]
  steps: [4, 20]
  dtype: [fp32, fp16]
  batch_size: [1, 2]
measure: {FAST}
"""


@pytest.fixture
def judged(tmp_path: Path, real: KeptLauncher, recorder: Recorder) -> Callable[..., Run]:
    """Runs a suite; a second call in one test goes on with or repeats what the first one did."""

    def run(text: str = SWEEP, device: str = "scripted", **values: Any) -> Run:
        path = tmp_path / "suite.yaml"
        path.write_text(text)
        suite = load_suite(path)
        order = Order(
            suite=suite,
            configurations=configurations(suite),
            results=tmp_path / "results",
            device=device,
            **values,
        )
        return read_run(run_suite(order, real, recorder).folder)

    return run


def only(run: Run, **knobs: Any) -> Record:
    (found,) = [
        record
        for record in run.records
        if all(record.knobs[name] == value for name, value in knobs.items())
    ]
    return found


def scores(run: Run) -> Mapping[tuple[Any, ...], float | None]:
    return {
        tuple(record.knobs[name] for name in ("scheduler", "steps", "dtype", "batch_size")): (
            record.fidelity.score
        )
        for record in run.records
    }


def test_more_steps_agree_better_and_every_record_says_with_what(
    judged: Callable[..., Run],
) -> None:
    run = judged()
    few = only(run, scheduler="pndm", steps=4, dtype="fp32", batch_size=1).fidelity
    many = only(run, scheduler="pndm", steps=20, dtype="fp32", batch_size=1).fidelity

    assert few.score is not None
    assert many.score is not None
    assert 0 < few.score < many.score <= 1
    assert many.worst_score is not None
    assert many.worst_score <= many.score
    assert many.reference is not None
    assert many.reference.steps == 200
    assert many.reference.ceiling_psnr_db > many.reference.floor_psnr_db + 10
    assert many.denoiser_evaluations == 20
    assert many.subjects == few.subjects
    assert len(many.subjects) == LEAST_PICTURES


def test_a_batch_draws_the_same_picture_and_is_not_drawn_again(judged: Callable[..., Run]) -> None:
    run = judged()

    for steps in (4, 20):
        one, two = (
            only(run, scheduler="pndm", steps=steps, dtype="fp16", batch_size=size)
            for size in (1, 2)
        )
        assert one.fidelity == two.fidelity
        assert two.fidelity.measured_with == one.key


def test_samplers_with_noise_of_their_own_are_not_comparable_but_their_rounding_is(
    judged: Callable[..., Run],
) -> None:
    found = only(judged(), scheduler="euler_a", steps=20, dtype="fp16", batch_size=1).fidelity

    assert found.score is None
    assert found.reason == "not comparable: euler_a adds noise of its own in each step"
    assert found.numerical is not None
    assert found.numerical.median_psnr_db > 40


def test_pictures_are_kept_for_the_report_and_nothing_else(judged: Callable[..., Run]) -> None:
    run = judged()

    for record in run.records:
        kept = record.fidelity.pictures
        assert set(kept) == {0, record.fidelity.worst_picture or 0}
        for name in kept.values():
            with Image.open(run.folder / name) as picture:
                assert picture.size == (16, 16)
    reference = only(run, scheduler="pndm", steps=4, dtype="fp32", batch_size=1).fidelity.reference
    assert reference is not None
    assert len(reference.pictures) == LEAST_PICTURES
    assert all((run.folder / name).is_file() for name in reference.pictures)
    assert not (run.folder / ".drawings").exists()


def test_what_is_drawn_in_fp32_is_drawn_once_for_all_runs(
    judged: Callable[..., Run], tmp_path: Path
) -> None:
    first = judged()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "results/.references").iterdir()}
    second = judged()

    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "results/.references").iterdir()}
    assert first.folder != second.folder
    assert again == kept
    assert len(kept) == 2 + 4, "N, 2N, and each scheduler at each number of steps"
    assert scores(first) == scores(second)


def test_a_run_that_goes_on_does_not_judge_again_what_it_has(
    judged: Callable[..., Run], recorder: Recorder
) -> None:
    run = judged()
    lines = (run.folder / "records.jsonl").read_bytes().splitlines(keepends=True)
    (run.folder / "records.jsonl").write_bytes(b"".join(lines[:-1]))
    recorder.phases.clear()

    again = judged(resume=True)

    assert again.folder == run.folder
    assert scores(again) == scores(run)
    assert "drawing" not in recorder.phases, "batch 1 had drawn what batch 2 draws"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("fidelity: off", "the suite says `fidelity: off`"),
        ("pipeline: {builtin: tiny}", "the weights are random"),
    ],
)
def test_where_nothing_is_drawn_the_reason_is_there(
    judged: Callable[..., Run], recorder: Recorder, tmp_path: Path, change: str, reason: str
) -> None:
    text = SWEEP if change.startswith("fidelity") else SWEEP.replace("pipeline: owner/model\n", "")

    run = judged(f"{text}{change}\n")

    assert all(record.fidelity.score is None for record in run.records)
    assert all(reason in str(record.fidelity.reason) for record in run.records)
    assert not (tmp_path / "results/.references").exists()
    assert "drawing" not in recorder.phases


def test_a_configuration_that_failed_has_nothing_to_compare(
    judged: Callable[..., Run], script: Callable[..., str]
) -> None:
    device = script(faults=[{"fault": "error", "knobs": {"dtype": "fp16", "steps": 20}}])

    run = judged(device=device)

    statuses = Counter(record.status for record in run.records)
    assert statuses == {Status.OK: 12, Status.ERROR: 4}
    for record in run.records:
        if record.status is Status.ERROR:
            assert record.fidelity.score is None
            assert record.fidelity.measured_with is None


def test_a_worker_that_dies_drawing_costs_that_fidelity_alone(
    judged: Callable[..., Run], script: Callable[..., str]
) -> None:
    at_the_candidate = {"dtype": "fp16", "steps": 20, "scheduler": "pndm"}
    fault = {"fault": "crash", "after_calls": 4, "knobs": at_the_candidate}

    run = judged(device=script(faults=[fault]))

    assert all(record.status is Status.OK for record in run.records)
    for record in run.records:
        is_struck = all(record.knobs[name] == value for name, value in at_the_candidate.items())
        if is_struck:
            assert "SIGKILL" in str(record.fidelity.reason)
        elif record.knobs["scheduler"] == "pndm":
            assert record.fidelity.score is not None


def test_without_memory_for_a_reference_the_rest_is_measured(
    judged: Callable[..., Run], script: Callable[..., str]
) -> None:
    fault = {"fault": "oom", "at": "load", "knobs": {"dtype": "fp32"}}

    run = judged(device=script(faults=[fault]))

    half = only(run, scheduler="pndm", steps=20, dtype="fp16", batch_size=1)
    assert half.status is Status.OK
    assert half.fidelity.score is None
    assert half.fidelity.reason is not None
    assert half.fidelity.reason.startswith("no reference: out of memory while loading")
    assert half.fidelity.numerical_reason is not None
    assert half.fidelity.is_degenerate is False


def test_a_damaged_drawing_costs_fidelity_and_not_the_sweep(
    judged: Callable[..., Run], tmp_path: Path
) -> None:
    judged()
    for path in (tmp_path / "results/.references").iterdir():
        path.write_bytes(b"PK\x03\x04 cut off")

    run = judged()

    assert [record.status for record in run.records] == [Status.OK] * 16
    for record in run.records:
        assert record.fidelity.score is None
        assert "is no drawing: remove it" in str(record.fidelity.reason)


def test_prompts_are_filled_up_to_four_and_a_swept_prompt_stands_alone(
    judged: Callable[..., Run],
) -> None:
    base = f"name: p\npipeline: owner/model\nmeasure: {FAST}\n"

    filled = judged(f"{base}inputs: {{prompts: [a cat, a dog], seed: 7}}\n").records[0].fidelity
    assert filled.subjects == tuple(
        Subject(prompt, seed)
        for prompt in ("a cat", "a dog", *OTHER_PROMPTS[:2])
        for seed in (7, 8)
    )
    swept = judged(f"{base}axes: {{prompt: [a cat, a dog]}}\n")
    for record in swept.records:
        assert record.fidelity.subjects == tuple(
            Subject(str(record.knobs["prompt"]), seed) for seed in range(LEAST_PICTURES)
        )
    references = [record.fidelity.reference for record in swept.records]
    assert len({reference.key for reference in references if reference}) == 2


REAL = """
name: real
pipeline: {{path: {folder}}}
fixed: {{height: 16, width: 16}}
inputs: {{prompts: [a cat, a dog, a fox, an owl]}}
axes:
  scheduler: [{scheduler}]
  dtype: [fp32, bf16]
exclude: [{exclude}]
fidelity: {{reference_steps: {steps}{reference}}}
measure: {measure}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real pipeline of its own folder: nothing says that its weights are random."""
    path = tmp_path_factory.mktemp("pipeline")
    build_pipeline().save_pretrained(path)
    return path


def test_a_real_pipeline_is_held_against_a_real_reference(
    judged: Callable[..., Run], folder: Path
) -> None:
    text = REAL.format(
        folder=folder,
        steps=8,
        reference="",
        measure=FAST,
        scheduler="{name: euler, timestep_spacing: trailing}, euler_a",
        exclude="{scheduler: euler_a, dtype: bf16}, {scheduler: euler_a, steps: 6}",
    )
    run = judged(text.replace("axes:", "axes:\n  steps: [2, 6]"), device="cpu")
    few, many = (
        record.fidelity
        for record in run.records
        if record.knobs["dtype"] == "fp32" and record.knobs["scheduler"] != "euler_a"
    )
    rounded = [
        record.fidelity
        for record in run.records
        if record.knobs["dtype"] == "bf16" and record.knobs["scheduler"] != "euler_a"
    ]

    assert few.score is not None
    assert many.score is not None
    assert few.score < many.score
    assert few.against_reference is not None
    assert few.against_reference.median_latent_rmse is not None
    assert 0 < few.against_reference.median_latent_rmse < 1
    assert few.numerical is not None
    assert few.numerical.latent_rmse == (0.0,) * LEAST_PICTURES, "it is its own twin"
    for found in rounded:
        assert found.numerical is not None
        assert found.numerical.median_latent_rmse is not None
        assert 0 < found.numerical.median_latent_rmse < 0.1
    for record in run.records:
        if record.knobs["scheduler"] == "euler_a":
            assert record.fidelity.score is None
            assert "EulerAncestral" in str(record.fidelity.reason)


def test_a_reference_in_the_trap_is_refused(
    judged: Callable[..., Run], folder: Path, recorder: Recorder
) -> None:
    trapped = ", reference_scheduler: {name: dpmpp_2m, timestep_spacing: leading}"
    text = REAL.format(
        folder=folder,
        steps=10,
        reference=trapped,
        measure=FAST,
        scheduler="euler",
        exclude="",
    )
    text = text.replace("axes:", "axes:\n  steps: [2]")

    run = judged(text, device="cpu")

    for record in run.records:
        assert record.fidelity.score is None
        assert "the sampler begins at timestep 901" in str(record.fidelity.reason)
    assert any("the reference is unfit" in note for note in recorder.notes)


def test_whatever_is_drawn_is_drawn_with_the_threads_of_its_configuration(
    judged: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More threads than a crowded machine has free made a picture ten times as slow."""
    seen = []
    draw = Controller.draw

    def remember(self: Controller, command: Draw, *rest: Any) -> Drawn:
        seen.append((command.is_reference, command.knobs["threads"]))
        return draw(self, command, *rest)

    monkeypatch.setattr(Controller, "draw", remember)
    judged(SWEEP.replace("axes:", "fixed: {threads: 1}\naxes:"))
    assert {threads for _, threads in seen} == {1}
    assert {is_reference for is_reference, _ in seen} == {True, False}
