"""The pictures that stand beside the answer: what it draws, and what it should look like."""

from __future__ import annotations

from dataclasses import dataclass

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import image_text, settings
from sdbench.report.pictures import Album, Picture
from sdbench.report.tiles import (
    marks,
    reference_picture,
    reference_text,
    scores_text,
    subject_text,
)
from sdbench.results.fidelity import Fidelity


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One of the pictures.

    Attributes:
        role: What it is here.
        picture: The picture.
        settings: What drew it.
        figures: Latency and fidelity, and what else must be said of it.
    """

    role: str
    picture: Picture
    settings: str
    figures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerPictures:
    """Pictures of one prompt and seed, or the reason why there are none.

    Attributes:
        exhibits: The reference first.
        subject: Their prompt and seed.
        absence: Why there are none; None where there are some.
    """

    exhibits: tuple[Exhibit, ...] = ()
    subject: str = ""
    absence: str | None = None


def answer_pictures(advice: Advice, album: Album) -> AnswerPictures | None:
    """The first picture of the reference, of the answer, and of what a fidelity limit rules out.

    None where nothing is recommended, with or without a fidelity limit.
    """
    free = advice.without_fidelity_limit
    shown: dict[str, Measurement] = {}
    if advice.best.chosen:
        shown["recommended"] = advice.best.chosen
    elif advice.best.nearest_miss:
        shown["nearest miss"] = advice.best.nearest_miss
    if free and free.chosen and free.chosen is not advice.best.chosen:
        shown["without the fidelity limit"] = free.chosen
    if not shown:
        return None
    drawn = {role: m for role, m in shown.items() if m.fidelity.pictures}
    if not drawn:
        first = next(iter(shown.values()))
        return AnswerPictures(absence=first.fidelity.reason or "no picture was kept")
    fidelity = next(iter(drawn.values())).fidelity
    exhibits = [
        _exhibit(role, m, advice, album)
        for role, m in shown.items()
        if m not in drawn.values() or _is_same_picture(m.fidelity, fidelity)
    ]
    reference = reference_picture(fidelity, 0, album)
    if reference is not None:
        words = reference_text(fidelity) or ""
        exhibits.insert(0, Exhibit("reference", reference, words, ("the converged image",)))
    return AnswerPictures(tuple(exhibits), subject_text(fidelity, 0))


def _is_same_picture(one: Fidelity, other: Fidelity) -> bool:
    """Whether both were asked for the same; the nearest miss may be of another content."""
    keys = [item.reference.key if item.reference else None for item in (one, other)]
    return one.subjects == other.subjects and keys[0] == keys[1]


def _exhibit(role: str, m: Measurement, advice: Advice, album: Album) -> Exhibit:
    words = settings(m.knobs, advice.names)
    figures = [image_text(m)] if m.latency_per_image else []
    if scores := scores_text(m.fidelity):
        figures.append(scores)
    alt = f"{words}: {subject_text(m.fidelity, 0)}"
    return Exhibit(
        role,
        album.picture(m.fidelity.pictures.get(0), alt),
        words,
        (*figures, *marks(m)),
    )
