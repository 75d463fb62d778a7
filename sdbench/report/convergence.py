"""Fidelity against the work it takes: what more steps of each scheduler buy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sdbench.analysis.advice import Advice
from sdbench.analysis.feasibility import fidelity_limit_text
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import count, latency_text, setting, settings
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.base import Effect
from sdbench.knobs.registry import KNOBS
from sdbench.report.contents import Content, Drawn, with_effect
from sdbench.report.heat_map import HeatMap, Line, heat_map, steps_of, steps_order
from sdbench.report.tiles import scores_text

LEAST_POINTS = 2
"""Fewer make no line."""

MOST_OTHERS = 400
"""Points of other arithmetic that a chart shows; more hide each other."""


@dataclass(frozen=True, slots=True)
class Convergence:
    """How one content converges.

    Attributes:
        title: What sets this content apart; empty where there is one alone.
        reference: The facts of what the pictures are held against, in sentences.
        shared: What holds for all schedulers unless their label says otherwise: options, and the
            arithmetic; in words.
        map: Schedulers by numbers of steps, in the arithmetic of the recommendation where a
            scheduler was measured in it, and otherwise in the one that agrees best with fp32.
        lines: For the chart: for each scheduler its points of that arithmetic, and the others.
        left_out: Points of other arithmetic that are not drawn, since they would hide each other.
        has_chart: Whether there are points enough to draw.
        absence: Why no picture has a fidelity; None where one has.
    """

    title: str
    reference: str | None
    shared: tuple[str, ...]
    map: HeatMap
    lines: tuple[Mapping[str, Any], ...]
    left_out: int
    has_chart: bool
    absence: str | None


def convergences(
    all_contents: Sequence[Content], advice: Advice, positions: Mapping[str, int]
) -> tuple[Convergence, ...]:
    """How the contents of a run converge, each that has points enough or a reason to tell.

    Args:
        all_contents: The run's contents.
        advice: Its answer.
        positions: The position of each configuration in the plan, by key.
    """
    drawn = [content for content in all_contents if content.drawn]
    has_any = any(content.scored for content in drawn)
    schedulers = _Schedulers.of([one.fastest for content in drawn for one in content.drawn])
    return tuple(
        _convergence(content, advice, schedulers, positions)
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


@dataclass(frozen=True, slots=True)
class _Schedulers:
    """The schedulers of a run, numbered, with labels that are short and differ.

    Attributes:
        styles: A number for each scheduler, by its value as JSON.
        labels: Its name, and the options that not all have.
        options: The options that all have; None where there are none.
    """

    styles: Mapping[str, int]
    labels: Mapping[str, str]
    options: str | None

    @classmethod
    def of(cls, measured: Sequence[Measurement]) -> _Schedulers:
        values = {canonical_json(value): value for value in map(_scheduler, measured)}
        mappings = [value for value in values.values() if isinstance(value, dict)]
        shared: dict[str, JsonValue] = {}
        if len(mappings) == len(values) > 1:
            shared = {
                name: value
                for name, value in mappings[0].items()
                if name != "name" and all(one.get(name, _ABSENT) == value for one in mappings)
            }
        return cls(
            styles={key: style for style, key in enumerate(values)},
            labels={key: setting("scheduler", _without(v, shared)) for key, v in values.items()},
            options=", ".join(f"{name}={value}" for name, value in shared.items()) or None,
        )


_ABSENT = object()


def _without(value: JsonValue, shared: Mapping[str, JsonValue]) -> JsonValue:
    if not isinstance(value, dict):
        return value
    kept = {name: option for name, option in value.items() if name not in shared}
    return kept["name"] if set(kept) == {"name"} else kept


def _convergence(
    content: Content, advice: Advice, schedulers: _Schedulers, positions: Mapping[str, int]
) -> Convergence:
    by_scheduler: dict[str, list[Drawn]] = {}
    for one in content.drawn:
        by_scheduler.setdefault(canonical_json(_scheduler(one.fastest)), []).append(one)
    numerics = with_effect(advice.names, Effect.NUMERICS)
    chosen = advice.best.chosen
    preferred = None if chosen is None else _values(chosen, numerics)
    curves = [
        _Curve.of(schedulers.labels[key], schedulers.styles[key], drawn, numerics, preferred)
        for key, drawn in by_scheduler.items()
    ]
    usual, curves = _with_arithmetic(curves, numerics)
    lines = [Line(curve.label, curve.drawn_style, curve.line) for curve in curves]
    scored = content.scored
    others = sum(map(_is_scored, (one for curve in curves for one in curve.others)))
    every = max(1, -(-others // MOST_OTHERS))
    shown = [curve.to_json(every, positions) for curve in curves if curve.is_scored]
    return Convergence(
        title=content.title,
        reference=_reference_sentences(content),
        shared=tuple(filter(None, (schedulers.options, usual))),
        map=heat_map(lines, advice.limits, positions, advice.names),
        lines=tuple(shown),
        left_out=0 if every == 1 else others - sum(len(one["others"]) for one in shown),
        has_chart=len(scored) >= LEAST_POINTS,
        absence=None if scored else _absence(content),
    )


def _with_arithmetic(
    curves: Sequence[_Curve], numerics: Sequence[str]
) -> tuple[str | None, list[_Curve]]:
    """The arithmetic of most curves in words, and the curves with labels that say how they differ.

    None where all are in the plain arithmetic, or where the run has but one.
    """
    firsts = [curve.line[0].fastest for curve in curves]
    counted = Counter(_values(m, numerics) for m in firsts)
    common = next(m for m in firsts if _values(m, numerics) == counted.most_common(1)[0][0])
    told = []
    for curve, m in zip(curves, firsts, strict=True):
        differing = [name for name in numerics if m.knobs.get(name) != common.knobs.get(name)]
        words = f"{curve.label}, {settings(m.knobs, differing)}" if differing else curve.label
        told.append(replace(curve, label=words))
    is_told = bool(numerics) and not (_is_plain(common) and len(counted) == 1)
    return settings(common.knobs, numerics) if is_told else None, told


@dataclass(frozen=True, slots=True)
class _Curve:
    """One scheduler's pictures: those of the arithmetic that is shown, and the others."""

    label: str
    style: int
    line: Sequence[Drawn]
    others: Sequence[Drawn]
    numerics: Sequence[str]

    @classmethod
    def of(
        cls,
        scheduler: str,
        style: int,
        drawn: Sequence[Drawn],
        numerics: Sequence[str],
        preferred: str | None,
    ) -> _Curve:
        groups: dict[str, list[Drawn]] = {}
        for one in drawn:
            groups.setdefault(_values(one.fastest, numerics), []).append(one)
        best = max(groups, key=lambda values: _agreement(groups[values]))
        of_line = best if preferred is None or preferred not in groups else preferred
        line = sorted(groups.pop(of_line), key=lambda one: steps_order(steps_of(one)))
        others = [one for group in groups.values() for one in group]
        return cls(scheduler, style, line, others, numerics)

    @property
    def drawn_style(self) -> int | None:
        """Number of its line in the chart; None where no point of it has a fidelity."""
        return self.style if any(map(_is_scored, self.line)) else None

    @property
    def is_scored(self) -> bool:
        return any(_is_scored(one) for one in (*self.line, *self.others))

    def to_json(self, every: int, positions: Mapping[str, int]) -> Mapping[str, Any]:
        """The line, and each ``every``-th of the other points."""
        others = [one for one in self.others if _is_scored(one)]
        return {
            "label": self.label,
            "style": self.style,
            "points": [self._point(one, positions) for one in self.line if _is_scored(one)],
            "others": [self._point(one, positions) for one in others[::every]],
        }

    def _point(self, drawn: Drawn, positions: Mapping[str, int]) -> Mapping[str, Any]:
        m = drawn.fastest
        latency = m.latency_per_image
        words = settings(m.knobs, ("scheduler", "steps", *self.numerics))
        return {
            "row": positions[m.key],
            "score": m.fidelity_score,
            "evaluations": m.fidelity.denoiser_evaluations,
            "latency_s": latency.point if latency else None,
            "is_degenerate": bool(m.is_degenerate),
            "texts": [words, scores_text(m.fidelity), *_figures(m), *_degenerate(m)],
        }


def _figures(m: Measurement) -> tuple[str, ...]:
    nearness, evaluated = m.fidelity.against_reference, m.fidelity.denoiser_evaluations
    found = (
        f"{nearness.median_psnr_db:.1f} dB" if nearness else "",
        f"{evaluated} NFE" if evaluated is not None else "",
        latency_text(m) if m.latency_per_image else "",
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


def _scheduler(m: Measurement) -> JsonValue:
    return m.knobs.get("scheduler", KNOBS["scheduler"].neutral)


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
