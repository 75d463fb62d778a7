from __future__ import annotations

import pytest
import torch
from tiny_pipelines import shared

from sdbench.pipelines.effective import modules
from sdbench.pipelines.tiny import build_pipeline


def test_it_has_the_seven_components_of_stable_diffusion() -> None:
    present = {name: type(c).__name__ for name, c in shared().components.items() if c is not None}
    assert present == {
        "vae": "AutoencoderKL",
        "text_encoder": "CLIPTextModel",
        "tokenizer": "CLIPTokenizer",
        "unet": "UNet2DConditionModel",
        "scheduler": "PNDMScheduler",
        "safety_checker": "StableDiffusionSafetyChecker",
        "feature_extractor": "CLIPImageProcessorPil",
    }


def test_its_weights_are_equal_on_every_call_whatever_was_drawn_before() -> None:
    torch.manual_seed(1)
    first = build_pipeline()
    torch.manual_seed(2)
    second = build_pipeline()
    for name, module in modules(first).items():
        weights = modules(second)[name].state_dict()
        assert all(torch.equal(w, weights[key]) for key, w in module.state_dict().items())


def test_building_it_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    build_pipeline()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_all_weights_have_the_data_type_that_was_asked_for(dtype: torch.dtype) -> None:
    found = {p.dtype for m in modules(build_pipeline(dtype)).values() for p in m.parameters()}
    assert found == {dtype}


def test_no_module_is_in_training_mode() -> None:
    assert not any(module.training for module in modules(shared()).values())


def test_its_tokenizer_knows_every_printable_letter() -> None:
    tokenizer = shared().tokenizer
    ids = tokenizer("A cat, 42!").input_ids
    assert tokenizer.unk_token_id not in ids[1:-1]
