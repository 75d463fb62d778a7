from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from sdbench.measure.agreement import ROUNDING_PSNR_DB, agreement, psnr_db, relative_rmse, ssim
from sdbench.measure.drawing import Drawing
from tests.factories import solver


def flat(level: int, side: int = 32) -> NDArray[np.uint8]:
    return np.full((side, side, 3), level, np.uint8)


def noisy(seed: int, amplitude: int = 40) -> NDArray[np.uint8]:
    numbers = np.random.default_rng(seed)
    return numbers.integers(100 - amplitude, 100 + amplitude, (32, 32, 3)).astype(np.uint8)


def drawing(*pictures: NDArray[np.uint8], latents: NDArray[np.float32] | None = None) -> Drawing:
    nothing = np.zeros(0, np.float32)
    return Drawing(
        pictures=np.stack(pictures),
        latents=nothing if latents is None else latents,
        solver=solver(),
    )


def test_psnr_of_a_known_difference() -> None:
    assert psnr_db(flat(100), flat(110)) == pytest.approx(10 * math.log10(255**2 / 100))


def test_pictures_nearer_than_the_rounding_to_8_bits_count_as_equal() -> None:
    almost = flat(100)
    almost[0, 0, 0] = 101

    assert psnr_db(flat(100), flat(100)) == ROUNDING_PSNR_DB
    assert psnr_db(almost, flat(100)) == ROUNDING_PSNR_DB
    assert pytest.approx(58.92, abs=0.01) == ROUNDING_PSNR_DB


def test_rounding_alone_has_the_psnr_that_bears_its_name() -> None:
    exact = np.random.default_rng(0).uniform(0, 255, 200_000)
    error = np.mean((exact - np.round(exact)) ** 2)

    assert 10 * math.log10(255**2 / error) == pytest.approx(ROUNDING_PSNR_DB, abs=0.05)


def test_ssim_of_flat_pictures_is_the_luminance_term_alone() -> None:
    small = (0.01 * 255) ** 2
    expected = (2 * 100 * 110 + small) / (100**2 + 110**2 + small)

    assert ssim(flat(100), flat(110)) == pytest.approx(expected, rel=1e-6)


def test_ssim_uses_the_gaussian_window_and_the_populations_covariance() -> None:
    from scipy.ndimage import gaussian_filter

    one, other = (noisy(seed)[..., 0].astype(float) for seed in (0, 1))

    def blurred(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return gaussian_filter(values, 1.5, truncate=3.5)

    mean, other_mean = blurred(one), blurred(other)
    variance = blurred(one**2) - mean**2
    other_variance = blurred(other**2) - other_mean**2
    covariance = blurred(one * other) - mean * other_mean
    first, second = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    local = ((2 * mean * other_mean + first) * (2 * covariance + second)) / (
        (mean**2 + other_mean**2 + first) * (variance + other_variance + second)
    )
    expected = local[5:-5, 5:-5].mean()

    grey = [np.repeat(v[..., None], 3, axis=-1).astype(np.uint8) for v in (one, other)]
    assert ssim(grey[0], grey[1]) == pytest.approx(expected, rel=1e-6)


def test_ssim_of_a_picture_smaller_than_its_window_is_refused() -> None:
    with pytest.raises(ValueError, match="11 pixels"):
        ssim(flat(1, side=8), flat(2, side=8))


def test_relative_rmse_is_blind_to_scale() -> None:
    reference = np.array([3.0, 4.0], np.float32)
    values = np.array([3.3, 4.4], np.float32)

    assert relative_rmse(values, reference) == pytest.approx(0.1, rel=1e-5)
    assert relative_rmse(10 * values, 10 * reference) == pytest.approx(0.1, rel=1e-5)


def test_an_agreement_goes_picture_by_picture() -> None:
    found = agreement(drawing(flat(100), flat(100)), drawing(flat(100), flat(110)))

    assert found.psnr_db == (ROUNDING_PSNR_DB, psnr_db(flat(100), flat(110)))
    assert found.worst_psnr_db == found.psnr_db[1]
    assert found.median_ssim == pytest.approx((found.ssim[0] + found.ssim[1]) / 2)
    assert found.median_latent_rmse is None


def test_latents_that_are_not_finite_have_no_error() -> None:
    good = np.ones((1, 4, 8, 8), np.float32)
    bad = good * np.nan

    found = agreement(drawing(flat(0), latents=bad), drawing(noisy(0), latents=good))

    assert found.latent_rmse == ()
    assert math.isfinite(found.psnr_db[0])


def test_pictures_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        agreement(drawing(flat(0)), drawing(flat(0, side=64)))
