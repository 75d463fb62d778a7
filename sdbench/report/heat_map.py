"""Schedulers by numbers of steps: what each pair reaches, how long it takes, whether it fits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sdbench.analysis.feasibility import obstacle
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import estimate_text, score_text, setting, settings
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.report.contents import Drawn
from sdbench.suite.model import Limits


@dataclass(frozen=True, slots=True)
class HeatCell:
    """What one scheduler reaches with one number of steps.

    Attributes:
        score: The fidelity, or a dash.
        latency: Seconds of an image of the configuration that is shown.
        details: The configuration and its other figures, in words.
        fidelity: The fidelity as a share of the colour scale; None without one.
        slowness: The seconds likewise: 0 for the fastest cell, 1 for the slowest, by logarithms.
        rows: Positions in the plan of all that draw this picture, the fastest first.
        row: That of the one that is shown: the first that keeps to the limits, else the first.
        fits: Whether one of them keeps to the limits.
        is_degenerate: Whether a picture is of one colour or not finite.
        latency_s: Seconds of an image, from which ``slowness`` follows.
    """

    score: str
    latency: str
    details: str
    fidelity: float | None
    slowness: float | None
    rows: tuple[int, ...]
    row: int
    fits: bool
    is_degenerate: bool
    latency_s: float | None


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One scheduler's way to the converged image.

    Attributes:
        label: The scheduler, and the arithmetic where that is not the plain one.
        style: Number of its line in the chart, which decides colour, dashes and symbol; None where
            it has no line.
        cells: One for each number of steps; None where it was not measured.
        reason: Why it has no fidelity at all; None where it has one.
    """

    label: str
    style: int | None
    cells: tuple[HeatCell | None, ...]
    reason: str | None


DERIVED_MARK = "≈"
"""Stands before a latency that was derived: a cell has no room for the word."""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Schedulers by numbers of steps.

    Attributes:
        steps: The numbers of steps, as people say them, fewest first.
        rows: A row for each scheduler.
        is_limited: Whether any limit is given; without one everything keeps to them.
    """

    steps: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    is_limited: bool


@dataclass(frozen=True, slots=True)
class Line:
    """The pictures of one row, before they are put in words.

    Attributes:
        label: As `HeatRow`.
        style: As `HeatRow`.
        drawn: Its pictures, at most one for each number of steps.
    """

    label: str
    style: int | None
    drawn: Sequence[Drawn]


def heat_map(
    lines: Sequence[Line], limits: Limits, positions: Mapping[str, int], names: Sequence[str]
) -> HeatMap:
    """The map of some lines.

    Args:
        lines: The lines.
        limits: What a cell must keep to.
        positions: The position of each configuration in the plan, by key.
        names: The knobs that the configurations differ in.
    """
    steps = {canonical_json(value): value for line in lines for value in map(steps_of, line.drawn)}
    ordered = sorted(steps.values(), key=steps_order)
    rows = [_row(line, ordered, limits, positions, names) for line in lines]
    known_s = [
        cell.latency_s for row in rows for cell in row.cells if cell and cell.latency_s is not None
    ]
    return HeatMap(
        steps=tuple(_steps_words(value) for value in ordered),
        rows=tuple(
            replace(row, cells=tuple(_coloured(cell, known_s) for cell in row.cells))
            for row in rows
        ),
        is_limited=any(
            limit is not None
            for limit in (limits.memory_bytes, limits.latency_s, limits.fidelity, limits.batch_size)
        ),
    )


def steps_of(drawn: Drawn) -> JsonValue:
    """The number of steps; None for the pipeline's own."""
    return drawn.fastest.knobs.get("steps")


def _steps_words(value: JsonValue) -> str:
    return "default steps" if value is None else setting("steps", value)


def steps_order(value: JsonValue) -> float:
    """Sorts the fewest steps first; the pipeline's own number (None) last."""
    return value if isinstance(value, (int, float)) else math.inf


def _row(
    line: Line,
    steps: Sequence[JsonValue],
    limits: Limits,
    positions: Mapping[str, int],
    names: Sequence[str],
) -> HeatRow:
    cells = {
        canonical_json(steps_of(one)): _cell(one, limits, positions, names) for one in line.drawn
    }
    scored = [one.fastest.fidelity_score is not None for one in line.drawn]
    reasons = (one.fastest.fidelity.reason for one in line.drawn)
    return HeatRow(
        line.label,
        line.style,
        tuple(cells.get(canonical_json(value)) for value in steps),
        None if any(scored) else next(filter(None, reasons), None),
    )


def _cell(
    drawn: Drawn, limits: Limits, positions: Mapping[str, int], names: Sequence[str]
) -> HeatCell:
    fitting = next((m for m in drawn.measured if obstacle(m, limits) is None), None)
    m = fitting or drawn.fastest
    latency = m.latency_per_image
    return HeatCell(
        score=score_text(m.fidelity_score),
        latency=f"{DERIVED_MARK if m.is_derived else ''}{estimate_text(latency)}",
        details=": ".join(filter(None, (settings(m.knobs, names), _figures(m)))),
        fidelity=m.fidelity_score,
        slowness=None,
        rows=tuple(positions[one.key] for one in drawn.measured),
        row=positions[m.key],
        fits=fitting is not None,
        is_degenerate=bool(m.is_degenerate),
        latency_s=latency.point if latency else None,
    )


def _coloured(cell: HeatCell | None, known_s: Sequence[float]) -> HeatCell | None:
    if cell is None or cell.latency_s is None:
        return cell
    least_s, most_s = min(known_s), max(known_s)
    if not 0 < least_s < most_s:
        return replace(cell, slowness=0.0)
    return replace(cell, slowness=math.log(cell.latency_s / least_s) / math.log(most_s / least_s))


def _figures(m: Measurement) -> str:
    nearness, evaluated = m.fidelity.against_reference, m.fidelity.denoiser_evaluations
    found = (
        f"{nearness.median_psnr_db:.1f} dB" if nearness else "",
        f"{evaluated} NFE" if evaluated is not None else "",
    )
    return ", ".join(filter(None, found))
