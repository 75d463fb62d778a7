"""How a configuration and its figures are put into words, no finer than they justify."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sdbench.analysis.measurement import Measurement
from sdbench.jsontypes import JsonValue
from sdbench.knobs.registry import KNOBS
from sdbench.results.figure import Origin
from sdbench.statistics import Estimate
from sdbench.units import format_bytes, format_seconds

LONGEST_VALUE = 60
"""Characters of a knob's value in running text; a prompt may be much longer."""

FIGURE_WORDS = {
    "peak_allocated_bytes": "allocated",
    "peak_reserved_bytes": "reserved",
    "peak_device_used_bytes": "used on the device",
    "peak_rss_bytes": "resident in the process",
}
"""What each memory figure counts."""

_SPOKEN_FIRST = ("scheduler", "steps", "dtype")


def shortened(text: str, longest: int = LONGEST_VALUE) -> str:
    """The text on one line, cut with an ellipsis where it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def setting(name: str, value: JsonValue) -> str:
    """One knob's value as people say it: ``20 steps``, ``fp16``, ``batch 4``."""
    text = shortened(KNOBS[name].text(value))
    match name:
        case "steps":
            return "the pipeline's own number of steps" if value is None else count(value, "step")
        case "batch_size":
            return f"batch {text}"
        case "dtype":
            return text
        case "scheduler":
            return "default scheduler" if value == "default" else text
        case _:
            return f"{name} {text}"


def settings(knobs: Mapping[str, JsonValue], names: Sequence[str] = ()) -> str:
    """A configuration in words: the knobs of ``names``, or those turned away from neutral."""
    chosen = names or [
        name
        for name, value in knobs.items()
        if name != "pipeline" and name in KNOBS and value != KNOBS[name].neutral
    ]
    spoken = [setting(name, knobs[name]) for name in spoken_order(chosen) if name in knobs]
    return ", ".join(spoken) or "the pipeline as it is shipped"


def spoken_order(names: Sequence[str]) -> list[str]:
    """Knobs in the order in which people say them, each once."""
    return list(dict.fromkeys((*(name for name in _SPOKEN_FIRST if name in names), *names)))


def count(number: object, noun: str) -> str:
    """A number with its noun: ``1 step``, ``2 steps``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def joined(words: Sequence[str], last: str = "and") -> str:
    """A list as people say it: ``a``, ``a and b``, ``a, b and c``."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def times_text(ratio: float) -> str:
    """A ratio of two figures: ``1.22`` or ``2.4``, since below two a tenth is too coarse."""
    return f"{ratio:.2f}" if ratio < 1.995 else f"{ratio:.1f}"


def estimate_text(estimate: Estimate | None) -> str:
    """An estimate's value in seconds, no finer than its interval justifies."""
    if estimate is None:
        return "–"
    return format_seconds(estimate.point, estimate.half_width or None)


def latency_text(m: Measurement) -> str:
    """Seconds of an image for a cell, and where they come from where they were not measured."""
    return f"{estimate_text(m.latency_per_image)}{origin_text(m.latency_origin)}"


def image_text(m: Measurement) -> str:
    """Seconds of an image in running text, and that they were derived where they were."""
    text = f"{estimate_text(m.latency_per_image)} an image"
    return f"{text}, derived" if m.is_derived else text


def origin_text(origin: Origin | None) -> str:
    """Where a figure comes from, to stand after it; empty of one that was measured."""
    return "" if origin is None or origin is Origin.MEASURED else f" ({origin.value})"


def memory_text(m: Measurement) -> str:
    """The peak of memory, and where it comes from where it was not measured."""
    return f"{format_bytes(m.peak_memory_bytes)}{origin_text(m.peak_memory_origin)}"


def interval_text(estimate: Estimate) -> str:
    """An estimate's interval in seconds, with its confidence where that is below the nominal.

    Its ends are rounded to the same digit as its point, which therefore never lies outside of it.
    """
    if not estimate.has_interval:
        return "one sample, no interval"
    finest = estimate.half_width or None
    text = f"{format_seconds(estimate.low, finest)} to {format_seconds(estimate.high, finest)}"
    if estimate.is_confident:
        return text
    confidence = confidence_text(estimate.confidence)
    if not estimate.sample_count:
        return f"{text}, {confidence} interval"
    return f"{text}, {confidence} interval, {count(estimate.sample_count, 'sample')}"


def confidence_text(confidence: float) -> str:
    """A confidence in whole percent, never more than it is."""
    return f"{math.floor(100 * confidence)} %"


def score_text(score: float | None) -> str:
    """A fidelity's score with two decimals, never more than it is; a dash without one."""
    if score is None:
        return "–"
    return f"{math.floor(round(100 * score, 6)) / 100:.2f}"


def fidelity_text(m: Measurement) -> str | None:
    """A fidelity in words, as ``fidelity 0.93 (worst picture 0.88)``; None where not known."""
    fidelity = m.fidelity
    if fidelity.score is None:
        return None
    text = f"fidelity {score_text(fidelity.score)}"
    if fidelity.worst_score is None:
        return text
    return f"{text} (worst picture {score_text(fidelity.worst_score)})"


def memory_word(m: Measurement) -> str:
    """What the figure behind a measurement's peak memory counts."""
    return FIGURE_WORDS.get(m.peak_memory_figure or "", "")
