from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_pipelines import build, configuration, pipeline, shared, shared_flux

from sdbench.pipelines.failed_stage import failed_stage
from sdbench.pipelines.stages import observed_stages


class Listener:
    """Remembers the stages in order, and holds every stage to the protocol: none nests."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.open: str | None = None

    def enter_stage(self, stage: str) -> None:
        assert self.open is None
        self.open = stage
        self.stages.append(stage)

    def leave_stage(self, stage: str) -> None:
        assert self.open == stage
        self.open = None


def stages_of(**knobs: Any) -> list[str]:
    listener = Listener()
    with pipeline().configured(configuration(**knobs)) as call:
        call.prepare()
        with call.observed(listener):
            call()
    return listener.stages


def test_the_stages_of_a_call_come_in_their_order() -> None:
    step = ["denoiser", "scheduler_step"]
    assert stages_of(scheduler="ddim", steps=2) == [
        "text_encoding",  # the prompt
        "text_encoding",  # the negative prompt, of classifier-free guidance
        *step,
        *step,
        "vae_decode",
        "safety_checker",
    ]


@pytest.mark.parametrize(
    ("scheduler", "steps", "evaluations"),
    [
        ("default", 4, 5),  # PNDM without Runge-Kutta steps evaluates the second timestep twice
        ("heun", 4, 7),  # two evaluations a step, but one at the last: 2 * 4 - 1
        ("euler", 4, 4),
        ("dpmpp_2m", 4, 4),
    ],
)
def test_a_scheduler_decides_how_often_the_denoiser_runs(
    scheduler: str, steps: int, evaluations: int
) -> None:
    assert stages_of(scheduler=scheduler, steps=steps).count("denoiser") == evaluations


def test_without_guidance_the_text_is_encoded_once() -> None:
    assert stages_of(guidance_scale=1.0).count("text_encoding") == 1


def test_a_transformer_is_a_denoiser_and_both_text_encoders_count() -> None:
    listener = Listener()
    with observed_stages(shared_flux(), listener):
        shared_flux()("a", num_inference_steps=1, height=16, width=16, max_sequence_length=8)
    expected = ["text_encoding"] * 2 + ["denoiser", "scheduler_step", "vae_decode"]
    assert listener.stages == expected


def test_an_error_says_which_stage_raised_it() -> None:
    pipe = build()

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise MemoryError

    pipe.vae.decode = fail
    with observed_stages(pipe, Listener()), pytest.raises(MemoryError) as raised:
        pipe.vae.decode(torch.zeros(1))
    assert failed_stage(raised.value) == "vae_decode"


def test_a_stage_that_raises_is_left() -> None:
    listener = Listener()
    with observed_stages(shared(), listener), pytest.raises(TypeError):
        shared().unet()
    assert listener.stages == ["denoiser"]
    assert listener.open is None


def traces(pipe: Any) -> list[Any]:
    parts = [pipe.unet, pipe.vae, pipe.text_encoder, pipe.safety_checker, pipe.scheduler]
    return [(type(part), set(vars(part))) for part in parts]


@pytest.mark.parametrize("does_raise", [False, True])
def test_nothing_is_left_behind(does_raise: bool) -> None:
    before = traces(shared())
    try:
        with observed_stages(shared(), Listener()):
            if does_raise:
                raise KeyError
    except KeyError:
        pass
    assert traces(shared()) == before


def test_an_observer_that_cannot_be_attached_everywhere_is_taken_off_again() -> None:
    class Stubborn:
        __slots__ = ()

        def step(self) -> None: ...

    pipe = type("Pipe", (), {"unet": torch.nn.Linear(1, 1), "scheduler": Stubborn()})()
    with pytest.raises(AttributeError), observed_stages(pipe, Listener()):
        pass
    assert type(pipe.unet) is torch.nn.Linear


def test_a_class_looks_the_same_while_observed() -> None:
    original = type(shared().unet)
    with observed_stages(shared(), Listener()):
        seen = type(shared().unet)
        assert isinstance(shared().unet, original)
        assert (seen.__name__, seen.__qualname__, seen.__module__) == (
            original.__name__,
            original.__qualname__,
            original.__module__,
        )


def test_a_second_observation_uses_the_same_class() -> None:
    """torch.compile would compile anew for a class that it has not seen."""
    classes = set()
    for _ in range(2):
        with observed_stages(shared(), Listener()):
            classes.add(type(shared().unet))
    assert len(classes) == 1


def test_a_module_with_two_names_is_told_once() -> None:
    shared_encoder = torch.nn.Linear(1, 1)
    pipe = type("Pipe", (), {"text_encoder": shared_encoder, "text_encoder_2": shared_encoder})()
    listener = Listener()
    with observed_stages(pipe, listener):
        shared_encoder(torch.ones(1))
    assert listener.stages == ["text_encoding"]
    assert type(shared_encoder) is torch.nn.Linear


def test_a_compiled_module_is_observed_and_still_runs_compiled() -> None:
    pipe = build()
    compiled_calls = []

    def compiled(*args: Any, **kwargs: Any) -> Any:
        compiled_calls.append(None)
        return pipe.unet._call_impl(*args, **kwargs)

    pipe.unet._compiled_call_impl = compiled
    listener = Listener()
    with pipeline(pipe).configured(configuration(scheduler="ddim")) as call:
        call.prepare()
        with call.observed(listener):
            call()
    assert listener.stages.count("denoiser") == len(compiled_calls) == 2


def test_a_method_that_was_shadowed_before_is_shadowed_again() -> None:
    scheduler = type("Scheduler", (), {"step": lambda self: 1})()
    scheduler.step = lambda: 2
    shadow = scheduler.step
    listener = Listener()
    with observed_stages(type("Pipe", (), {"scheduler": scheduler})(), listener):
        assert scheduler.step() == 2
    assert scheduler.step is shadow
    assert listener.stages == ["scheduler_step"]
