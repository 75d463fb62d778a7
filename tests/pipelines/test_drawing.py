from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from diffusers.utils.torch_utils import randn_tensor

from sdbench.pipelines.drawing import final_latents, fp32_noise
from sdbench.pipelines.tiny import build_pipeline

SHAPE = (1, 4, 9, 9)


def noise_of_the_pipeline(dtype: torch.dtype) -> torch.Tensor:
    module = sys.modules["diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion"]
    generator = torch.Generator("cpu").manual_seed(3)
    drawn: torch.Tensor = module.randn_tensor(SHAPE, generator=generator, dtype=dtype)
    return drawn


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_noise_is_the_same_in_every_data_type(dtype: torch.dtype) -> None:
    expected = randn_tensor(SHAPE, generator=torch.Generator().manual_seed(3))
    without = noise_of_the_pipeline(dtype)

    with fp32_noise():
        drawn = noise_of_the_pipeline(dtype)

    assert drawn.dtype == dtype
    assert torch.equal(drawn, expected.to(dtype))
    assert not torch.allclose(without.float(), expected, atol=0.1), "torch draws them alike now"
    assert torch.equal(noise_of_the_pipeline(dtype), without), "it was not taken back"


def test_it_is_taken_back_after_a_failure() -> None:
    with pytest.raises(RuntimeError), fp32_noise():
        raise RuntimeError

    assert noise_of_the_pipeline(torch.float16).dtype == torch.float16
    module = sys.modules["diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion"]
    assert module.randn_tensor is randn_tensor


def test_the_final_latents_are_those_that_decode_to_the_picture() -> None:
    pipe = build_pipeline()
    pipe.set_progress_bar_config(disable=True)

    with final_latents(pipe) as latents:
        shown = pipe("a cat", num_inference_steps=2, generator=torch.Generator().manual_seed(0))

    (found,) = latents(1)
    assert found is not None
    assert found.dtype == np.float32
    with torch.no_grad():
        decoded = pipe.vae.decode(torch.from_numpy(found)[None]).sample
    picture = pipe.image_processor.postprocess(decoded)[0]
    assert np.array_equal(np.asarray(picture), np.asarray(shown.images[0]))
    assert "decode" not in vars(pipe.vae)
