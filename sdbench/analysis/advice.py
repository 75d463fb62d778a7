"""The answer of a run: what to run, why, and what else was considered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdbench.analysis.feasibility import Excess, limits_text
from sdbench.analysis.gain import Gain, gain_words
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.relaxing import Relaxation
from sdbench.analysis.relaxing_words import relaxation_text
from sdbench.analysis.wording import (
    estimate_text,
    fidelity_text,
    interval_text,
    memory_word,
    origin_text,
    settings,
)
from sdbench.jsontypes import JsonValue
from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Figure
from sdbench.statistics import Estimate
from sdbench.suite.model import Limits, Metric, Objective
from sdbench.units import format_bytes, format_seconds

ADVICE_SCHEMA = 2
"""Version of the JSON form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to run among the configurations that do the same work.

    Attributes:
        work: The values that they share of the knobs that say how much is computed.
        chosen: The recommended one, or None where none is feasible.
        reason: Why it, or why none.
        ties: Those that the intervals cannot tell from the fastest, without the chosen one.
        gain: Against the default; None where that was not measured.
        relaxations: What relaxing each given limit buys.
        nearest_miss: Where none is feasible, the one that misses the limits least.
        excess: The limits that the nearest miss does not keep to.
        code: The Python that runs the chosen one.
        suite: The suite that measures the chosen one again.
    """

    work: Mapping[str, JsonValue]
    chosen: Measurement | None
    reason: str
    ties: tuple[Measurement, ...] = ()
    gain: Gain | None = None
    relaxations: tuple[Relaxation, ...] = ()
    nearest_miss: Measurement | None = None
    excess: tuple[Excess, ...] = ()
    code: str | None = None
    suite: str | None = None

    @property
    def steps(self) -> JsonValue:
        """Steps that the choice is for; the chosen one's where steps compete with each other."""
        values = self.chosen.knobs if self.chosen and "steps" not in self.work else self.work
        return values.get("steps")

    def to_json(
        self, names: Sequence[str] = (), metric: Metric = Metric.LATENCY_PER_IMAGE
    ) -> dict[str, Any]:
        """The choice without its work, as `Advice.to_json` nests it.

        Args:
            names: The knobs that the configurations differ in.
            metric: What the objective minimises.
        """
        return {
            "recommendation": _recommendation(self) if self.chosen else None,
            "reason": self.reason,
            "ties": [_evidence(m) for m in self.ties],
            "default": _default(self.gain) if self.gain else None,
            "relaxing": [_relaxation(one, names, metric) for one in self.relaxations],
            "nearest_miss": _miss(self.nearest_miss, self.excess) if self.nearest_miss else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The answer of a run.

    Attributes:
        device: Name of the device, as people read it.
        limits: What the recommendation keeps to.
        objective: What it minimises.
        names: The knobs that the configurations differ in.
        best: The choice for the most work that has a feasible one; with nothing chosen where
            there is none at all.
        by_work: The choice for each amount of work, the most first. A number of steps is an amount
            of work only where no fidelity limit was given.
        without_fidelity_limit: What would be chosen for the same size and content if fidelity did
            not count, with a sentence that compares it with `best`; `best`'s own configuration
            where the limit costs nothing. None where no fidelity limit was given, and where
            nothing qualifies without it either.
        run_limit_bytes: What memory the run let every configuration use, or None. Whatever was
            measured kept to it, so that it is held against no figure again.
        unswept_defaults: The default configurations that the suite does not sweep.
    """

    device: str
    limits: Limits
    objective: Objective
    names: tuple[str, ...]
    best: Choice
    by_work: tuple[Choice, ...]
    without_fidelity_limit: Choice | None = None
    run_limit_bytes: int | None = None
    unswept_defaults: tuple[Measurement, ...] = ()

    @property
    def headline(self) -> str:
        """The answer in one sentence, with the limits that it keeps to."""
        parts = [part for part in (self.figures, self.gain) if part]
        tail = f": {', '.join(parts)}" if parts else ""
        return f"{self.where} {self.what}{tail}."

    @property
    def where(self) -> str:
        """The headline's beginning: the device and the limits."""
        return f"On {self.device}, {limits_text(self.limits, self.run_limit_bytes)}:"

    @property
    def what(self) -> str:
        """The headline's middle: the settings."""
        chosen = self.best.chosen
        if chosen is None:
            return "no configuration can be recommended"
        return settings(chosen.knobs, self.names)

    @property
    def figures(self) -> str | None:
        """The headline's end: latency, memory and fidelity; None where nothing is recommended."""
        return figures(self.best.chosen) if self.best.chosen else None

    @property
    def gain(self) -> str | None:
        """The gain against the default in a few words; None where there is nothing to say."""
        return gain_words(self.best.gain)

    def to_json(self) -> dict[str, Any]:
        """The answer as programs read it: seconds and bytes, with the units in the names."""
        free = self.without_fidelity_limit
        words = (self.names, self.objective.minimize)
        return {
            "schema": ADVICE_SCHEMA,
            "device": self.device,
            "headline": self.headline,
            "objective": self.objective.minimize.value,
            "limits": {
                "memory_bytes": self.limits.memory_bytes,
                "latency_s": self.limits.latency_s,
                "fidelity": self.limits.fidelity,
                "batch_size": self.limits.batch_size,
                "headroom_ratio": self.limits.headroom_ratio,
                "run_memory_bytes": self.run_limit_bytes,
            },
            **self.best.to_json(*words),
            "by_steps": [
                {"steps": choice.steps, "work": dict(choice.work), **choice.to_json(*words)}
                for choice in self.by_work
            ],
            "without_fidelity_limit": free.to_json(*words) if free else None,
        }


def figures(m: Measurement) -> str:
    """Latency, memory and fidelity of a measurement in words, as far as they are known.

    The peak of memory comes with the figure that it is from, and what was not measured with its
    origin.
    """
    latency = f"{estimate_text(m.latency_per_image)} an image"
    if m.is_derived and m.latency_per_image is not None:
        interval = interval_text(m.latency_per_image)
        parts = [f"{latency}, derived ({interval}; p95 of a call taken as {p95_text(m)})"]
    else:
        parts = [f"{latency} (p95 of a call {p95_text(m)})"]
    if m.peak_allocated_bytes is not None:
        origin = origin_text(m.memory["peak_allocated_bytes"].origin)
        parts.append(f"{format_bytes(m.peak_allocated_bytes)} allocated{origin}")
    if m.peak_memory_bytes is None:
        parts.append("peak memory unknown")
    elif m.peak_memory_figure != "peak_allocated_bytes":
        peak = format_bytes(m.peak_memory_bytes)
        parts.append(f"{peak} {memory_word(m)}{origin_text(m.peak_memory_origin)}")
    if (fidelity := fidelity_text(m)) is not None:
        parts.append(fidelity)
    return ", ".join(parts)


def p95_text(m: Measurement) -> str:
    """The 95th percentile of a call, no finer than the call's interval justifies."""
    half_width = m.latency.half_width if m.latency else None
    return format_seconds(m.p95_s, half_width or None)


def _default(gain: Gain) -> dict[str, Any]:
    return {
        **_evidence(gain.default),
        "status": gain.default.status_word,
        "times_as_good": gain.ratio,
        "obstacle": gain.obstacle,
        "reason": gain.reason,
        "does_not_fit": gain.does_not_fit,
        "is_recommended": gain.is_chosen,
        "is_other_work": gain.is_other_work,
    }


def _relaxation(one: Relaxation, names: Sequence[str], metric: Metric) -> dict[str, Any]:
    return {
        "limit": one.limit.value,
        "given": one.given,
        "to": one.to,
        "is_binding": one.choice is not None,
        "times_as_good": one.ratio,
        "text": relaxation_text(one, names, metric),
        "key": one.choice.key if one.choice else None,
        "knobs": dict(one.choice.knobs) if one.choice else None,
    }


def _recommendation(choice: Choice) -> dict[str, Any]:
    assert choice.chosen is not None
    return {**_evidence(choice.chosen), "code": choice.code, "suite": choice.suite}


def _evidence(m: Measurement) -> dict[str, Any]:
    return {
        "key": m.key,
        "knobs": dict(m.knobs),
        "latency_per_image_s": _interval(m.latency_per_image),
        "latency_s": _interval(m.latency),
        "latency_p95_s": m.p95_s,
        "latency_origin": m.latency_origin.value if m.latency_origin else None,
        "derived_from": m.source_count,
        "peak_memory_bytes": m.peak_memory_bytes,
        "peak_memory_figure": m.peak_memory_figure,
        "peak_memory_origin": m.peak_memory_origin.value if m.peak_memory_origin else None,
        "peak_allocated_bytes": m.peak_allocated_bytes,
        "peak_allocated_origin": _origin(m.memory.get("peak_allocated_bytes")),
        "fidelity": _fidelity(m.fidelity),
        "confirmed_rounds": m.confirmed_rounds,
    }


def _origin(figure: Figure | None) -> str | None:
    return figure.origin.value if figure and figure.origin else None


def _fidelity(fidelity: Fidelity) -> dict[str, float | bool | str | None]:
    nearness, numerical = fidelity.against_reference, fidelity.numerical
    reference = fidelity.reference
    return {
        "score": fidelity.score,
        "worst_score": fidelity.worst_score,
        "psnr_db": nearness.median_psnr_db if nearness else None,
        "worst_psnr_db": nearness.worst_psnr_db if nearness else None,
        "ssim": nearness.median_ssim if nearness else None,
        "floor_psnr_db": reference.floor_psnr_db if reference else None,
        "ceiling_psnr_db": reference.ceiling_psnr_db if reference else None,
        "numerical_psnr_db": numerical.median_psnr_db if numerical else None,
        "is_degenerate": fidelity.is_degenerate,
        "reason": fidelity.reason,
    }


def _interval(estimate: Estimate | None) -> dict[str, float | int | None] | None:
    """Point and interval; the interval of a single sample is not known, so null."""
    if estimate is None:
        return None
    is_known = estimate.has_interval
    return {
        "point": estimate.point,
        "low": estimate.low if is_known else None,
        "high": estimate.high if is_known else None,
        "confidence": estimate.confidence if is_known else None,
        "samples": estimate.sample_count,
    }


def _miss(m: Measurement, excess: tuple[Excess, ...]) -> dict[str, Any]:
    exceeds = [
        {"figure": e.figure, "value": e.value, "limit": e.limit, "excess_ratio": e.ratio}
        for e in excess
    ]
    return {**_evidence(m), "exceeds": exceeds}
