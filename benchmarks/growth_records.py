"""Runs of any number of configurations, as large on disk as real ones, without measuring them all.

The simulated pipeline is really measured at each data type, slicing and batch size. The records of
other schedulers, steps and guidance scales are these, with the seconds of the denoiser and of the
scheduler in proportion to the steps. Fidelity and what really ran are not simulated: they are made
up, with as many pictures, options and classes as the embedded pipeline's records have.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from simulated_machine import NOISES, SCRIPT, InProcessWorker

from sdbench.devices.noise import Machine
from sdbench.devices.script import Script
from sdbench.results.fidelity import Agreement, Fidelity, Reference, Subject
from sdbench.results.record import Record
from sdbench.results.store import RunInfo, RunWriter
from sdbench.run.messages import Finished, Measure, Start
from sdbench.suite.configuration import Configuration
from sdbench.suite.defaults import with_defaults
from sdbench.suite.expand import configurations
from sdbench.suite.load import suite_from_mapping
from sdbench.suite.model import Suite
from sdbench.units import GIB, MIB

STARTED_AT = "2026-01-02T03:04:05Z"
DEVICE = "Simulated machine"

AXES: Mapping[int, Mapping[str, int]] = {
    5: {"scheduler": 1, "steps": 5},
    50: {"scheduler": 5, "steps": 5, "dtype": 2},
    500: {"scheduler": 5, "steps": 5, "dtype": 2, "attention_slicing": 2, "batch_size": 5},
    5_000: {"scheduler": 10, "steps": 25, "dtype": 2, "attention_slicing": 2, "batch_size": 5},
    100_000: {
        "scheduler": 10,
        "steps": 25,
        "guidance_scale": 20,
        "dtype": 2,
        "attention_slicing": 2,
        "batch_size": 5,
    },
}
"""For each number of configurations, how many values each axis has."""

_VALUES: Mapping[str, Sequence[Any]] = {
    "scheduler": (
        "euler",
        "ddim",
        "dpmpp_2m",
        "heun",
        "unipc",
        "pndm",
        "lms",
        "deis",
        "kdpm2",
        "dpmpp_sde",
    ),
    "steps": tuple(range(2, 52, 2)),
    "guidance_scale": tuple(1.5 + 0.5 * index for index in range(20)),
    "dtype": ("fp32", "bf16"),
    "attention_slicing": ("off", "max"),
    "batch_size": (1, 2, 4, 8, 16),
}

_STEPS = 10
"""Steps of the records that are really simulated."""

_SCRIPT = replace(SCRIPT, memory_bytes=16 * GIB, context_bytes=400 * MIB, power_watts=200.0)

_PICTURES = 8

_WAITED_RATIO = 0.002
"""Share of a call that waits for a processor on a machine that does nothing else."""


def suite(count: int) -> Suite:
    """A suite of ``count`` configurations, which is a key of `AXES`."""
    axes = {knob: list(_VALUES[knob][:number]) for knob, number in AXES[count].items()}
    return suite_from_mapping(
        {
            "name": f"growth-{count}",
            "fixed": {"pipeline": {"builtin": "tiny"}},
            "axes": axes,
            "limits": {"memory": "12GiB", "fidelity": 0.3},
            "max_configurations": max(AXES),
        },
        Path(),
    )


def expanded(of: Suite) -> tuple[Configuration, ...]:
    """Its configurations, and the default one."""
    return with_defaults(of, configurations(of))


def records(of: Iterable[Configuration]) -> Iterator[Record]:
    """A record of each configuration."""
    return map(record, of)


def record(configuration: Configuration) -> Record:
    """What a round of a configuration would yield."""
    knobs = configuration.knobs
    simulated = _simulated(*(str(knobs[name]) for name in _COSTLY), _batch_size(knobs))
    ratio = _steps(knobs) / _STEPS
    stages_s = {
        stage: tuple(one * ratio for one in stage_s)
        if stage in ("denoiser", "scheduler_step")
        else stage_s
        for stage, stage_s in simulated.stages_s.items()
    }
    samples_s = tuple(map(sum, zip(*stages_s.values(), strict=True)))
    return replace(
        simulated,
        key=configuration.key,
        knobs=dict(knobs),
        samples_s=samples_s,
        waited_s=tuple(round(_WAITED_RATIO * one, 6) for one in samples_s),
        stages_s=stages_s,
        denoiser_evaluations=_steps(knobs),
        fidelity=_fidelity(configuration),
        effective=_effective(knobs),
        images=(f"images/{configuration.key}-0.png",),
    )


def write(folder: Path, of: Suite, all_records: Iterable[Record], keys: Iterable[str]) -> None:
    """Writes a run, without waiting for the disk after each record."""
    with RunWriter.create(folder, info(of, keys)) as writer, mock.patch("os.fsync"):
        for one in all_records:
            writer.append(one)


def info(of: Suite, keys: Iterable[str]) -> RunInfo:
    """What holds for all records of a run."""
    return RunInfo(
        suite=of.to_json(),
        device=DEVICE,
        fingerprint={"device": DEVICE},
        environment={"torch_device": "cuda:0", "python": "3", "variables": {}},
        started_at=STARTED_AT,
        planned_keys=tuple(keys),
    )


_COSTLY = ("dtype", "attention_slicing")


def _batch_size(knobs: Mapping[str, Any]) -> int:
    return int(knobs["batch_size"])


def _steps(knobs: Mapping[str, Any]) -> int:
    """Those of a call; what the pipeline takes by itself is made up, too."""
    return int(knobs["steps"] or 50)


@cache
def _simulated(dtype: str, attention_slicing: str, batch_size: int) -> Record:
    """What the simulated pipeline really yields."""
    worker = _worker(_SCRIPT)
    knobs = Configuration.of(
        {
            "pipeline": {"builtin": "tiny"},
            "steps": _STEPS,
            "dtype": dtype,
            "attention_slicing": attention_slicing,
            "batch_size": batch_size,
        }
    ).knobs
    worker.send(Measure(knobs=knobs, round=0, images_folder=None))
    event = worker.receive(0)
    assert isinstance(event, Finished)
    return event.record


@cache
def _worker(script: Script) -> InProcessWorker:
    worker = InProcessWorker("worker-1", script, Machine(NOISES["quiet GPU"]))
    start = Start(
        suite=suite(5).to_json(), device="scripted", trust_remote_code=False, name="worker-1"
    )
    worker.send(start)
    worker.receive(0)
    return worker


def _fidelity(configuration: Configuration) -> Fidelity:
    """Of the first batch size, as in a run: the others draw the same pictures."""
    knobs = configuration.knobs
    content = str(knobs["guidance_scale"])
    drawn = Configuration.of({**knobs, "batch_size": 1}).key
    # Different for each configuration, and the same on any machine.
    wobble = int(drawn, 16) % 997 / 997
    psnr_db = 12 + 34 * (1 - math.exp(-_steps(knobs) / 12)) - 3 * wobble
    reference = _reference(content)
    scores = tuple(psnr_db + share for share in _around(wobble))
    return Fidelity(
        score=reference.normalised(psnr_db),
        worst_score=reference.normalised(min(scores)),
        against_reference=_agreement(scores),
        numerical=_agreement(tuple(45 + 5 * share for share in _around(wobble))),
        is_degenerate=False,
        reference=reference,
        denoiser_evaluations=_steps(knobs),
        subjects=_SUBJECTS,
        pictures={0: f"images/{drawn}-compared-0.png", 6: f"images/{drawn}-compared-6.png"},
        measured_with=drawn,
    )


def _around(wobble: float) -> tuple[float, ...]:
    return tuple(wobble * (index - _PICTURES / 2) / _PICTURES for index in range(_PICTURES))


def _agreement(psnr_db: tuple[float, ...]) -> Agreement:
    return Agreement(
        psnr_db=psnr_db,
        ssim=tuple(min(1.0, one / 50) for one in psnr_db),
        latent_rmse=tuple(10 ** (-one / 20) for one in psnr_db),
    )


_SUBJECTS = tuple(
    Subject(prompt=f"an emoji of {what}", seed=seed)
    for what in ("a red apple", "a penguin")
    for seed in range(_PICTURES // 2)
)


@cache
def _reference(content: str) -> Reference:
    return Reference(
        key=f"reference-{content}",
        scheduler="dpmpp_2m (timestep_spacing=trailing)",
        steps=100,
        floor_psnr_db=11.63341276720169,
        floor_ssim=0.5033098522343762,
        ceiling_psnr_db=46.72935979422488,
        ceiling_ssim=0.9987021673474497,
        pictures=tuple(f"images/reference-{content}-{index}.png" for index in range(_PICTURES)),
    )


def _effective(knobs: Mapping[str, Any]) -> dict[str, Any]:
    is_sliced = knobs["attention_slicing"] != "off"
    processor = "SlicedAttnProcessor" if is_sliced else "AttnProcessor2_0"
    models = ("vae", "text_encoder", "unet", "safety_checker")
    return {
        "pipeline_class": "StableDiffusionPipeline",
        "scheduler": {
            "class": f"{knobs['scheduler']}Scheduler",
            "config": {**{f"option_{index}_of_it": index / 7 for index in range(30)}},
            "first_timestep": 999.0,
            "timesteps": _steps(knobs),
        },
        "attention_processors": {"vae": {processor: 2}, "unet": {processor: 14}},
        "dtypes": dict.fromkeys(models, "float32" if knobs["dtype"] == "fp32" else "bfloat16"),
        "compiled": [],
        "memory_formats": {},
        "vae": {"use_slicing": False, "use_tiling": False},
        "threads": 1,
        "tf32": {"matmul": False, "cudnn": True},
    }
