from __future__ import annotations

import json

import torch
from tiny_pipelines import build, shared, shared_flux

from sdbench.pipelines.effective import effective_state, modules


def test_json_holds_it_as_it_is() -> None:
    state = effective_state(shared())
    assert json.loads(json.dumps(state)) == state


def test_it_tells_classes_processors_and_data_types() -> None:
    state = effective_state(shared())
    assert state["pipeline_class"] == "StableDiffusionPipeline"
    assert state["scheduler"]["class"] == "PNDMScheduler"
    assert state["scheduler"]["config"]["beta_schedule"] == "scaled_linear"
    # One attention layer below, two above and one in the middle, each with self- and
    # cross-attention; in the VAE, one in the middle of encoder and decoder.
    assert state["attention_processors"] == {
        "unet": {"AttnProcessor2_0": 8},
        "vae": {"AttnProcessor2_0": 2},
    }
    assert state["dtypes"] == dict.fromkeys(modules(shared()), "float32")
    assert state["compiled"] == []
    assert state["memory_formats"] == {}
    assert state["vae"] == {"use_slicing": False, "use_tiling": False}


def test_a_slice_size_is_told() -> None:
    pipe = build()
    pipe.enable_attention_slicing(2)
    processors = effective_state(pipe)["attention_processors"]["unet"]
    assert processors == {"SlicedAttnProcessor(slice_size=2)": 8}


def test_an_attention_backend_is_told() -> None:
    processor = next(iter(shared_flux().transformer.attn_processors.values()))
    processor._attention_backend = "_native_math"
    try:
        told = effective_state(shared_flux())["attention_processors"]["transformer"]
    finally:
        processor._attention_backend = None
    assert told == {"FluxAttnProcessor": 1, "FluxAttnProcessor(_native_math)": 1}


def test_a_component_of_two_data_types_tells_both() -> None:
    pipe = build()
    pipe.vae.decoder.to(torch.float16)
    assert effective_state(pipe)["dtypes"]["vae"] == "float16+float32"


def test_a_compiled_component_is_told() -> None:
    pipe = build()
    pipe.unet._compiled_call_impl = pipe.unet._call_impl
    assert effective_state(pipe)["compiled"] == ["unet"]


def test_both_switches_of_tf32_are_told() -> None:
    assert set(effective_state(shared())["tf32"]) == {"matmul", "cudnn"}
