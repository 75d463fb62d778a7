"""Whether a scheduler adds noise of its own, and which one solves a pipeline's equation best."""

from __future__ import annotations

from typing import Any

from sdbench.jsontypes import JsonValue

_ADDING_NOISE = frozenset(
    {
        "CosineDPMSolverMultistepScheduler",
        "DDPMParallelScheduler",
        "DDPMScheduler",
        "DDPMWuerstchenScheduler",
        "DPMSolverSDEScheduler",
        "EulerAncestralDiscreteScheduler",
        "FlowMatchLCMScheduler",
        "KDPM2AncestralDiscreteScheduler",
        "KarrasVeScheduler",
        "LCMScheduler",
        "RePaintScheduler",
        "SASolverScheduler",
        "SCMScheduler",
        "ScoreSdeVeScheduler",
        "TCDScheduler",
        "UnCLIPScheduler",
        "VQDiffusionScheduler",
    }
)


def randomness(scheduler: Any) -> str | None:
    """Why pictures of this scheduler do not converge to the equation's solution, or None.

    Ancestral, SDE and DDPM samplers add noise of their own in every step: with more steps they
    move away from the deterministic solution, to another picture of the same prompt.
    """
    name = type(scheduler).__name__
    adds_noise = (
        name in _ADDING_NOISE
        or str(scheduler.config.get("algorithm_type", "")).startswith("sde-")
        or bool(scheduler.config.get("stochastic_sampling", False))
    )
    return f"{name} adds noise of its own in each step" if adds_noise else None


def reference_scheduler(shipped: Any) -> JsonValue:
    """The scheduler, as a suite would write it, that draws a converged reference.

    DPM-Solver++ of second order from the first timestep; for flow matching, whose pipelines hand
    their own sigmas to the scheduler, the one that they ship.

    Args:
        shipped: The scheduler that the pipeline ships.
    """
    if type(shipped).__name__.startswith("FlowMatch"):
        return "default"
    return {"name": "dpmpp_2m", "timestep_spacing": "trailing"}
