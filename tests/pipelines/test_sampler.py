from __future__ import annotations

from typing import Any

import diffusers
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler, PNDMScheduler

from sdbench.knobs.scheduler import SHORT_NAMES
from sdbench.pipelines.sampler import randomness, reference_scheduler

_FLOW = {"flow_euler", "flow_heun"}


def last_sample(scheduler: Any, global_seed: int) -> torch.Tensor:
    """What four steps make of fixed noise, with the library's own noise seeded otherwise."""
    torch.manual_seed(global_seed)
    scheduler.set_timesteps(4)
    sample = torch.linspace(-2, 2, 4 * 8 * 8).reshape(1, 4, 8, 8) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        scaled = scheduler.scale_model_input(sample, timestep)
        sample = scheduler.step(0.5 * scaled.clamp(-1, 1), timestep, sample).prev_sample
    return sample


@pytest.mark.parametrize("name", sorted(set(SHORT_NAMES) - _FLOW))
def test_what_is_called_random_is_what_another_seed_changes(name: str) -> None:
    class_name, options = SHORT_NAMES[name]
    if class_name == "DPMSolverSDEScheduler":
        pytest.importorskip("torchsde")
    made = [getattr(diffusers, class_name)(**options) for _ in range(2)]

    changes = not torch.equal(last_sample(made[0], 1), last_sample(made[1], 2))

    assert (randomness(made[0]) is not None) == changes
    assert randomness(made[0]) is None or class_name in str(randomness(made[0]))


def test_flow_matching_is_random_only_where_it_is_asked_to_be() -> None:
    assert randomness(FlowMatchEulerDiscreteScheduler()) is None
    assert randomness(FlowMatchEulerDiscreteScheduler(stochastic_sampling=True)) is not None


def test_every_class_that_is_called_random_exists() -> None:
    from sdbench.pipelines import sampler

    assert [name for name in sampler._ADDING_NOISE if not hasattr(diffusers, name)] == []


def test_the_reference_begins_at_the_first_timestep() -> None:
    value = reference_scheduler(PNDMScheduler())
    assert isinstance(value, dict)
    class_name, options = SHORT_NAMES[value.pop("name")]

    scheduler = getattr(diffusers, class_name)(**options, **value)
    scheduler.set_timesteps(200)

    assert isinstance(scheduler, DPMSolverMultistepScheduler)
    assert int(scheduler.timesteps[0]) == 999
    assert reference_scheduler(FlowMatchEulerDiscreteScheduler()) == "default"
