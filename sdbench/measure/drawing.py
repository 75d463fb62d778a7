"""A drawing: the pictures that one configuration draws of given prompts and seeds."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sdbench.measure.recovery import let_go
from sdbench.pipelines.base import Call, Solver
from sdbench.results.fidelity import Subject

MOST_PIXELS_AT_ONCE = 512 * 512
"""Pictures that have no more pixels than this together are drawn in one pass, which takes no more
memory than one usual picture of Stable Diffusion."""

MOST_AT_ONCE = 8
"""More would hardly be faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The pictures of some subjects, in their order.

    Attributes:
        pictures: 8-bit RGB [pictures, height, width, 3].
        latents: What the VAE decoded, fp32 [pictures, ...]; empty where there are none.
        solver: How they came about.
    """

    pictures: NDArray[np.uint8]
    latents: NDArray[np.float32]
    solver: Solver

    @property
    def degeneracy(self) -> str | None:
        """What is wrong with a picture on its face, or None."""
        if not np.isfinite(self.latents).all():
            return "the latents are not finite (an overflow)"
        spread = np.ptp(self.pictures.reshape(len(self.pictures), -1, 3), axis=1)
        return "a picture is of one colour" if not spread.any(axis=1).all() else None

    def save(self, path: Path) -> None:
        """Writes the drawing, as a whole or not at all."""
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        solver = json.dumps(dataclasses.asdict(self.solver))
        with partial.open("wb") as file:
            np.savez(
                file,
                pictures=self.pictures,
                latents=self.latents,
                solver=np.frombuffer(solver.encode(), np.uint8),
            )
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Drawing:
        """Reads a drawing.

        Raises:
            OSError: There is none.
            ValueError: The file is damaged.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                solver = Solver(**json.loads(arrays["solver"].tobytes()))
                return cls(pictures=arrays["pictures"], latents=arrays["latents"], solver=solver)
        except (BadZipFile, EOFError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no drawing: remove it ({error})") from None


def draw(call: Call, subjects: Sequence[Subject]) -> Drawing:
    """Draws each subject, the first one by itself, and after it small pictures several at once."""
    drawn = list(call.draw(subjects[:1]))
    width, height = drawn[0][0].size
    at_once = max(1, min(MOST_AT_ONCE, MOST_PIXELS_AT_ONCE // (width * height)))
    for begin in range(1, len(subjects), at_once):
        drawn += _together(call, subjects[begin : begin + at_once])
    latents = [final_latents for _, final_latents in drawn if final_latents is not None]
    return Drawing(
        pictures=np.stack([np.asarray(picture.convert("RGB")) for picture, _ in drawn]),
        latents=np.stack(latents) if latents else np.zeros(0, np.float32),
        solver=call.solver(),
    )


def _together(call: Call, subjects: Sequence[Subject]) -> Sequence[tuple[Any, Any]]:
    """Pictures in one pass; one by one where that fails.

    A pipeline may take no list of prompts, and memory that lasts for one picture may be too little.
    """
    if len(subjects) > 1:
        try:
            drawn = call.draw(subjects)
        except Exception as error:
            let_go(error)
        else:
            if len(drawn) == len(subjects):
                return drawn
    return [one for subject in subjects for one in call.draw([subject])]
