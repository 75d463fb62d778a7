"""Has workers draw what is compared, and keeps what is drawn in fp32 for all runs."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from sdbench.measure.drawing import Drawing
from sdbench.results.fidelity import Subject
from sdbench.results.record import Status
from sdbench.results.store import IMAGES_FOLDER
from sdbench.run.controller import Controller, Progress
from sdbench.run.messages import Draw, Drawn
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import FidelityProtocol, Inputs

LEAST_PICTURES = 8
"""Four prompts of two seeds: what a median and a worst case are taken over."""

LEAST_PROMPTS = 4

OTHER_PROMPTS = (
    "a bowl of fruit on a wooden table, oil painting",
    "a red bicycle leaning against a brick wall",
    "portrait of an old fisherman, studio light",
    "a small house in a snowy forest at night",
)
"""Fill up the suite's prompts where they are fewer than `LEAST_PROMPTS`."""

_OFFLOADS = ("none", "model", "sequential")


def subjects(
    protocol: FidelityProtocol, inputs: Inputs, configuration: Configuration
) -> tuple[Subject, ...]:
    """What a configuration is to draw: every prompt with every seed, at least `LEAST_PICTURES`."""
    prompt = configuration.knobs["prompt"]
    if prompt is not None:
        prompts: tuple[str, ...] = (str(prompt),)
    elif protocol.prompts is not None:
        prompts = protocol.prompts
    else:
        missing = max(0, LEAST_PROMPTS - len(inputs.prompts))
        prompts = (*inputs.prompts, *OTHER_PROMPTS[:missing])
    seeds = max(protocol.seeds, math.ceil(LEAST_PICTURES / len(prompts)))
    return tuple(
        Subject(prompt, inputs.seed + offset) for prompt in prompts for offset in range(seeds)
    )


class Drawings:
    """Where drawings come from and go to.

    Args:
        controller: What has them drawn.
        timeout_s: Longest time for one drawing.
        run_folder: The run, whose folder of images takes pictures for the report.
        shared_folder: Where drawings are kept by their content.
        progress: Told what is being drawn.
    """

    def __init__(
        self,
        controller: Controller,
        timeout_s: float,
        run_folder: Path,
        shared_folder: Path,
        progress: Progress,
    ) -> None:
        self._controller = controller
        self._timeout_s = timeout_s
        self._images = run_folder / IMAGES_FOLDER
        self._scratch = run_folder / ".drawings"
        self._shared = shared_folder
        self._progress = progress

    def plain(
        self,
        configuration: Configuration,
        wanted: Sequence[Subject],
        *,
        is_reference: bool = False,
    ) -> Drawn:
        """A shared drawing; where fp32 does not fit, with the weights in host memory.

        Args:
            configuration: What draws it, with every saving off.
            wanted: What to draw.
            is_reference: Whether the scheduler is to be the one for a reference.
        """
        first = None
        for offload in _OFFLOADS:
            offloaded = Configuration({**configuration.knobs, "offload": offload})
            drawn = self.drawn(offloaded, wanted, is_shared=True, is_reference=is_reference)
            if drawn.status is not Status.OOM:
                break
            first = first or drawn
        return first if first and drawn.path is None else drawn

    def drawn(
        self,
        configuration: Configuration,
        wanted: Sequence[Subject],
        *,
        is_shared: bool,
        is_reference: bool = False,
    ) -> Drawn:
        """A drawing, or why there is none."""
        command = Draw(
            knobs=dict(configuration.knobs),
            is_reference=is_reference,
            subjects=tuple(wanted),
            folder=str((self._shared if is_shared else self._scratch).absolute()),
            is_shared=is_shared,
        )
        return self._controller.draw(command, self._timeout_s, self._progress)

    def save_pictures(
        self, drawing: Drawing, name: str, positions: Iterable[int]
    ) -> dict[int, str]:
        """Writes pictures for the report; their names relative to the run's folder."""
        from PIL import Image

        names = {}
        for position in positions:
            path = self._images / f"{name}-{position}.png"
            Image.fromarray(drawing.pictures[position]).save(path)
            names[position] = f"{IMAGES_FOLDER}/{path.name}"
        return names

    def clear(self) -> None:
        """Removes what an interruption left."""
        shutil.rmtree(self._scratch, ignore_errors=True)
