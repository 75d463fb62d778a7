"""Pictures of a run as they stand in a report: inside of it, since it is one file."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

WHOLE_PX = 128
"""Pictures of at most this longer side are taken over to the bit."""

SHOWN_PX = 256
"""Larger ones are made this small on their longer side: no report shows them larger, and as they
are, dozens of them would make it too large to send."""

JPEG_QUALITY = 90

_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises for a file that is no whole picture; ``SyntaxError`` for some broken PNGs."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in a report, or the reason why it is not there.

    Attributes:
        alt: What it shows, for those who cannot see it.
        uri: The picture as a data URI, or None.
        width_px: Width of what the URI holds; 0 without a picture.
        height_px: Height of the same.
        reason: Why there is no picture; None where there is one.
    """

    alt: str
    uri: str | None = None
    width_px: int = 0
    height_px: int = 0
    reason: str | None = None

    @property
    def is_tiny(self) -> bool:
        """Whether it is shown larger than it is, so that its pixels are to be seen as such."""
        return 0 < max(self.width_px, self.height_px) <= WHOLE_PX


class Album:
    """Reads the pictures of one run; each file once.

    Args:
        folder: The run's folder, which the files' names are relative to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, Picture] = {}

    def picture(self, name: str | None, alt: str) -> Picture:
        """A picture of the run.

        Args:
            name: Its file; None where none was kept.
            alt: What it shows.
        """
        if name is None:
            return Picture(alt, reason="no picture was kept")
        if name not in self._read:
            self._read[name] = self._embedded(name)
        read = self._read[name]
        return Picture(alt, read.uri, read.width_px, read.height_px, read.reason)

    def _embedded(self, name: str) -> Picture:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder.resolve()):
            return Picture("", reason=f"{name} lies outside of the run's folder")
        try:
            return _embedded(path.read_bytes())
        except FileNotFoundError:
            return Picture("", reason=f"the run's folder has no {name}")
        except _UNREADABLE:
            return Picture("", reason=f"{name} cannot be read")


def _embedded(content: bytes) -> Picture:
    """A picture file's content, made smaller where it is large."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        if image.format == "PNG" and max(image.size) <= WHOLE_PX:
            return Picture("", _uri("png", content), *image.size)
        small = image.convert("RGB")
    small.thumbnail((SHOWN_PX, SHOWN_PX), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return Picture("", _uri("jpeg", file.getvalue()), *small.size)


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
