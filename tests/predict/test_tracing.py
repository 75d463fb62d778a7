"""Predicted peaks are those that the memory pass counts, to the byte or nearly so."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from pipelines.architectures.shrunk import shrunk
from tiny_pipelines import configuration, pipeline

from sdbench.devices.cpu import CpuDevice
from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Unsupported
from sdbench.measure.memory import measure_memory
from sdbench.pipelines.architectures import build
from sdbench.pipelines.diffusers_pipeline import DiffusersPipeline
from sdbench.predict.trace import Trace
from sdbench.predict.tracing import Weightless
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs
from sdbench.units import MIB

INPUTS = Inputs(prompts=("a cat",))
AMPERE = (8, 0)
TOLERANCE_RATIO = 1e-5
"""Scalars of a scheduler's own that replaying leaves out: 16 bytes of the tiny pipeline's 10 MB."""


@functools.cache
def tiny() -> Weightless:
    return Weightless(INPUTS, configuration().knobs)


def real_peaks(loaded: DiffusersPipeline, wanted: Configuration) -> tuple[int, dict[str, int]]:
    with loaded.configured(wanted) as call:
        peaks, _ = measure_memory(call, CpuDevice())
    assert isinstance(peaks.allocated_bytes.value, int)
    return peaks.allocated_bytes.value, dict(peaks.allocated_bytes_by_stage)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"steps": 8, "scheduler": "lms"},
        {"steps": 3, "scheduler": "heun", "batch_size": 2},
        {"batch_size": 3, "vae_slicing": "on"},
        {"guidance_scale": 1.0},
        {"attention": "eager", "height": 32, "width": 64},
        {"attention_slicing": "auto", "batch_size": 2},
        {"attention_slicing": "max", "scheduler": "dpmpp_sde"},
        {"channels_last": "on", "safety_checker": "off"},
        {"vae_tiling": "on", "height": 104, "width": 104},
        {"task": "inpainting"},
    ],
    ids=str,
)
def test_the_peak_and_that_of_each_stage_are_met(values: dict[str, JsonValue]) -> None:
    wanted = configuration(**values)
    peak, by_stage = real_peaks(pipeline(inputs=INPUTS), wanted)
    trace = tiny().trace(wanted.knobs, None)
    assert trace.peak_bytes == pytest.approx(peak, rel=TOLERANCE_RATIO)
    told = {stage: trace.stage_peak_bytes[stage] for stage in by_stage}
    assert told == pytest.approx(by_stage, rel=10 * TOLERANCE_RATIO)


def test_the_peak_does_not_grow_with_the_steps() -> None:
    few, many = (tiny().trace(configuration(steps=steps).knobs, None) for steps in (5, 50))
    assert few.peak_bytes == many.peak_bytes


@pytest.mark.parametrize("name", ["sdxl", "sd3_medium", "flux1_dev"])
def test_shrunk_architectures_are_met(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "read_configs", lambda _: shrunk(name))
    source = {"architecture": name, "weights": "random"}
    wanted = configuration(pipeline=source, steps=1, height=64, width=64, dtype="bf16")
    real = build.build_pipeline(name, torch.bfloat16)
    real.set_progress_bar_config(disable=True)
    peak, by_stage = real_peaks(pipeline(real, INPUTS), wanted)
    trace = Weightless(INPUTS, wanted.knobs).trace(wanted.knobs, None)
    assert trace.peak_bytes == pytest.approx(peak, rel=TOLERANCE_RATIO)
    assert trace.stage == max(by_stage, key=by_stage.__getitem__)


@functools.cache
def stable_diffusion() -> Weightless:
    return Weightless(INPUTS, sd15())


def sd15(**values: JsonValue) -> Any:
    source = {"architecture": "sd15", "weights": "random"}
    return Configuration.of(
        {"pipeline": source, "dtype": "fp16", "safety_checker": "off", **values}
    ).knobs


def activations_mib(trace: Trace, stage: str) -> float:
    return (trace.stage_peak_bytes[stage] - trace.stage_peak_bytes["load"]) / MIB


def test_a_full_size_pipeline_needs_what_it_was_measured_to() -> None:
    """Real runs at 512 x 512: 4836.5 MiB in fp32 and half of it in half precision."""
    trace = stable_diffusion().trace(sd15(), AMPERE)
    assert trace.peak_bytes / MIB == pytest.approx(2418.3, abs=0.1)
    assert trace.stage == "vae_decode"
    assert activations_mib(trace, "denoiser") == pytest.approx(130, abs=1)
    assert len(trace.convolutions) > 100
    assert trace.matmul_at is not None


def test_offloading_leaves_on_the_device_what_runs() -> None:
    whole, models, layers, groups = (
        stable_diffusion().trace(sd15(offload=way), AMPERE)
        for way in ("none", "model", "sequential", "group")
    )
    denoiser_mib = 1639.4  # 859,520,964 parameters of two bytes
    assert models.stage_peak_bytes["denoiser"] / MIB == pytest.approx(denoiser_mib + 130, abs=2)
    # the VAE decodes when the denoiser is gone: 159.6 MiB of it, and what decoding needs
    assert whole.host_bytes == 0
    assert models.host_bytes == whole.stage_peak_bytes["load"]
    # the largest layer, a convolution of 2560 to 1280 channels, has 56 MiB
    assert 130 < layers.stage_peak_bytes["denoiser"] / MIB < 130 + 57
    assert layers.peak_bytes <= groups.peak_bytes < models.peak_bytes


@pytest.mark.parametrize(
    ("values", "capability", "reason"),
    [
        ({"compile": "default"}, AMPERE, "compiled"),
        ({"attention": "xformers"}, AMPERE, "xformers"),
        ({"offload": "model"}, None, "this is the CPU"),
        ({"tf32": "on"}, None, "CUDA"),
        ({"tf32": "on"}, (7, 5), "8.0"),
        ({"tf32": "on", "dtype": "fp16"}, AMPERE, "fp32 arithmetic only"),
        ({"dtype": "bf16"}, (7, 5), "bfloat16"),
        ({"offload": "group", "channels_last": "on"}, AMPERE, "changes nothing"),
        ({"vae_slicing": "on"}, AMPERE, "batch of one"),
        ({"vae_tiling": "on"}, AMPERE, "larger than one tile"),
        ({"scheduler": "flow_euler"}, AMPERE, "does not fit"),
    ],
    ids=str,
)
def test_what_cannot_be_told_is_refused_with_the_reason(
    values: dict[str, JsonValue], capability: tuple[int, int] | None, reason: str
) -> None:
    with pytest.raises(Unsupported, match=reason):
        tiny().trace(configuration(**values).knobs, capability)


def test_a_device_that_has_tf32_takes_it() -> None:
    plain, turned = (
        tiny().trace(configuration(**values).knobs, AMPERE) for values in ({}, {"tf32": "on"})
    )
    assert plain.peak_bytes == turned.peak_bytes


def test_a_model_is_traced_alone() -> None:
    vae = tiny().pipe.vae
    latents = tiny().empty((2, 4, 8, 8), torch.float32)
    trace = tiny().trace_alone(vae, [latents], lambda: vae.decode(latents), None)
    weights = sum(parameter.nbytes for parameter in vae.parameters())
    assert trace.stage_peak_bytes["load"] == weights
    picture_bytes = latents.nbytes * 3 // 4 * (vae_scale(vae) ** 2)
    assert trace.peak_bytes >= weights + latents.nbytes + picture_bytes


def vae_scale(vae: Any) -> int:
    return 2 ** (len(vae.config.block_out_channels) - 1)


def test_a_pipeline_that_was_left_changed_is_loaded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    weightless = Weightless(INPUTS, configuration().knobs)
    before = weightless.trace(configuration().knobs, None)

    def fail(*_: Any, **__: Any) -> Any:
        weightless.pipe.vae.enable_slicing()
        raise RuntimeError("in the middle")

    monkeypatch.setattr(weightless.pipe.unet, "forward", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        weightless.trace(configuration().knobs, None)
    assert weightless.trace(configuration().knobs, None).events == before.events
