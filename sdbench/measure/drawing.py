"""A drawing: the pictures that one configuration draws of given prompts and seeds."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sdbench.measure.recovery import let_go
from sdbench.pipelines.base import Call, Solver
from sdbench.results.fidelity import Subject

MOST_PIXELS_AT_ONCE = 512 * 512
"""Pictures that have no more pixels than this together are drawn in one pass, whose activations
take no more memory than those of one usual picture of Stable Diffusion."""

MOST_AT_ONCE = 8
"""More would hardly be faster, and each prompt is encoded, too."""


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


def draw(
    call: Call,
    subjects: Sequence[Subject],
    most_at_once: int = MOST_AT_ONCE,
    refused: Callable[[Exception], None] = let_go,
) -> Drawing:
    """Draws each subject: the first one by itself, and after it small pictures several at once.

    Several are of one prompt, since some pipelines pad prompts to the longest of a pass, and of a
    sampler that adds no noise of its own, which may hang on how many pictures a pass draws. A
    pipeline may take no list of prompts, and memory that lasts for one picture may be too little:
    where a pass of several fails, all further pictures are drawn one by one.

    Args:
        call: What draws them.
        subjects: What is drawn.
        most_at_once: Pictures of one pass at most.
        refused: Told of the error of a pass of several.
    """
    drawn = list(call.draw(subjects[:1])[:1])
    width, height = drawn[0][0].size
    at_once = min(most_at_once, MOST_PIXELS_AT_ONCE // (width * height))
    if call.solver().randomness is not None:
        at_once = 1
    waiting = list(subjects[1:])
    while waiting:
        group = _next_group(waiting, at_once)
        if len(group) > 1:
            try:
                pictures = call.draw(group)
            except Exception as error:
                refused(error)
                pictures = ()
            if len(pictures) != len(group):
                at_once = 1
                continue
        else:
            pictures = call.draw(group)[:1]
        drawn += pictures
        del waiting[: len(group)]
    latents = [final_latents for _, final_latents in drawn if final_latents is not None]
    has_latents = len(latents) == len(drawn)
    return Drawing(
        pictures=np.stack([np.asarray(picture.convert("RGB")) for picture, _ in drawn]),
        latents=np.stack(latents) if has_latents else np.zeros(0, np.float32),
        solver=call.solver(),
    )


def _next_group(waiting: Sequence[Subject], most: int) -> list[Subject]:
    """The first of those that wait, with those right after it that share its prompt."""
    same = takewhile(lambda one: one.prompt == waiting[0].prompt, waiting)
    return list(islice(same, max(1, most)))
