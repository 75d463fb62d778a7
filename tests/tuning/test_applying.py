"""What is applied draws what was measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_pipelines import SMALL, build, configuration

from sdbench.knobs.task import Task
from sdbench.tuning.applying import apply
from sdbench.tuning.errors import CannotApply
from sdbench.tuning.recommendation import Recommendation

from .conftest import quickly, state_of

LOADED = {"loaded": "StableDiffusionPipeline"}


def knobs(**values: Any) -> Any:
    return configuration(pipeline=LOADED, **values).knobs


def drawn(pipe: Any, prompt: str, arguments: dict[str, Any]) -> Any:
    count = arguments.get("num_images_per_prompt", 1)
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in range(count)]
    return [np.asarray(one) for one in pipe(prompt, generator=generators, **arguments).images]


@pytest.mark.parametrize(
    "values",
    [
        {"scheduler": "euler_karras", "attention_slicing": "auto"},
        {"scheduler": "dpmpp_2m", "attention": "eager", "channels_last": "on"},
        {"vae_tiling": "on", "height": 72},
        {"vae_slicing": "on", "batch_size": 2, "guidance_scale": 3},
    ],
    ids=str,
)
def test_a_fresh_pipeline_draws_the_very_picture_that_was_measured(
    values: dict[str, Any], results: Any
) -> None:
    fixed = {**SMALL, **values}
    axes = {"steps": [fixed.pop("steps")]}
    best = quickly(build(), prompt="a cat", axes=axes, fixed=fixed, results=results)
    fresh = build()
    first = drawn(fresh, "a cat", best.apply(fresh))[0]
    (record,) = best.run.records
    (name, *_) = record.images
    assert np.array_equal(first, np.asarray(Image.open(best.folder / name)))


def test_it_draws_what_the_code_draws(best: Recommendation) -> None:
    fresh, other = build(), build()
    written = {"pipe": other}
    exec(best.code or "", written)
    prompt = best.run.info.suite["inputs"]["prompts"][0]
    ours = drawn(fresh, prompt, best.apply(fresh))
    theirs: Any = written["images"]
    assert np.array_equal(ours[0], np.asarray(theirs[0]))


def test_the_arguments_are_those_of_the_call() -> None:
    turned = knobs(batch_size=4, guidance_scale=2.0)
    assert apply(build(), turned, "") == {
        "num_inference_steps": 2,
        "height": 16,
        "width": 16,
        "guidance_scale": 2.0,
        "num_images_per_prompt": 4,
    }


def test_a_second_recommendation_takes_the_first_one_back() -> None:
    pipe = build()
    shipped = state_of(pipe)
    first = knobs(scheduler="euler", attention_slicing="auto", vae_slicing="on", vae_tiling="on")
    apply(pipe, first, "")
    assert type(pipe.scheduler).__name__ == "EulerDiscreteScheduler"
    apply(pipe, first, "")
    assert pipe.vae.use_slicing
    assert pipe.vae.use_tiling
    assert "_decode" not in vars(pipe.vae)
    apply(pipe, knobs(), "")
    assert state_of(pipe) == shipped


def test_what_was_applied_before_a_pipeline_is_tuned_again_stays(results: Any) -> None:
    pipe = build()
    apply(pipe, knobs(scheduler="euler"), "")
    applied = pipe.scheduler
    again = quickly(pipe, axes={"attention_slicing": ["auto"]}, results=results)
    again.apply(pipe)
    assert again.knobs["scheduler"] == "default"
    assert pipe.scheduler is applied


def test_what_loading_settles_is_refused_with_the_code_that_loads_it() -> None:
    pipe = build()
    before = state_of(pipe)
    with pytest.raises(CannotApply, match=r"dtype bf16 \(this one has fp32\)") as refused:
        apply(pipe, knobs(dtype="bf16", scheduler="euler"), "pipe = load_it()")
    assert "pipe = load_it()" in str(refused.value)
    assert state_of(pipe) == before


def test_what_this_pipeline_cannot_take_is_refused_and_nothing_is_left_changed() -> None:
    pipe = build()
    before = state_of(pipe)
    with pytest.raises(CannotApply, match="FlowMatchEulerDiscreteScheduler does not fit"):
        apply(pipe, knobs(vae_tiling="on", scheduler="flow_euler"), "")
    assert state_of(pipe) == before


def test_an_argument_that_the_call_lacks_is_refused() -> None:
    with pytest.raises(CannotApply, match="no argument 'strength'"):
        apply(build(), knobs(strength=0.5), "")


def test_a_pipeline_of_another_task_is_refused() -> None:
    with pytest.raises(CannotApply, match=r"task text-to-image \(this one has image-to-image\)"):
        apply(build(task=Task.IMAGE_TO_IMAGE), {**knobs(), "height": None, "width": None}, "")


def test_compilation_is_turned_on_where_it_was_off(monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[str] = []
    pipe = build()
    monkeypatch.setattr(
        type(pipe.unet), "compile", lambda self, mode, dynamic: modes.append(mode), raising=False
    )
    apply(pipe, knobs(compile="max-autotune"), "")
    assert modes == ["max-autotune"]
