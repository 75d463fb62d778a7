"""The answer of a run: what to run, why, and what else was considered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sdbench.analysis.feasibility import Excess, limits_text
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import estimate_text, memory_word, settings
from sdbench.jsontypes import JsonValue
from sdbench.statistics import Estimate
from sdbench.suite.model import Limits, Objective
from sdbench.units import format_bytes, format_seconds

ADVICE_SCHEMA = 1
"""Version of the JSON form."""


@dataclass(frozen=True, slots=True)
class Gain:
    """How much less time the chosen configuration takes than the plainest one.

    Attributes:
        ratio: The plainest one's median latency per image over the chosen one's.
        plainest: The measured configuration of the same work with the fewest knobs turned.
    """

    ratio: float
    plainest: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to run among the configurations that do the same work.

    Attributes:
        work: The values that they share of the knobs that say how much is computed.
        chosen: The recommended one, or None where none is feasible.
        reason: Why it, or why none.
        ties: Those that the intervals cannot tell from the fastest, without the chosen one.
        gain: Against the plainest one, where that is meaningful.
        nearest_miss: Where none is feasible, the one that exceeds the limits least.
        excess: What the nearest miss exceeds.
        code: The Python that runs the chosen one.
    """

    work: Mapping[str, JsonValue]
    chosen: Measurement | None
    reason: str
    ties: tuple[Measurement, ...] = ()
    gain: Gain | None = None
    nearest_miss: Measurement | None = None
    excess: tuple[Excess, ...] = ()
    code: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The choice without its reason, as `Advice.to_json` nests it."""
        return {
            "recommendation": _recommendation(self.chosen, self.code) if self.chosen else None,
            "reason": self.reason,
            "ties": [_evidence(m) for m in self.ties],
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
        by_work: The choice for each amount of work (for each number of steps), the most first.
    """

    device: str
    limits: Limits
    objective: Objective
    names: tuple[str, ...]
    best: Choice
    by_work: tuple[Choice, ...]

    @property
    def headline(self) -> str:
        """The answer in one sentence, with the limits that it keeps to."""
        tail = f": {self.figures}" if self.figures else ""
        return f"{self.where} {self.what}{tail}."

    @property
    def where(self) -> str:
        """The headline's beginning: the device and the limits."""
        return f"On {self.device}, {limits_text(self.limits)}:"

    @property
    def what(self) -> str:
        """The headline's middle: the settings."""
        chosen = self.best.chosen
        if chosen is None:
            return "no configuration can be recommended"
        return settings(chosen.knobs, self.names)

    @property
    def figures(self) -> str | None:
        """The headline's end: latency and memory; None where nothing is recommended."""
        return figures(self.best.chosen) if self.best.chosen else None

    def to_json(self) -> dict[str, Any]:
        """The answer as programs read it: seconds and bytes, with the units in the names."""
        return {
            "schema": ADVICE_SCHEMA,
            "device": self.device,
            "headline": self.headline,
            "objective": self.objective.minimize.value,
            "limits": {
                "memory_bytes": self.limits.memory_bytes,
                "latency_s": self.limits.latency_s,
            },
            **self.best.to_json(),
            "by_steps": [
                {"steps": choice.work.get("steps"), "work": dict(choice.work), **choice.to_json()}
                for choice in self.by_work
            ],
        }


def figures(m: Measurement) -> str:
    """Latency and memory of a measurement in words, its peak with the figure it comes from."""
    parts = [f"{estimate_text(m.latency_per_image)} an image (p95 of a call {p95_text(m)})"]
    if m.peak_allocated_bytes is not None:
        parts.append(f"{format_bytes(m.peak_allocated_bytes)} allocated")
    if m.peak_memory_bytes is None:
        parts.append("peak memory unknown")
    elif m.peak_memory_figure != "peak_allocated_bytes":
        peak = format_bytes(m.peak_memory_bytes)
        parts.append(f"{peak} {memory_word(m)}")
    return ", ".join(parts)


def p95_text(m: Measurement) -> str:
    """The 95th percentile of a call, no finer than the call's interval justifies."""
    half_width = m.latency.half_width if m.latency else None
    return format_seconds(m.p95_s, half_width or None)


def _recommendation(m: Measurement, code: str | None) -> dict[str, Any]:
    return {**_evidence(m), "code": code}


def _evidence(m: Measurement) -> dict[str, Any]:
    return {
        "key": m.key,
        "knobs": dict(m.knobs),
        "latency_per_image_s": _interval(m.latency_per_image),
        "latency_s": _interval(m.latency),
        "latency_p95_s": m.p95_s,
        "peak_memory_bytes": m.peak_memory_bytes,
        "peak_memory_figure": m.peak_memory_figure,
        "peak_allocated_bytes": m.peak_allocated_bytes,
    }


def _interval(estimate: Estimate | None) -> dict[str, float | int | None] | None:
    """Point and interval; the interval of a single sample is not known, so null."""
    if estimate is None:
        return None
    is_known = estimate.sample_count > 1
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
