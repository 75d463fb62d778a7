"""From drawings to a fidelity: is the reference fit, and how near does a configuration come?

The reference is drawn twice, with N and with 2N steps. How near these two are is the ceiling: no
configuration can be told from the reference better than that. Pictures of other seeds are the
floor. Both are in dB of PSNR, and a score is the share of the way from the one to the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from sdbench.measure.agreement import agreement, psnr_db, ssim
from sdbench.measure.drawing import Drawing
from sdbench.pipelines.base import Solver
from sdbench.results.fidelity import Agreement, Fidelity, Reference, Subject

EARLIEST_START = 0.95
"""Share of the training timesteps at which a sampler must begin; one that begins later leaves out
the noisiest part of the equation, and solves another one."""

LEAST_SPAN_DB = 10.0
"""Least distance of ceiling from floor, for a scale between them to mean anything."""

FAR_BETTER_DB = 6.0
"""How much nearer than a configuration the reference's halves must be (half the error), for the
configuration's own error to be what is seen."""


class UnfitReference(Exception):
    """A reference that has not converged, or converged to something else; the message says why."""


@dataclass(frozen=True, slots=True)
class Converged:
    """A reference that is fit.

    Attributes:
        reference: What is told of it.
        drawing: Its pictures, at 2N steps.
    """

    reference: Reference
    drawing: Drawing


def late_start(solver: Solver) -> str | None:
    """Why a sampler does not begin where the noise does, or None where it does.

    Schedulers with ``timestep_spacing: leading``, as Stable Diffusion ships them, begin up to a
    step, and some at large numbers of steps hundreds of timesteps, too late.
    """
    if solver.first_timestep is None or solver.train_timesteps is None:
        return None
    if solver.first_timestep >= EARLIEST_START * solver.train_timesteps:
        return None
    return (
        f"the sampler begins at timestep {solver.first_timestep:.0f} of {solver.train_timesteps}, "
        "with pure noise all the same: `timestep_spacing: trailing` begins at the first"
    )


def unfitness(drawing: Drawing) -> str | None:
    """Why a drawing cannot be a reference, as it shows by itself; None where it may be one."""
    problem = drawing.degeneracy or late_start(drawing.solver) or drawing.solver.randomness
    return f"the reference is unfit: {problem}" if problem else None


def converged(
    half: Drawing, whole: Drawing, subjects: Sequence[Subject], key: str, scheduler: str, steps: int
) -> Converged:
    """The reference, if it is fit to hold others against.

    Args:
        half: The drawing at N steps.
        whole: The drawing at 2N steps.
        subjects: What they are of.
        key: Content-addressed name.
        scheduler: The sampler as a suite would write it.
        steps: 2N.

    Raises:
        UnfitReference: It begins too late, is stochastic, degenerate, or has not converged.
    """
    for drawing in (half, whole):
        if problem := unfitness(drawing):
            raise UnfitReference(problem)
    ceiling = agreement(half, whole)
    floor = _unrelated(whole, subjects)
    span_db = ceiling.median_psnr_db - floor.median_psnr_db
    if span_db < LEAST_SPAN_DB:
        raise UnfitReference(
            f"the reference has not converged: at {steps // 2} and {steps} steps it agrees by "
            f"{ceiling.median_psnr_db:.1f} dB, where unrelated pictures agree by "
            f"{floor.median_psnr_db:.1f} dB"
        )
    reference = Reference(
        key=key,
        scheduler=scheduler,
        steps=steps,
        floor_psnr_db=floor.median_psnr_db,
        floor_ssim=floor.median_ssim,
        ceiling_psnr_db=ceiling.median_psnr_db,
        ceiling_ssim=ceiling.median_ssim,
    )
    return Converged(reference, whole)


def _unrelated(drawing: Drawing, subjects: Sequence[Subject]) -> Agreement:
    """Agreement of pictures of one prompt and different seeds, every pair of them."""
    related = [
        (drawing.pictures[i], drawing.pictures[j])
        for i, j in itertools.combinations(range(len(subjects)), 2)
        if subjects[i].prompt == subjects[j].prompt
    ]
    return Agreement(
        psnr_db=tuple(psnr_db(one, other) for one, other in related),
        ssim=tuple(ssim(one, other) for one, other in related),
    )


def judge(
    candidate: Drawing,
    subjects: Sequence[Subject],
    reference: Converged | str,
    twin: Drawing | str,
) -> Fidelity:
    """What a configuration does to the picture.

    Args:
        candidate: What it drew.
        subjects: Of what.
        reference: The converged pictures, or why there are none.
        twin: The same sampler's pictures in fp32 with every saving off, or why there are none.
    """
    against = scores = None
    reason = candidate.solver.randomness
    if reason is not None:
        reason = f"not comparable: {reason}"
    elif isinstance(reference, str):
        reason = reference
    else:
        against = agreement(candidate, reference.drawing)
        scores = [reference.reference.normalised(value) for value in against.psnr_db]
    numerical = None if isinstance(twin, str) else agreement(candidate, twin)
    return Fidelity(
        score=median(scores) if scores else None,
        worst_score=min(scores) if scores else None,
        reason=reason,
        against_reference=against,
        numerical=numerical,
        numerical_reason=twin if isinstance(twin, str) else None,
        is_degenerate=candidate.degeneracy is not None,
        reference=None if isinstance(reference, str) else reference.reference,
        denoiser_evaluations=candidate.solver.denoiser_evaluations,
        subjects=tuple(subjects),
    )


def remarks(candidate: Drawing, fidelity: Fidelity) -> tuple[str, ...]:
    """What a reader of a fidelity must be told with it."""
    found = []
    if candidate.degeneracy:
        found.append(f"degenerate: {candidate.degeneracy}")
    if problem := late_start(candidate.solver):
        found.append(problem)
    reference, against = fidelity.reference, fidelity.against_reference
    if reference and against and against.median_psnr_db > reference.ceiling_psnr_db - FAR_BETTER_DB:
        found.append(
            f"as near to the reference ({against.median_psnr_db:.1f} dB) as the reference's own "
            f"error allows to tell ({reference.ceiling_psnr_db:.1f} dB)"
        )
    return tuple(found)
