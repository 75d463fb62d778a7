"""What a configuration does to the picture: agreement with the converged image, and its limits.

Agreement is no quality: it says how near a picture comes to the one that the same weights, prompt
and noise give when the sampler's equation is solved to its end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Subject:
    """What one picture is of.

    Attributes:
        prompt: The prompt.
        seed: The seed of its noise.
    """

    prompt: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How near the pictures of two drawings are, picture by picture (same prompt, same seed).

    Attributes:
        psnr_db: Peak signal-to-noise ratio of the 8-bit pictures, in dB; at most
            `sdbench.measure.agreement.ROUNDING_PSNR_DB`.
        ssim: Structural similarity of the 8-bit pictures.
        latent_rmse: Root-mean-square error of the final latents relative to the reference's root
            mean square; empty where a pipeline has no latents.
    """

    psnr_db: tuple[float, ...]
    ssim: tuple[float, ...]
    latent_rmse: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for values in (self.psnr_db, self.ssim, self.latent_rmse):
            if not all(map(math.isfinite, values)):
                raise ValueError("an agreement is made of finite numbers")

    @property
    def median_psnr_db(self) -> float:
        """Of the pictures, the middle one's PSNR."""
        return median(self.psnr_db)

    @property
    def worst_psnr_db(self) -> float:
        """The least of the pictures' PSNR."""
        return min(self.psnr_db)

    @property
    def median_ssim(self) -> float:
        """Of the pictures, the middle one's SSIM."""
        return median(self.ssim)

    @property
    def worst_ssim(self) -> float:
        """The least of the pictures' SSIM."""
        return min(self.ssim)

    @property
    def median_latent_rmse(self) -> float | None:
        """Of the pictures, the middle one's relative error of the latents."""
        return median(self.latent_rmse) if self.latent_rmse else None

    @property
    def worst_latent_rmse(self) -> float | None:
        """The largest of the pictures' relative errors of the latents."""
        return max(self.latent_rmse, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The converged pictures that others are held against.

    Attributes:
        key: Content-addressed name: equal for equal weights, prompts, seeds, size and sampler.
        scheduler: The sampler's settings, as a suite would write them.
        steps: Steps of the reference (2N).
        floor_psnr_db: Median PSNR between pictures of one prompt and different seeds: what
            unrelated pictures score.
        floor_ssim: The same as SSIM.
        ceiling_psnr_db: Median PSNR between the reference and the same at half the steps: better
            than this cannot be told.
        ceiling_ssim: The same as SSIM.
        pictures: Files of all pictures, relative to the run's folder, in the order of `Fidelity`'s
            subjects.
    """

    key: str
    scheduler: str
    steps: int
    floor_psnr_db: float
    floor_ssim: float
    ceiling_psnr_db: float
    ceiling_ssim: float
    pictures: tuple[str, ...] = ()

    def normalised(self, psnr_db: float) -> float:
        """(PSNR - floor) / (ceiling - floor), clipped to 0..1."""
        share = (psnr_db - self.floor_psnr_db) / (self.ceiling_psnr_db - self.floor_psnr_db)
        return min(1.0, max(0.0, share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """What a configuration does to the picture.

    Attributes:
        score: Median of the pictures' normalised PSNR against the reference, 0..1, or None.
        worst_score: The worst picture's, or None.
        reason: Why there is no score; None where there is one.
        against_reference: Agreement with the converged pictures: the sampler's error
            (discretisation) with everything else; None where that was not compared.
        numerical: Agreement with the same scheduler and steps in fp32 with every saving off: the
            error of data type, slicing, tiling; None where that was not compared.
        numerical_reason: Why there is no `numerical`, or None.
        is_degenerate: Whether a picture is of one colour or not finite (fp16 overflow), or None
            where nothing was drawn.
        reference: What it was held against, or None.
        denoiser_evaluations: Evaluations of the denoiser for one picture (NFE), or None.
        subjects: What each picture is of.
        pictures: Files of the pictures that were kept (the first and the worst), relative to the
            run's folder, by the picture's position among `subjects`.
        measured_with: Key of the configuration whose pictures these are: one that differs at most
            in what does not change the picture, such as the batch size; None without pictures.
    """

    score: float | None = None
    worst_score: float | None = None
    reason: str | None = None
    against_reference: Agreement | None = None
    numerical: Agreement | None = None
    numerical_reason: str | None = None
    is_degenerate: bool | None = None
    reference: Reference | None = None
    denoiser_evaluations: int | None = None
    subjects: tuple[Subject, ...] = ()
    pictures: Mapping[int, str] = field(default_factory=dict)
    measured_with: str | None = None

    def __post_init__(self) -> None:
        if (self.score is None) != bool(self.reason):
            raise ValueError("a fidelity has a score or a reason why there is none")

    @classmethod
    def absent(cls, reason: str) -> Fidelity:
        """No fidelity at all, and why."""
        return cls(reason=reason)

    @property
    def worst_picture(self) -> int | None:
        """Position of the picture that is furthest from the reference."""
        if self.against_reference is None:
            return None
        values: Sequence[float] = self.against_reference.psnr_db
        return min(range(len(values)), key=values.__getitem__)
