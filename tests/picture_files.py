"""The picture files that a run's records name, for tests of what shows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from sdbench.results.store import Run


def picture_names(run: Run) -> list[str]:
    """Every file that a fidelity of the run names, each once."""
    names = []
    for record in run.records:
        names += record.fidelity.pictures.values()
        if record.fidelity.reference:
            names += record.fidelity.reference.pictures
    return list(dict.fromkeys(names))


def write_pictures(run: Run, side_px: int = 16) -> Run:
    """Writes a picture of noise for every file that a fidelity of the run names."""
    for number, name in enumerate(picture_names(run)):
        write_png(run.folder / name, side_px, number)
    return run


def write_png(path: Path, side_px: int, seed: int = 0) -> None:
    """Writes a square picture of noise."""
    path.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side_px, side_px, 3), np.uint8)
    Image.fromarray(pixels).save(path)
