"""Fidelity against the work it takes: what more steps of each scheduler buy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdbench.analysis.advice import Advice
from sdbench.analysis.feasibility import fidelity_limit_text
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import count, estimate_text, score_text, setting, settings
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.base import Effect
from sdbench.knobs.registry import KNOBS
from sdbench.report.contents import Content, Drawn, with_effect
from sdbench.report.tiles import scores_text

LEAST_POINTS = 2
"""Fewer make no line."""


@dataclass(frozen=True, slots=True)
class StepsCell:
    """What one scheduler reaches with one number of steps.

    Attributes:
        score: The fidelity, or a dash.
        figures: Distance, evaluations, latency.
        is_degenerate: Whether a picture is of one colour or not finite.
    """

    score: str
    figures: tuple[str, ...]
    is_degenerate: bool


@dataclass(frozen=True, slots=True)
class SchedulerRow:
    """One scheduler's way to the converged image.

    Attributes:
        label: The scheduler, and the arithmetic where that is not the plain one.
        cells: One for each number of steps; None where it was not measured.
        reason: Why it has no fidelity at all; None where it has one.
    """

    label: str
    cells: tuple[StepsCell | None, ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class Convergence:
    """How one content converges.

    Attributes:
        title: What sets this content apart; empty where there is one alone.
        reference: The facts of what the pictures are held against, in sentences.
        steps: The numbers of steps, as people say them, fewest first.
        rows: A row for each scheduler.
        lines: For the chart: for each scheduler its points of the best-agreeing arithmetic, and
            the others.
        has_chart: Whether there are points enough to draw.
        absence: Why no picture has a fidelity; None where one has.
    """

    title: str
    reference: str | None
    steps: tuple[str, ...]
    rows: tuple[SchedulerRow, ...]
    lines: tuple[Mapping[str, Any], ...]
    has_chart: bool
    absence: str | None


def convergences(all_contents: Sequence[Content], advice: Advice) -> tuple[Convergence, ...]:
    """How the contents of a run converge, each that has points enough or a reason to tell."""
    drawn = [content for content in all_contents if content.drawn]
    has_any = any(content.scored for content in drawn)
    styles = list(dict.fromkeys(_scheduler(one.fastest) for c in drawn for one in c.drawn))
    return tuple(
        _convergence(content, advice, styles)
        for content in drawn
        if len(content.scored) >= LEAST_POINTS or not content.scored or not has_any
    )


def convergence_chart(shown: Sequence[Convergence], advice: Advice) -> Mapping[str, Any]:
    """What the charts of fidelity against work show, as JSON. Seconds; fidelity from 0 to 1."""
    limit = advice.limits.fidelity
    return {
        "limit": limit,
        "limit_label": f"limit {fidelity_limit_text(limit)}" if limit is not None else None,
        "charts": [{"lines": list(one.lines)} for one in shown if one.has_chart],
    }


def _convergence(content: Content, advice: Advice, styles: Sequence[str]) -> Convergence:
    by_scheduler: dict[str, list[Drawn]] = {}
    for one in content.drawn:
        by_scheduler.setdefault(_scheduler(one.fastest), []).append(one)
    numerics = with_effect(advice.names, Effect.NUMERICS)
    curves = [
        _Curve.of(scheduler, drawn, numerics, styles.index(scheduler))
        for scheduler, drawn in by_scheduler.items()
    ]
    steps = sorted({_steps(one.fastest) for one in content.drawn}, key=_steps_order)
    scored = content.scored
    return Convergence(
        title=content.title,
        reference=_reference_sentences(content),
        steps=tuple(setting("steps", value) for value in steps),
        rows=tuple(curve.row(steps) for curve in curves),
        lines=tuple(curve.to_json() for curve in curves if curve.is_scored),
        has_chart=len(scored) >= LEAST_POINTS,
        absence=None if scored else _absence(content),
    )


@dataclass(frozen=True, slots=True)
class _Curve:
    """One scheduler's pictures: those of the best-agreeing arithmetic, and the others."""

    label: str
    style: int
    line: Sequence[Drawn]
    others: Sequence[Drawn]
    numerics: Sequence[str]

    @classmethod
    def of(
        cls, scheduler: str, drawn: Sequence[Drawn], numerics: Sequence[str], style: int
    ) -> _Curve:
        groups: dict[str, list[Drawn]] = {}
        for one in drawn:
            groups.setdefault(_values(one.fastest, numerics), []).append(one)
        line = max(groups.values(), key=_agreement)
        line.sort(key=lambda one: _steps_order(_steps(one.fastest)))
        first = line[0].fastest
        label = scheduler if _is_plain(first) else f"{scheduler}, {settings(first.knobs, numerics)}"
        others = [one for one in drawn if one not in line]
        return cls(label if numerics else scheduler, style, line, others, numerics)

    @property
    def is_scored(self) -> bool:
        return any(_is_scored(one) for one in (*self.line, *self.others))

    def row(self, steps: Sequence[JsonValue]) -> SchedulerRow:
        cells = {canonical_json(_steps(one.fastest)): _cell(one.fastest) for one in self.line}
        reasons = [one.fastest.fidelity.reason for one in self.line if not _is_scored(one)]
        return SchedulerRow(
            self.label,
            tuple(cells.get(canonical_json(value)) for value in steps),
            None if any(map(_is_scored, self.line)) else next(filter(None, reasons), None),
        )

    def to_json(self) -> Mapping[str, Any]:
        return {
            "label": self.label,
            "style": self.style,
            "points": [self._point(one) for one in self.line if _is_scored(one)],
            "others": [self._point(one) for one in self.others if _is_scored(one)],
        }

    def _point(self, drawn: Drawn) -> Mapping[str, Any]:
        m = drawn.fastest
        latency = m.latency_per_image
        words = settings(m.knobs, ("scheduler", "steps", *self.numerics))
        return {
            "score": m.fidelity_score,
            "evaluations": m.fidelity.denoiser_evaluations,
            "latency_s": latency.point if latency else None,
            "is_degenerate": bool(m.is_degenerate),
            "texts": [words, scores_text(m.fidelity), *_figures(m), *_degenerate(m)],
        }


