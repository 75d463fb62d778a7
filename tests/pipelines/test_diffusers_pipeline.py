from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny_pipelines import build, configuration, pipeline, shared

from sdbench.knobs.base import SetupKnob, Unsupported
from sdbench.knobs.registry import KNOBS
from sdbench.results.fidelity import Subject
from sdbench.suite.model import Inputs

TURNED: list[dict[str, Any]] = [
    {"scheduler": "euler_karras"},
    {"scheduler": {"name": "default", "timestep_spacing": "trailing"}},
    {"attention": "eager"},
    {"attention": "sliced"},
    {"attention_slicing": "max"},
    {"vae_slicing": "on"},
    {"vae_tiling": "on"},
    {"channels_last": "on"},
    {"threads": 2},
    {"safety_checker": "off"},
    {"scheduler": "heun", "attention": "eager", "channels_last": "on", "vae_tiling": "on"},
]


def as_text(values: dict[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in values.items())


@pytest.mark.parametrize("values", TURNED, ids=as_text)
def test_every_setting_is_taken_back(values: dict[str, Any]) -> None:
    loaded = pipeline()
    with loaded.configured(configuration(**values)):
        assert loaded.left_changed() != []
    assert loaded.left_changed() == []


@pytest.mark.parametrize("values", TURNED, ids=as_text)
def test_every_setting_is_taken_back_when_a_call_raises(values: dict[str, Any]) -> None:
    loaded = pipeline()
    with pytest.raises(KeyError), loaded.configured(configuration(**values)):
        raise KeyError
    assert loaded.left_changed() == []


@pytest.mark.parametrize("values", TURNED, ids=as_text)
def test_every_setting_is_taken_back_when_a_later_knob_is_unsupported(
    values: dict[str, Any],
) -> None:
    loaded = pipeline()
    unsupported = configuration(**values, strength=0.5)  # text-to-image has no such argument
    with pytest.raises(Unsupported, match="strength"), loaded.configured(unsupported):
        pass
    assert loaded.left_changed() == []
    assert "_decode" not in vars(shared().vae)


def test_every_setup_knob_that_a_cpu_takes_is_in_the_table() -> None:
    names = {name for name, knob in KNOBS.items() if isinstance(knob, SetupKnob)}
    assert {name for values in TURNED for name in values} == names - {"tf32"}


def test_what_is_left_changed_is_named() -> None:
    pipe = build()
    loaded = pipeline(pipe)
    pipe.vae.enable_tiling()
    pipe.unet.to(memory_format=torch.channels_last)
    assert loaded.left_changed() == ["memory_formats", "vae"]


def test_weights_have_their_strides_again_after_channels_last() -> None:
    """Of 1 x 1 convolutions no flag tells the format, but the kernel that runs is chosen by it."""
    before = {name: p.stride() for name, p in shared().unet.named_parameters()}
    with pipeline().configured(configuration(channels_last="on")):
        pass
    assert {name: p.stride() for name, p in shared().unet.named_parameters()} == before


def test_a_configuration_leaves_no_tensors_in_the_shipped_scheduler() -> None:
    """They would count towards the memory of the next configuration."""
    shipped = shared().scheduler
    with pipeline().configured(configuration()) as call:
        call.prepare()
        call()
        assert shared().scheduler.ets
    assert shared().scheduler is shipped
    assert shipped.ets == []


def test_a_batch_cycles_through_the_prompts() -> None:
    loaded = pipeline(inputs=Inputs(prompts=("a", "b")))
    with loaded.configured(configuration(batch_size=3)) as call:
        assert call._arguments["prompt"] == ["a", "b", "a"]
        assert call.images_per_call == 3
        call.prepare()
        assert [one.initial_seed() for one in call._generators] == [0, 1, 2]
        images = call()
        call.verify(images)
    assert len(images) == 3


def test_the_prompt_knob_is_in_place_of_the_inputs() -> None:
    with pipeline().configured(configuration(prompt="a dog")) as call:
        assert call._arguments["prompt"] == ["a dog"]


def test_every_call_draws_the_same() -> None:
    drawn = []
    with pipeline().configured(configuration()) as call:
        for _ in range(2):
            call.prepare()
            drawn.append(call()[0].tobytes())
    assert drawn[0] == drawn[1]


def test_pictures_drawn_in_one_pass_are_those_drawn_one_by_one() -> None:
    """Of one seed and another prompt, and of one prompt and another seed; up to rounding."""
    subjects = [Subject("a cat", 3), Subject("a dog", 3), Subject("a cat", 5)]
    with pipeline().configured(configuration(batch_size=2)) as call:
        alone = [call.draw([one])[0] for one in subjects]
        evaluations = call.solver().denoiser_evaluations
        together = call.draw(subjects)
        assert call.solver().denoiser_evaluations == evaluations
    for (picture, latents), (other, others) in zip(alone, together, strict=True):
        assert np.allclose(latents, others, atol=1e-4)
        levels = np.asarray(picture, int) - np.asarray(other, int)
        assert abs(levels).max() <= 1
    assert not np.allclose(alone[0][1], alone[1][1], atol=1e-2)
    assert not np.allclose(alone[0][1], alone[2][1], atol=1e-2)


def test_an_image_does_not_depend_on_what_was_configured_before() -> None:
    """A reused worker against a fresh one."""

    def draw(loaded: Any, **values: Any) -> bytes:
        with loaded.configured(configuration(**values)) as call:
            call.prepare()
            return bytes(call()[0].tobytes())

    fresh = draw(pipeline(build()))
    reused = pipeline(build())
    draw(reused, scheduler="heun", attention="eager", channels_last="on")
    draw(reused, batch_size=2, vae_slicing="on", attention_slicing="max")
    assert draw(reused) == fresh


def test_an_image_of_another_size_than_asked_for_is_noticed() -> None:
    with pipeline().configured(configuration()) as call:
        call.prepare()
        image = call()[0]
        call.verify([image])
        with pytest.raises(Unsupported, match="height 16 was asked for, the image has 24"):
            call.verify([image.resize((16, 24))])


def test_a_batch_of_another_size_than_asked_for_is_noticed() -> None:
    with pipeline().configured(configuration(batch_size=2)) as call:
        call.prepare()
        images = call()
        with pytest.raises(Unsupported, match="batch_size 2 was asked for, the call gave 1"):
            call.verify(images[:1])


def test_what_really_ran_has_timesteps() -> None:
    with pipeline().configured(configuration(scheduler="ddim", steps=2)) as call:
        call.prepare()
        call()
        scheduler = call.effective()["scheduler"]
    # 1000 training steps in two: 0 and 500, and PNDM's steps_offset of 1
    assert scheduler["class"] == "DDIMScheduler"
    assert (scheduler["first_timestep"], scheduler["timesteps"]) == (501.0, 2)


def test_resident_tensors_are_weights_and_buffers() -> None:
    with pipeline().configured(configuration()) as call:
        resident = sum(tensor.nbytes for tensor in call.resident())
    modules = [c for c in shared().components.values() if isinstance(c, torch.nn.Module)]
    tensors = [t for m in modules for t in (*m.parameters(), *m.buffers())]
    assert resident == sum(t.nbytes for t in tensors)
