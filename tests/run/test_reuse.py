"""A reused worker measures what a fresh one does: the pipeline is put back after each knob."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from launchers import KeptLauncher

from sdbench.knobs.registry import KNOBS
from sdbench.results.record import Record, Status
from sdbench.run.controller import Controller, Job
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs, Protocol, Suite

from .recorder import Recorder

PICTURE = Path(__file__).parents[2] / "suites" / "inputs" / "face.png"
PIPELINE = {"builtin": "tiny"}
SHARED = {"pipeline": PIPELINE, "steps": 2, "height": 32, "width": 32, "threads": 1}
TURNED: dict[str, dict[str, Any]] = {
    "pipeline": {"pipeline": PIPELINE},
    "task": {"task": "image-to-image", "height": None, "width": None},
    "dtype": {"dtype": "bf16"},
    "offload": {"offload": "model"},
    "allocator": {"allocator": "expandable_segments"},
    "compile": {"compile": "default"},
    "tf32": {"tf32": "on"},
    "threads": {"threads": 2},
    "channels_last": {"channels_last": "on"},
    "scheduler": {"scheduler": {"name": "dpmpp_2m_karras", "timestep_spacing": "trailing"}},
    "attention": {"attention": "eager"},
    "attention_slicing": {"attention_slicing": "max"},
    "vae_slicing": {"vae_slicing": "on", "batch_size": 2},
    "vae_tiling": {"vae_tiling": "on", "height": 96, "width": 96},
    "safety_checker": {"safety_checker": "off"},
    "steps": {"steps": 3},
    "height": {"height": 64, "width": 32},
    "width": {"height": 32, "width": 64},
    "guidance_scale": {"guidance_scale": 1.0},
    "strength": {"strength": 0.5},
    "batch_size": {"batch_size": 2},
    "prompt": {"prompt": "a bowl of soup"},
}
NOT_ON_A_CPU_OR_THIS_TASK = {"offload", "allocator", "tf32", "strength"}

SUITE = Suite(
    name="reuse",
    inputs=Inputs(prompts=("a cat",), image=str(PICTURE)),
    fixed=SHARED,
    measure=Protocol(warmup=1, max_warmup=1, min_samples=1, max_samples=1),
)


class Rounds:
    """Rounds of a worker that is reused, and of fresh ones."""

    def __init__(self, launcher: KeptLauncher, folder: Path) -> None:
        self._job = Job(SUITE, "cpu")
        self._launcher = launcher
        self._folder = folder
        self._reused = Controller(self._job, launcher, folder / "logs")
        (folder / "images").mkdir()

    def reused(self, knobs: dict[str, Any]) -> tuple[Record, bytes]:
        return self._round(self._reused, knobs)

    def fresh(self, knobs: dict[str, Any]) -> tuple[Record, bytes]:
        controller = Controller(self._job, self._launcher, self._folder / "logs")
        try:
            return self._round(controller, knobs)
        finally:
            controller.kill_worker()

    def _round(self, controller: Controller, knobs: dict[str, Any]) -> tuple[Record, bytes]:
        configuration = Configuration.of({**SHARED, **knobs})
        record = controller.round(configuration, 0, self._folder, Recorder())
        images = [(self._folder / image).read_bytes() for image in record.images]
        return record, b"".join(images)

    def close(self) -> None:
        self._reused.kill_worker()


@pytest.fixture(scope="module")
def rounds(real: KeptLauncher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    made = Rounds(real, tmp_path_factory.mktemp("reuse"))
    yield made
    made.close()


def test_every_knob_is_turned_here() -> None:
    assert set(TURNED) == set(KNOBS)


@pytest.mark.parametrize("knob", TURNED)
def test_a_reused_worker_measures_what_a_fresh_one_does(rounds: Rounds, knob: str) -> None:
    expected = Status.UNSUPPORTED if knob in NOT_ON_A_CPU_OR_THIS_TASK else Status.OK
    reused, reused_images = rounds.reused(TURNED[knob])
    fresh, fresh_images = rounds.fresh(TURNED[knob])
    assert (reused.status, reused.reason) == (fresh.status, fresh.reason)
    assert reused.status is expected
    assert reused.peak_allocated_bytes == fresh.peak_allocated_bytes
    assert reused.stage_peak_allocated_bytes == fresh.stage_peak_allocated_bytes
    assert reused.effective == fresh.effective
    assert reused.denoiser_evaluations == fresh.denoiser_evaluations
    assert reused_images == fresh_images


def test_after_all_knobs_the_reused_worker_draws_and_peaks_as_at_first(rounds: Rounds) -> None:
    reused, reused_images = rounds.reused({})
    fresh, fresh_images = rounds.fresh({})
    assert reused.status is Status.OK
    assert reused.peak_allocated_bytes == fresh.peak_allocated_bytes
    assert reused_images == fresh_images