def _cell(m: Measurement) -> StepsCell:
    return StepsCell(score_text(m.fidelity_score), _figures(m), bool(m.is_degenerate))


def _figures(m: Measurement) -> tuple[str, ...]:
    nearness, evaluated = m.fidelity.against_reference, m.fidelity.denoiser_evaluations
    found = (
        f"{nearness.median_psnr_db:.1f} dB" if nearness else "",
        f"{evaluated} NFE" if evaluated is not None else "",
        estimate_text(m.latency_per_image) if m.latency_per_image else "",
    )
    return tuple(filter(None, found))


def _degenerate(m: Measurement) -> list[str]:
    return ["degenerate"] if m.is_degenerate else []


def _agreement(group: Sequence[Drawn]) -> tuple[bool, float]:
    """Sorts the arithmetic that agrees best with the plain one last; the plain one itself last."""
    known = [one.fastest.fidelity.numerical for one in group]
    nearest_db = max((one.median_psnr_db for one in known if one), default=0.0)
    return _is_plain(group[0].fastest), nearest_db


def _is_plain(m: Measurement) -> bool:
    """Whether it computes in fp32 with every saving off."""
    numerics = with_effect(list(m.knobs), Effect.NUMERICS)
    return all(m.knobs[name] == KNOBS[name].neutral for name in numerics)


def _is_scored(drawn: Drawn) -> bool:
    return drawn.fastest.fidelity_score is not None


def _values(m: Measurement, names: Sequence[str]) -> str:
    return canonical_json({name: m.knobs.get(name) for name in names})


def _scheduler(m: Measurement) -> str:
    return setting("scheduler", m.knobs.get("scheduler", KNOBS["scheduler"].neutral))


def _steps(m: Measurement) -> JsonValue:
    return m.knobs.get("steps")


def _steps_order(value: JsonValue) -> float:
    """Sorts the fewest steps first; the pipeline's own number (None) last."""
    return value if isinstance(value, (int, float)) else float("inf")


def _reference_sentences(content: Content) -> str | None:
    reference = content.reference
    if reference is None:
        return None
    subjects = next(m.fidelity.subjects for m in content.measured if m.fidelity.subjects)
    prompts = len({subject.prompt for subject in subjects})
    seeds = len(subjects) // prompts
    return (
        f"The reference is {reference.scheduler} with {reference.steps} steps in fp32. With half "
        f"of them it agrees by {reference.ceiling_psnr_db:.1f} dB with itself (the ceiling, "
        f"fidelity 1); pictures of other seeds agree by {reference.floor_psnr_db:.1f} dB (the "
        f"floor, fidelity 0). A fidelity is the median of {count(len(subjects), 'picture')}: "
        f"{count(prompts, 'prompt')} of {count(seeds, 'seed')}. It is agreement with the converged "
        "image, not quality."
    )


def _absence(content: Content) -> str:
    counted = Counter(one.fastest.fidelity.reason or "" for one in content.drawn)
    return "; ".join(f"{reason.rstrip('.')} ({number})" for reason, number in counted.most_common())
