"""How near two drawings of the same subjects are: PSNR, SSIM, error of the latents.

PSNR and SSIM come from scikit-image, SSIM with the settings of its authors (Wang et al., "Image
Quality Assessment: From Error Visibility to Structural Similarity", 2004): a Gaussian window of
sigma 1.5 and the population's covariance. Other settings and other libraries give other numbers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sdbench.measure.drawing import Drawing
from sdbench.results.fidelity import Agreement

ROUNDING_PSNR_DB = 20 * math.log10(255) + 10 * math.log10(12)
"""58.9 dB: the error of rounding to 8 bits alone (a variance of 1/12). Pictures that are nearer
than this count as equal; their PSNR, which has no upper bound, is cut off here."""

_SSIM_PIXELS = 11
"""Side of SSIM's window (3.5 sigma either way); smaller pictures have none."""

Picture = NDArray[np.uint8]


def agreement(candidate: Drawing, reference: Drawing) -> Agreement:
    """How near each picture of ``candidate`` is to the same subject's in ``reference``.

    Raises:
        ValueError: The drawings differ in the number or size of their pictures.
    """
    if candidate.pictures.shape != reference.pictures.shape:
        raise ValueError(
            f"pictures of shape {candidate.pictures.shape} cannot be compared with "
            f"{reference.pictures.shape}"
        )
    pairs = list(zip(candidate.pictures, reference.pictures, strict=True))
    return Agreement(
        psnr_db=tuple(psnr_db(picture, other) for picture, other in pairs),
        ssim=tuple(ssim(picture, other) for picture, other in pairs),
        latent_rmse=_latent_errors(candidate.latents, reference.latents),
    )


def psnr_db(picture: Picture, other: Picture) -> float:
    """Peak signal-to-noise ratio of two 8-bit pictures in dB, at most `ROUNDING_PSNR_DB`."""
    if np.array_equal(picture, other):
        return ROUNDING_PSNR_DB
    from skimage.metrics import peak_signal_noise_ratio  # takes half a second to import

    found = float(peak_signal_noise_ratio(other, picture, data_range=255))
    return min(found, ROUNDING_PSNR_DB)


def ssim(picture: Picture, other: Picture) -> float:
    """Mean structural similarity of two 8-bit RGB pictures, at most 1.

    Raises:
        ValueError: The pictures are smaller than the window.
    """
    if min(picture.shape[:2]) < _SSIM_PIXELS:
        raise ValueError(f"SSIM needs pictures of {_SSIM_PIXELS} pixels a side and more")
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            other,
            picture,
            data_range=255,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def relative_rmse(values: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Root-mean-square error over the reference's root mean square."""
    error = np.sqrt(np.mean(np.square(values - reference, dtype=np.float64)))
    return float(error / np.sqrt(np.mean(np.square(reference, dtype=np.float64))))


def _latent_errors(
    candidate: NDArray[np.float32], reference: NDArray[np.float32]
) -> tuple[float, ...]:
    """For each picture; none where one of the drawings has no latents, or not finite ones."""
    if candidate.shape != reference.shape or not len(reference):
        return ()
    if not (np.isfinite(candidate).all() and np.isfinite(reference).all()):
        return ()
    pairs = zip(candidate, reference, strict=True)
    return tuple(relative_rmse(latents, other) for latents, other in pairs)
