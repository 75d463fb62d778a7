"""What a comparison finds of one metric, in words that all formats share."""

from __future__ import annotations

import math
import re

from sdbench.compare.comparison import Finding, Row, Unit
from sdbench.compare.evidence import LATENCY, STAGE_PREFIX
from sdbench.compare.verdict import Verdict
from sdbench.compare.wording import interval, percent, signed_percent, slower_or_faster
from sdbench.report.cells import DASH
from sdbench.units import format_bytes, format_seconds

ARROW = "->"

_METRIC_WORDS = {
    "first_call": "first call",
    "peak_allocated": "allocated memory",
    "peak_reserved": "reserved memory",
    "peak_device_used": "memory used on the device",
}
NO_BREAK = "\u00a0"
_WITHIN_A_FIGURE = re.compile(r"(?<=\d) (?=%|(?:s|ms|B|KiB|MiB|GiB|dB)\b)|(?<=->) | (?=->)")
_UNIT_NOUNS = {"pairs": "pair", "processes": "process"}


def metric_words(metric: str) -> str:
    """A metric as people say it: ``stage denoiser``, ``allocated memory``."""
    if metric.startswith(STAGE_PREFIX):
        return f"stage {metric.removeprefix(STAGE_PREFIX)}"
    return _METRIC_WORDS.get(metric, metric.replace("_", " "))


def value_text(value: float | str | None, unit: Unit) -> str:
    """One side's value with its unit; a dash without one."""
    if value is None:
        return DASH
    if isinstance(value, str):
        return value
    match unit:
        case Unit.SECONDS:
            return format_seconds(value)
        case Unit.BYTES:
            return format_bytes(round(value))
        case Unit.DECIBEL:
            return f"{value:.1f} dB"
        case _:
            return f"{value:.3f}"


def change_text(finding: Finding) -> str:
    """How the candidate differs: ``+7.1 %``, ``+64.0 MiB (+6.2 %)``, ``ok -> oom``."""
    if finding.effect is not None:
        return signed_percent(finding.effect.ratio - 1)
    before, now = finding.baseline, finding.candidate
    if finding.unit is Unit.DECIBEL:
        return value_text(now, finding.unit)
    if before is None or now is None:
        return DASH
    if isinstance(before, str) or isinstance(now, str):
        return "no change" if before == now else f"{before} {ARROW} {now}"
    if before == now:
        return "no change"
    if finding.unit is Unit.SCORE:
        return f"{now - before:+.3f}"
    share = signed_percent(now / before - 1) if before else DASH
    if finding.unit is Unit.SECONDS:
        return share
    return f"{'+' if now > before else ''}{format_bytes(round(now - before))} ({share})"


def interval_text(finding: Finding) -> str:
    """The 95 % interval of a change: ``5.2 to 9.0 %``; empty without one."""
    return interval(finding.effect) if finding.effect else ""


def effect_text(finding: Finding) -> str:
    """A change with its interval, where it has one: ``+7.1 % (5.2 to 9.0 %)``."""
    found = interval_text(finding)
    return f"{change_text(finding)} ({found})" if found else change_text(finding)


def values_text(finding: Finding) -> str:
    """Both sides' values: ``1.00 s -> 1.07 s``; empty where the change tells them already."""
    if finding.unit in (Unit.STATUS, Unit.DECIBEL):
        return ""
    if finding.baseline is None and finding.candidate is None:
        return ""
    sides = (finding.baseline, finding.candidate)
    return f" {ARROW} ".join(value_text(side, finding.unit) for side in sides)


def margin_text(finding: Finding) -> str:
    """What the gate lets pass: ``2.0 %``, ``0.02``, ``30 dB``; a dash where nothing is gated."""
    margin = finding.margin
    if margin is None:
        return DASH
    match finding.unit:
        case Unit.DECIBEL:
            return f"{margin:g} dB"
        case Unit.SCORE:
            return f"{margin:g}"
        case _:
            return percent(margin)


def seen_text(detectable_ratio: float | None) -> str:
    """The smallest slowdown that would have been seen, never less than it is; or a dash."""
    if detectable_ratio is None:
        return DASH
    if not math.isfinite(detectable_ratio):
        return "no size"
    tenths = math.ceil(round(1000 * (detectable_ratio - 1), 6))
    return f"{tenths / 10:.1f} %" if tenths < 1000 else f"{math.ceil(tenths / 10):,} %"


def units_text(number: int, units: str) -> str:
    """How many pairs or processes: ``8 pairs``, ``1 process``."""
    return f"{number} {_UNIT_NOUNS.get(units, units)}" if number == 1 else f"{number} {units}"


def why_text(row: Row, finding: Finding, units: str) -> str:
    """Why a verdict is what it is, but for the change itself, and what it rests on."""
    parts = [_reason_beside_the_change(finding)]
    if finding.effect is not None:
        fresh = "fresh " if row.is_confirmed else ""
        number = units_text(finding.effect.units, units)
        parts.append(f"from {number.replace(' ', f' {fresh}', 1)}")
    if finding.units_needed is not None:
        parts.append(f"about {units_text(finding.units_needed, units)} would tell")
    if finding.verdict.is_regression and not finding.is_gated:
        parts.append("not gated")
    return "; ".join(part for part in parts if part)


def sentence(row: Row, finding: Finding) -> str:
    """A finding about a configuration, as in a headline, without a full stop."""
    subject = metric_words(finding.metric)
    about = row.name if finding.metric == LATENCY else f"{row.name}: {subject}"
    verdict, effect = finding.verdict, finding.effect
    if effect is not None and verdict in (Verdict.SLOWER, Verdict.FASTER):
        return f"{about} is {slower_or_faster(effect)}"
    if effect is not None and is_open(finding):
        most = percent(effect.high - 1)
        return f"{about} may be up to {most} slower, where {margin_text(finding)} is allowed"
    if verdict in (Verdict.MORE, Verdict.LESS):
        word = "grew" if verdict is Verdict.MORE else "fell"
        return f"{about} {word} by {change_text(finding).lstrip('+-')}"
    if finding.unit is Unit.SCORE:
        return f"{about} {_reason(finding)}"
    return f"{row.name}: {_reason(finding)}"


def is_open(finding: Finding) -> bool:
    """Whether a gated metric may be a regression, and may be none, as far as the data says."""
    if not finding.is_gated or finding.verdict is not Verdict.AMBIGUOUS:
        return False
    effect, margin = finding.effect, finding.margin
    return effect is None or margin is None or effect.high > 1 + margin


def looks_worse(finding: Finding) -> bool:
    """Whether an open one lies beyond its margin as it was measured."""
    effect, margin = finding.effect, finding.margin
    return is_open(finding) and (effect is None or margin is None or effect.ratio > 1 + margin)


def plural(number: int, noun: str) -> str:
    """A number with its noun, thousands apart: ``1 regression``, ``1,200 configurations``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def unbroken(text: str) -> str:
    """The text with spaces that no line ends at between a number and its unit."""
    return _WITHIN_A_FIGURE.sub(NO_BREAK, text)


def _reason(finding: Finding) -> str:
    return finding.reason.rstrip(". ")


def _reason_beside_the_change(finding: Finding) -> str:
    """The reason without the change at its beginning, which stands beside it already."""
    reason = _reason(finding)
    if finding.effect is not None:
        return reason.removeprefix(slower_or_faster(finding.effect)).lstrip(",: ")
    if finding.unit in (Unit.BYTES, Unit.STATUS):
        change, _, rest = reason.partition(": ")
        return rest if f" {ARROW} " in change else reason
    return reason
