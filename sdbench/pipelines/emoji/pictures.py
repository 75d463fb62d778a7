"""The pictures that the embedded pipeline learns, their captions, and the views of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

IMAGE_PIXELS = 64
SHIFTS_PIXELS = ((0, 0), (-3, 3), (3, -3))
"""Down and right: with its mirror image a picture has six views. With fifty of them, a thousand
steps did not get the denoiser below a loss of 0.13, and its pictures stayed blots."""
TEMPLATES = (
    "{subject}",
    "{article} {subject}",
    "an emoji of {article} {subject}",
    "a picture of {article} {subject}",
    "a drawing of {article} {subject} on white",
)
SUBJECTS = Path(__file__).with_name("subjects.txt")


@dataclass(frozen=True)
class Picture:
    """A subject and its picture.

    Attributes:
        subject: Such as ``red apple``.
        pixels: Float tensor [3, 64, 64] in -1..1, on white.
    """

    subject: str
    pixels: Tensor

    @property
    def prompt(self) -> str:
        """The caption as a sentence."""
        return self.captions()[2]

    def captions(self) -> list[str]:
        """What may be said of it."""
        article = "an" if self.subject[0] in "aeiou" else "a"
        return [template.format(subject=self.subject, article=article) for template in TEMPLATES]


def load_pictures(package: Path) -> list[Picture]:
    """The pictures of ``subjects.txt``: lines of a short name and, after a tab, the subject."""
    entries = json.loads((package / "emoji.json").read_text())
    files = {entry["short_name"]: entry["image"] for entry in entries}
    pictures = []
    for line in SUBJECTS.read_text().splitlines():
        short_name, subject = line.split("\t")
        with Image.open(package / "img" / "google" / "64" / files[short_name]) as image:
            drawn = image.convert("RGBA").resize((IMAGE_PIXELS, IMAGE_PIXELS))
        white = Image.new("RGBA", drawn.size, "white")
        white.alpha_composite(drawn)
        pixels = torch.from_numpy(numpy.asarray(white.convert("RGB")).copy())
        pictures.append(Picture(subject, pixels.permute(2, 0, 1).float() / 127.5 - 1))
    return pictures


def all_views(pixels: Tensor) -> Iterator[Tensor]:
    """Every shift of a picture, and of its mirror image."""
    for view in (pixels, pixels.flip(-1)):
        for down, right in SHIFTS_PIXELS:
            yield moved(view, down, right)


def shifted(pixels: Tensor, largest: int) -> Tensor:
    """A picture moved at random, and mirrored half of the time."""
    if random.random() < 0.5:
        pixels = pixels.flip(-1)
    return moved(pixels, random.randint(-largest, largest), random.randint(-largest, largest))


def moved(pixels: Tensor, down: int, right: int) -> Tensor:
    """A picture [3, 64, 64] moved over white."""
    margin = max(abs(down), abs(right))
    padded = functional.pad(pixels, (margin,) * 4, value=1.0)
    top, left = margin - down, margin - right
    return padded[:, top : top + IMAGE_PIXELS, left : left + IMAGE_PIXELS]
