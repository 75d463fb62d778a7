"""More steps can give a worse reference: shown with a denoiser whose solution is known exactly.

For data from a normal distribution the best denoiser, and with it the solution of the sampler's
equation, is a formula: the picture that a sampler draws can be held against the true one.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from diffusers import DEISMultistepScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler

from sdbench.measure.drawing import Drawing
from sdbench.measure.fidelity import UnfitReference, converged, late_start
from sdbench.pipelines.base import Solver
from sdbench.pipelines.sampler import randomness
from sdbench.results.fidelity import Subject

MEAN, DEVIATION = 0.4, 0.25
PIXELS = 32
BETAS = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
}
SCHEDULERS = [DPMSolverMultistepScheduler, UniPCMultistepScheduler, DEISMultistepScheduler]
SUBJECTS = tuple(Subject("normal", seed) for seed in range(2))


def noise(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((1, 3, PIXELS, PIXELS), generator=generator, dtype=torch.float64)


def mean() -> torch.Tensor:
    """A picture that all others are near: a ramp."""
    return torch.linspace(-MEAN, MEAN, PIXELS, dtype=torch.float64).expand(1, 3, PIXELS, PIXELS)


def true_picture(scheduler, start: torch.Tensor) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """Where the equation leads from ``start`` at the last training timestep.

    The solution keeps (x - alpha mean) / sqrt(alpha^2 deviation^2 + sigma^2) constant.
    """
    alpha = math.sqrt(scheduler.alphas_cumprod[-1])
    sigma = math.sqrt(1 - scheduler.alphas_cumprod[-1])
    width = math.sqrt(alpha**2 * DEVIATION**2 + sigma**2)
    return mean() + DEVIATION * (start - alpha * mean()) / width


def sampled(scheduler, steps: int, seed: int) -> torch.Tensor:  # type: ignore[no-untyped-def]
    scheduler.set_timesteps(steps)
    sample = noise(seed) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        square = scheduler.alphas_cumprod[int(timestep)].double()
        alpha, sigma = square.sqrt(), (1 - square).sqrt()
        told = sigma * (sample - alpha * mean()) / (square * DEVIATION**2 + sigma**2)
        sample = scheduler.step(told, timestep, sample).prev_sample
    return sample


def picture(sample: torch.Tensor) -> np.ndarray:  # type: ignore[type-arg]
    levels = ((sample[0] / 2 + 0.5).clamp(0, 1) * 255).round()
    return levels.permute(1, 2, 0).numpy().astype(np.uint8)


def drawing(scheduler, steps: int) -> Drawing:  # type: ignore[no-untyped-def]
    samples = [sampled(scheduler, steps, subject.seed) for subject in SUBJECTS]
    return Drawing(
        pictures=np.stack([picture(sample) for sample in samples]),
        latents=np.zeros(0, np.float32),
        solver=Solver(
            scheduler=type(scheduler).__name__,
            first_timestep=float(scheduler.timesteps[0]),
            train_timesteps=scheduler.config.num_train_timesteps,
            denoiser_evaluations=steps,
            randomness=randomness(scheduler),
        ),
    )


def error_db(scheduler, steps: int) -> float:  # type: ignore[no-untyped-def]
    start = noise(0)
    error = sampled(scheduler, steps, 0) - true_picture(scheduler, start)
    return float(10 * torch.log10(4 / (error**2).mean()))


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_with_leading_spacing_more_steps_are_a_worse_reference(kind) -> None:  # type: ignore[no-untyped-def]
    leading = kind(**BETAS, timestep_spacing="leading")

    few, many = error_db(leading, 100), error_db(leading, 500)

    leading.set_timesteps(100)
    assert int(leading.timesteps[0]) == 901
    leading.set_timesteps(500)
    assert int(leading.timesteps[0]) == 501
    assert many < few - 8
    assert many < error_db(kind(**BETAS, timestep_spacing="trailing"), 500) - 20


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_with_trailing_spacing_they_are_a_better_one(kind) -> None:  # type: ignore[no-untyped-def]
    trailing = kind(**BETAS, timestep_spacing="trailing")

    assert error_db(trailing, 10) < error_db(trailing, 50) < error_db(trailing, 200)
    assert int(trailing.timesteps[0]) == 999


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_the_trap_is_caught(kind) -> None:  # type: ignore[no-untyped-def]
    trapped = kind(**BETAS, timestep_spacing="leading")
    half, whole = drawing(trapped, 100), drawing(trapped, 200)

    with pytest.raises(UnfitReference, match=r"begins at timestep \d+ of 1000"):
        converged(half, whole, SUBJECTS, "k", "leading", 200)

    assert late_start(whole.solver) is not None


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_a_fit_reference_is_taken(kind) -> None:  # type: ignore[no-untyped-def]
    fit = kind(**BETAS, timestep_spacing="trailing")

    found = converged(drawing(fit, 100), drawing(fit, 200), SUBJECTS, "k", "trailing", 200)

    assert found.reference.ceiling_psnr_db > found.reference.floor_psnr_db + 20
