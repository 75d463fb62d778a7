"""A drawing: the pictures that one configuration draws of given prompts and seeds."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sdbench.pipelines.base import Call, Solver
from sdbench.results.fidelity import Subject


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
    """Draws each subject by a call of its own, of one picture."""
    pictures, latents = [], []
    for subject in subjects:
        picture, final_latents = call.draw(subject.prompt, subject.seed)
        pictures.append(np.asarray(picture.convert("RGB")))
        if final_latents is not None:
            latents.append(final_latents)
    return Drawing(
        pictures=np.stack(pictures),
        latents=np.stack(latents) if latents else np.zeros(0, np.float32),
        solver=call.solver(),
    )
