"""What the settings do to the picture: candidates beside their reference, nearest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import image_text, score_text, settings, shortened
from sdbench.knobs.base import Effect
from sdbench.report.contents import Content, Drawn, with_effect
from sdbench.report.pictures import Album, Picture
from sdbench.results.fidelity import Fidelity

MOST_TILES = 60
"""More pictures are too many to look at, and too many bytes for one file."""

LEAST_TILES = 3
"""Of each content, however many contents share `MOST_TILES`."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture, and what it should look like.

    Attributes:
        kind: ``first``, ``worst``, or both words: when it is shown.
        subject: Its prompt and seed.
        picture: The candidate's picture.
        reference: The reference's of the same subject, or None without a reference.
    """

    kind: str
    subject: str
    picture: Picture
    reference: Picture | None


@dataclass(frozen=True, slots=True)
class Tile:
    """One set of pictures.

    Attributes:
        row: Position in the plan of the fastest configuration that draws it.
        rows: Positions of all configurations that draw it.
        settings: What changes the picture, in words.
        is_recommended: Whether the report's answer draws it.
        shots: Its first picture and its worst one, which may be the same.
        fidelity: Its score and the worst picture's; None without a score.
        figures: PSNR, evaluations of the denoiser, latency, as far as they are known.
        marks: What is wrong with it, or why it has no score.
    """

    row: int
    rows: tuple[int, ...]
    settings: str
    is_recommended: bool
    shots: tuple[Shot, ...]
    fidelity: str | None
    figures: tuple[str, ...]
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TileGroup:
    """The pictures of one content.

    Attributes:
        title: What sets this content apart; empty where there is one alone.
        subject: Prompt and seed of the first picture.
        reference: The reference's first picture, or None.
        reference_words: What drew the reference; None without one.
        tiles: The candidates, the nearest to the reference first.
        left_out: How many more there are.
        remark: Why none of them has a score, where that is the same for all; else None.
    """

    title: str
    subject: str
    reference: Picture | None
    reference_words: str | None
    tiles: tuple[Tile, ...]
    left_out: int
    remark: str | None


def tile_groups(
    all_contents: Sequence[Content], advice: Advice, album: Album, positions: Mapping[str, int]
) -> list[TileGroup]:
    """The pictures of a run, content by content; nothing where none were kept.

    Args:
        all_contents: The run's configurations by what they are asked for.
        advice: The answer.
        album: The run's pictures.
        positions: The position of each configuration in the plan, by key.
    """
    kept = [content for content in all_contents if any(map(_has_pictures, content.drawn))]
    most = max(LEAST_TILES, MOST_TILES // max(1, len(kept)))
    return [_group(content, advice, album, most, positions) for content in kept]


def subject_text(fidelity: Fidelity, position: int) -> str:
    """Prompt and seed of a picture."""
    if position >= len(fidelity.subjects):
        return f"picture {position + 1}"
    subject = fidelity.subjects[position]
    return f"“{shortened(subject.prompt)}”, seed {subject.seed}"


def reference_picture(fidelity: Fidelity, position: int, album: Album) -> Picture | None:
    """The reference's picture of a subject; None without a reference."""
    if fidelity.reference is None:
        return None
    names = fidelity.reference.pictures
    name = names[position] if position < len(names) else None
    return album.picture(name, f"Reference: {subject_text(fidelity, position)}")


def reference_text(fidelity: Fidelity) -> str | None:
    """What drew the reference."""
    reference = fidelity.reference
    return f"{reference.scheduler}, {reference.steps} steps, fp32" if reference else None


def marks(m: Measurement) -> tuple[str, ...]:
    """What a reader of a picture must know of it beside its score."""
    found = ["degenerate: a picture is of one colour or not finite"] if m.is_degenerate else []
    return (*found, *([m.fidelity.reason] if m.fidelity.reason else []))


def _has_pictures(drawn: Drawn) -> bool:
    return bool(drawn.fastest.fidelity.pictures)


