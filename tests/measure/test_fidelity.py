from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sdbench.measure.drawing import Drawing
from sdbench.measure.fidelity import (
    Converged,
    UnfitReference,
    converged,
    judge,
    late_start,
    remarks,
)
from sdbench.pipelines.base import Solver
from sdbench.results.fidelity import Subject
from tests.factories import solver

SUBJECTS = tuple(Subject(prompt, seed) for prompt in ("a cat", "a dog") for seed in (0, 1))


def pictures(error: float = 0.0) -> NDArray[np.uint8]:
    """One picture for each subject, each another, with an error in 8-bit levels."""
    true = np.random.default_rng(1).uniform(40, 215, (len(SUBJECTS), 32, 32, 3))
    noise = np.random.default_rng(2).normal(size=true.shape)
    return np.clip(np.round(true + error * noise), 0, 255).astype(np.uint8)


def drawing(error: float = 0.0, made_by: Solver | None = None) -> Drawing:
    return Drawing(
        pictures=pictures(error),
        latents=np.zeros(0, np.float32),
        solver=made_by or solver(),
    )


def reference(half_error: float = 0.5) -> Converged:
    return converged(drawing(half_error), drawing(), SUBJECTS, "k", "dpmpp_2m", 200)


def test_the_ceiling_is_the_agreement_with_half_the_steps_and_the_floor_that_of_other_seeds() -> (
    None
):
    told = reference().reference

    assert told.ceiling_psnr_db == pytest.approx(52.2, abs=0.5)
    assert told.floor_psnr_db == pytest.approx(11.1, abs=1.0)
    assert told.steps == 200


def test_the_floor_compares_pictures_of_one_prompt_only() -> None:
    same_seed_pairs = reference().reference.floor_psnr_db
    shown = pictures()
    shown[2], shown[3] = shown[0], shown[1]  # another prompt's pictures, equal to the first's
    drawn = replace(drawing(), pictures=shown)

    found = converged(drawing(0.5), drawn, SUBJECTS[:2], "k", "s", 200)

    assert found.reference.floor_psnr_db == pytest.approx(same_seed_pairs, abs=1.0)


@pytest.mark.parametrize(
    ("half", "whole", "message"),
    [
        (drawing(80.0), drawing(), "has not converged"),
        (drawing(0.5), drawing(made_by=solver(first_timestep=501.0)), "begins at timestep 501"),
        (drawing(made_by=solver(randomness="it adds noise")), drawing(), "it adds noise"),
        (
            drawing(),
            replace(drawing(), pictures=np.zeros_like(pictures())),
            "a picture is of one colour",
        ),
    ],
)
def test_an_unfit_reference_is_refused(half: Drawing, whole: Drawing, message: str) -> None:
    with pytest.raises(UnfitReference, match=message):
        converged(half, whole, SUBJECTS, "k", "s", 200)


def test_a_score_is_the_share_of_the_way_from_floor_to_ceiling() -> None:
    held = reference()

    found = judge(drawing(4.0), SUBJECTS, held, "no twin")

    assert found.against_reference is not None
    expected = held.reference.normalised(found.against_reference.median_psnr_db)
    assert found.score == pytest.approx(expected, abs=1e-9)
    assert 0.4 < found.score < 0.7
    assert found.worst_score is not None
    assert found.worst_score <= found.score
    assert found.numerical is None
    assert found.numerical_reason == "no twin"


def test_scores_rise_with_agreement_and_end_at_0_and_1() -> None:
    held = reference()
    scores = [
        judge(drawing(error), SUBJECTS, held, "no twin").score
        for error in (200.0, 16.0, 4.0, 1.0, 0.0)
    ]

    assert scores == sorted(scores, key=lambda score: score or 0.0)
    assert scores[-1] == 1.0
    assert scores[0] is not None
    assert scores[0] < 0.1


def test_a_stochastic_sampler_is_not_compared_with_the_reference_but_with_its_twin() -> None:
    random = drawing(4.0, solver(randomness="EulerAncestral adds noise"))

    found = judge(random, SUBJECTS, reference(), drawing(4.0))

    assert found.score is None
    assert found.reason == "not comparable: EulerAncestral adds noise"
    assert found.against_reference is None
    assert found.numerical is not None


def test_without_a_reference_the_reason_is_handed_on() -> None:
    found = judge(drawing(), SUBJECTS, "no reference: out of memory", drawing())

    assert found.score is None
    assert found.reason == "no reference: out of memory"


def test_the_numerical_error_is_apart_from_the_samplers() -> None:
    twin = drawing(4.0)
    rounded = replace(twin, pictures=np.clip(twin.pictures.astype(int) + 1, 0, 255).astype("u1"))

    found = judge(rounded, SUBJECTS, reference(), twin)

    assert found.numerical is not None
    assert found.against_reference is not None
    assert found.numerical.median_psnr_db == pytest.approx(48.1, abs=0.1)
    assert found.against_reference.median_psnr_db < 40


@pytest.mark.parametrize(
    ("shown", "latents", "problem"),
    [
        (np.zeros_like(pictures()), np.zeros(0, np.float32), "a picture is of one colour"),
        (pictures(), np.full((4, 4, 8, 8), np.nan, np.float32), "the latents are not finite"),
    ],
)
def test_black_and_nan_are_degenerate(
    shown: NDArray[np.uint8], latents: NDArray[np.float32], problem: str
) -> None:
    spoilt = Drawing(pictures=shown, latents=latents, solver=solver())

    found = judge(spoilt, SUBJECTS, reference(), "no twin")

    assert found.is_degenerate is True
    assert any(problem in remark for remark in remarks(spoilt, found))


def test_one_black_picture_among_good_ones_is_enough() -> None:
    shown = pictures()
    shown[2] = 0

    assert replace(drawing(), pictures=shown).degeneracy == "a picture is of one colour"


def test_a_late_start_is_remarked() -> None:
    late = drawing(4.0, solver(first_timestep=751.0))

    found = judge(late, SUBJECTS, reference(), "no twin")

    assert any("begins at timestep 751 of 1000" in remark for remark in remarks(late, found))
    assert late_start(solver(first_timestep=951.0)) is None
    assert late_start(solver(first_timestep=None)) is None


def test_what_is_as_near_as_the_reference_can_tell_is_remarked() -> None:
    near = drawing(0.4)

    found = judge(near, SUBJECTS, reference(), "no twin")

    assert any("own error allows to tell" in remark for remark in remarks(near, found))
    assert not remarks(drawing(4.0), judge(drawing(4.0), SUBJECTS, reference(), "no twin"))
