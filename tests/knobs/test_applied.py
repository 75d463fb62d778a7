"""Each knob on real, tiny pipelines: it took effect and is undone, or it says why it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from knob_calls import effective, refusal
from tiny_pipelines import build, configuration, pipeline, shared, shared_flux

from sdbench.knobs.base import Unsupported
from sdbench.knobs.registry import KNOBS
from sdbench.knobs.scheduler import SHORT_NAMES

FLUX = {"attention_slicing": "off", "steps": 1}

# --- scheduler ---

FLOW_MATCHING = ("flow_euler", "flow_heun")


@pytest.mark.parametrize("name", [name for name in SHORT_NAMES if name not in FLOW_MATCHING])
def test_every_scheduler_for_stable_diffusion_draws(name: str) -> None:
    class_name, options = SHORT_NAMES[name]
    scheduler = effective(scheduler=name)["scheduler"]
    assert scheduler["class"] == class_name
    assert {option: scheduler["config"][option] for option in options} == options
    assert scheduler["timesteps"] >= 2


@pytest.mark.parametrize("name", FLOW_MATCHING)
def test_flow_matching_does_not_fit_stable_diffusion(name: str) -> None:
    reason = refusal(scheduler=name)
    assert "does not fit a pipeline made for PNDMScheduler" in reason
    assert "EulerDiscreteScheduler" in reason


def test_a_scheduler_of_noise_prediction_does_not_fit_flux() -> None:
    reason = refusal(shared_flux(), scheduler="lcm")
    assert "LCMScheduler does not fit a pipeline made for FlowMatchEuler" in reason


@pytest.mark.parametrize(
    ("value", "first_timestep"),
    [
        # 1000 training steps in two, plus PNDM's steps_offset of 1 where diffusers adds it
        ({"name": "ddim", "timestep_spacing": "leading"}, 501.0),
        ({"name": "ddim", "timestep_spacing": "trailing"}, 999.0),
        ({"name": "ddim", "timestep_spacing": "linspace"}, 999.0),
    ],
)
def test_the_spacing_of_timesteps_is_an_option(value: Any, first_timestep: float) -> None:
    assert effective(scheduler=value)["scheduler"]["first_timestep"] == first_timestep


def test_karras_sigmas_are_an_option_and_the_same_as_by_short_name() -> None:
    by_option = effective(scheduler={"name": "euler", "use_karras_sigmas": True})["scheduler"]
    assert by_option == effective(scheduler="euler_karras")["scheduler"]
    assert by_option != effective(scheduler="euler")["scheduler"]


def test_the_shipped_class_takes_options_too() -> None:
    value = {"name": "default", "timestep_spacing": "trailing"}
    scheduler = effective(scheduler=value)["scheduler"]
    assert scheduler["class"] == "PNDMScheduler"
    assert scheduler["config"]["timestep_spacing"] == "trailing"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            {"name": "euler", "spacing": "trailing"},
            "EulerDiscreteScheduler has no option 'spacing'; it has num_train_timesteps",
        ),
        (
            {"name": "dpmpp_2m", "algorithm_type": "magic"},
            "DPMSolverMultistepScheduler refuses these options",
        ),
        # torch's own "deis" in place of what was asked for
        ({"name": "deis", "algorithm_type": "dpmsolver"}, "ignored algorithm_type"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(value: Any, words: str) -> None:
    assert words in refusal(scheduler=value)


def test_a_scheduler_that_needs_a_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert refusal(scheduler="dpmpp_sde").endswith("pip install torchsde")


# --- attention ---


@pytest.mark.parametrize(
    ("value", "slice_size"),
    [
        # The layers have eight heads: auto takes half of them, max one at a time.
        ("auto", 4),
        ("max", 1),
        (2, 2),
    ],
)
def test_attention_slices_are_in_use_and_taken_back(value: Any, slice_size: int) -> None:
    processors = effective(attention_slicing=value)["attention_processors"]
    assert processors["unet"] == {f"SlicedAttnProcessor(slice_size={slice_size})": 8}


def test_slices_larger_than_the_heads_are_refused() -> None:
    assert "attention slices of 9: size 9 has to be smaller" in refusal(attention_slicing=9)


def test_slicing_changes_nothing_on_flux_and_is_refused() -> None:
    reason = refusal(shared_flux(), **{**FLUX, "attention_slicing": "max"})
    assert "attention slicing changes nothing on FluxPipeline" in reason


@pytest.mark.parametrize(
    ("value", "processor"),
    [
        ("sdpa", "AttnProcessor2_0"),
        ("eager", "AttnProcessor"),
        ("sliced", "SlicedAttnProcessor(slice_size=4)"),
    ],
)
def test_attention_of_a_unet(value: str, processor: str) -> None:
    assert effective(attention=value)["attention_processors"]["unet"] == {processor: 8}


@pytest.mark.parametrize("value", ["native", "_native_math"])
def test_a_backend_of_the_dispatcher_is_in_use_and_taken_back(value: str) -> None:
    from diffusers.models.attention_dispatch import _AttentionBackendRegistry

    active = _AttentionBackendRegistry._active_backend
    processors = effective(shared_flux(), **FLUX, attention=value)["attention_processors"]
    assert processors["transformer"] == {f"FluxAttnProcessor({value})": 2}
    assert _AttentionBackendRegistry._active_backend is active


def test_sdpa_holds_for_the_dispatchers_own_backend() -> None:
    assert "unet" not in effective(shared_flux(), **FLUX, attention="sdpa")["attention_processors"]


@pytest.mark.parametrize("value", ["native", "_native_math", "flash", "sage"])
def test_a_backend_changes_nothing_on_a_unet_and_is_refused(value: str) -> None:
    reason = refusal(attention=value)
    assert "AttnProcessor2_0 does not use diffusers' attention dispatcher" in reason


@pytest.mark.parametrize("value", ["flash", "sage"])
def test_a_backend_that_is_not_installed_is_refused(value: str) -> None:
    reason = refusal(shared_flux(), **FLUX, attention=value)
    assert f"attention backend {value} is not usable here" in reason


def test_plain_attention_for_flux_is_not_known() -> None:
    reason = refusal(shared_flux(), **FLUX, attention="eager")
    assert reason == "no plain attention for FluxAttnProcessor of transformer"


def test_xformers_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert refusal(attention="xformers") == "xformers is not installed"


def test_xformers_that_does_not_work_says_what_diffusers_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())

    def refuse() -> None:
        raise ValueError("only available for GPU")

    monkeypatch.setattr(shared(), "enable_xformers_memory_efficient_attention", refuse)
    assert refusal(attention="xformers") == "xformers refuses: only available for GPU"


def test_sdpa_is_refused_where_something_else_runs() -> None:
    pipe = build()
    pipe.enable_attention_slicing("max")
    assert refusal(pipe, attention="sdpa") == "unet runs SlicedAttnProcessor, not SDPA"


def test_slicing_replaces_other_attention_so_both_at_once_are_refused() -> None:
    reason = refusal(attention="eager", attention_slicing="max")
    assert "attention eager would change nothing" in reason


# --- VAE ---


def test_vae_slicing_shows_with_a_batch() -> None:
    assert effective(batch_size=2, vae_slicing="on")["vae"]["use_slicing"] is True


def test_vae_slicing_of_one_image_has_no_effect() -> None:
    assert refusal(vae_slicing="on").endswith("a batch of one has no parts")


def test_vae_tiling_shows_with_an_image_larger_than_a_tile() -> None:
    # a tile has the sample size of 64 pixels
    assert effective(steps=1, height=72, width=64, vae_tiling="on")["vae"]["use_tiling"] is True


def test_vae_tiling_of_a_small_image_has_no_effect() -> None:
    assert "splits images larger than one tile" in refusal(vae_tiling="on")


def test_a_switch_that_is_on_already_is_refused() -> None:
    pipe = build()
    pipe.vae.enable_slicing()
    assert "vae_slicing is on already" in refusal(pipe, batch_size=2, vae_slicing="on")


@pytest.mark.parametrize(
    ("knob", "worker"), [("vae_slicing", "_decode"), ("vae_tiling", "tiled_decode")]
)
def test_a_vae_that_cannot_show_the_effect_is_refused_and_left_off(knob: str, worker: str) -> None:
    """AutoencoderTiny has neither method; the switch stayed on after the error."""
    from diffusers import AutoencoderTiny

    pipe = build()
    pipe.vae = AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    )
    reason = refusal(pipe, batch_size=2, **{knob: "on"})
    assert reason.startswith(f"AutoencoderTiny has no {worker}")


def test_a_pipeline_without_a_vae_is_refused() -> None:
    pipe = type("Pipe", (), {})()
    for name in ("vae_slicing", "vae_tiling"):
        with pytest.raises(Unsupported, match="the VAE of Pipe has no"):
            apply(name, pipe, "on")


def apply(name: str, pipe: Any, value: Any, torch_device: str = "cpu", **values: Any) -> Any:
    knob: Any = KNOBS[name]
    return knob.apply(pipe, value, configuration(**values).knobs, torch_device)


# --- memory format, threads, TF32 ---


def test_channels_last_reaches_denoiser_and_vae() -> None:
    formats = effective(channels_last="on")["memory_formats"]
    assert formats == {"unet": "channels_last", "vae": "channels_last"}


def test_channels_last_changes_nothing_on_a_transformer_and_is_refused() -> None:
    reason = refusal(shared_flux(), **FLUX, channels_last="on")
    assert "the denoiser of FluxPipeline has no two-dimensional convolutions" in reason


@pytest.mark.parametrize("offload", ["sequential", "group", "group_blocks", "group_low_memory"])
def test_channels_last_is_lost_in_the_copies_of_offloading(offload: str) -> None:
    with pytest.raises(Unsupported, match=f"offload {offload} brings weights"):
        apply("channels_last", shared(), "on", offload=offload)


def test_threads_are_set_and_taken_back() -> None:
    before = torch.get_num_threads()
    assert effective(threads=before + 1)["threads"] == before + 1
    assert torch.get_num_threads() == before


def test_threads_serve_the_host_beside_a_gpu_too() -> None:
    before = torch.get_num_threads()
    applied = apply("threads", shared(), before + 1, "cuda:0")
    assert torch.get_num_threads() == before + 1
    applied.undo()
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("value", ["on", "off"])
def test_tf32_does_not_exist_on_the_cpu(value: str) -> None:
    assert refusal(tf32=value) == "TF32 exists on CUDA devices only"


@pytest.mark.parametrize(
    ("capability", "dtype", "words"),
    [((7, 5), "fp32", "compute capability 8.0"), ((8, 0), "fp16", "fp32 arithmetic only")],
)
def test_tf32_needs_a_newer_gpu_and_fp32(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], dtype: str, words: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    with pytest.raises(Unsupported, match=words):
        apply("tf32", shared(), "on", "cuda:0", dtype=dtype)


@pytest.mark.parametrize("value", ["on", "off"])
def test_tf32_is_switched_for_products_and_convolutions_and_back(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    applied = apply("tf32", shared(), value, "cuda:0")
    assert matmul.allow_tf32 is cudnn.allow_tf32 is (value == "on")
    applied.undo()
    assert (matmul.allow_tf32, cudnn.allow_tf32) == before


# --- arguments of the call ---


def images(**values: Any) -> Sequence[Any]:
    with pipeline().configured(configuration(**values)) as call:
        call.prepare()
        drawn = call()
        call.verify(drawn)
    return drawn


def test_height_and_width_are_those_of_the_images() -> None:
    assert [image.size for image in images(height=16, width=24, batch_size=2)] == [(24, 16)] * 2


def test_strength_is_not_for_text_to_image() -> None:
    reason = refusal(strength=0.5)
    assert reason == "the call of StableDiffusionPipeline has no argument 'strength'"


def test_guidance_changes_the_image() -> None:
    drawn = {images(guidance_scale=scale)[0].tobytes() for scale in (1.0, 7.0)}
    assert len(drawn) == 2


def test_the_prompt_changes_the_image() -> None:
    drawn = {images(prompt=prompt)[0].tobytes() for prompt in ("a cat", "the sea")}
    assert len(drawn) == 2