def _group(
    content: Content, advice: Advice, album: Album, most: int, positions: Mapping[str, int]
) -> TileGroup:
    drawn = sorted(filter(_has_pictures, content.drawn), key=_order)
    chosen = advice.best.chosen
    ours = [chosen is not None and any(m.key == chosen.key for m in one.measured) for one in drawn]
    spread = _spread(len(drawn), most)
    shown = [
        (one, is_ours)
        for position, (one, is_ours) in enumerate(zip(drawn, ours, strict=True))
        if is_ours or position in spread
    ]
    fidelity = next(
        (one.fastest.fidelity for one in drawn if one.fastest.fidelity.reference),
        drawn[0].fastest.fidelity,
    )
    reasons = {one.fastest.fidelity.reason for one in drawn}
    remark = reasons.pop() if len(reasons) == 1 and len(drawn) > 1 else None
    return TileGroup(
        title=content.title,
        subject=subject_text(fidelity, 0),
        reference=reference_picture(fidelity, 0, album),
        reference_words=reference_text(fidelity),
        tiles=tuple(
            _tile(one, advice, album, is_ours, remark, positions) for one, is_ours in shown
        ),
        left_out=len(drawn) - len(shown),
        remark=remark,
    )


def _order(drawn: Drawn) -> tuple[bool, float, float]:
    """Sorts the nearest to the reference first, and what cannot be compared last."""
    fidelity = drawn.fastest.fidelity
    nearness = fidelity.against_reference
    psnr_db = nearness.median_psnr_db if nearness else 0.0
    return fidelity.score is None, -(fidelity.score or 0.0), -psnr_db


def _spread(number: int, most: int) -> set[int]:
    """Positions of at most ``most`` among ``number``: the first, the last, evenly between."""
    if number <= most:
        return set(range(number))
    return {round(index * (number - 1) / (most - 1)) for index in range(most)}


def _tile(
    drawn: Drawn,
    advice: Advice,
    album: Album,
    is_recommended: bool,
    told_once: str | None,
    positions: Mapping[str, int],
) -> Tile:
    m, fidelity = drawn.fastest, drawn.fastest.fidelity
    words = settings(m.knobs, with_effect(advice.names, Effect.SAMPLER, Effect.NUMERICS))
    worst = 0 if fidelity.worst_picture is None else fidelity.worst_picture
    kinds = {0: "first worst"} if worst == 0 else {0: "first", worst: "worst"}
    return Tile(
        row=positions[m.key],
        rows=tuple(positions[one.key] for one in drawn.measured),
        settings=words,
        is_recommended=is_recommended,
        shots=tuple(
            Shot(
                kind,
                subject_text(fidelity, position),
                album.picture(
                    fidelity.pictures.get(position), f"{words}: {subject_text(fidelity, position)}"
                ),
                reference_picture(fidelity, position, album),
            )
            for position, kind in kinds.items()
        ),
        fidelity=scores_text(fidelity),
        figures=tuple(_figures(drawn, advice)),
        marks=tuple(mark for mark in marks(m) if mark != told_once),
    )


def scores_text(fidelity: Fidelity) -> str | None:
    """A score and the worst picture's, short enough to stand under a picture."""
    if fidelity.score is None:
        return None
    worst = "" if fidelity.worst_score is None else f" (worst {score_text(fidelity.worst_score)})"
    return f"fidelity {score_text(fidelity.score)}{worst}"


def _figures(drawn: Drawn, advice: Advice) -> list[str]:
    m, nearness = drawn.fastest, drawn.fastest.fidelity.against_reference
    found = [f"{nearness.median_psnr_db:.1f} dB"] if nearness else []
    if (evaluated := m.fidelity.denoiser_evaluations) is not None:
        found.append(f"{evaluated} NFE")
    if m.latency_per_image is not None:
        unseen = with_effect(advice.names, Effect.NONE)
        how = f" ({settings(m.knobs, unseen)})" if unseen and len(drawn.measured) > 1 else ""
        found.append(f"{image_text(m)}{how}")
    return found
