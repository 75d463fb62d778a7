"""What relaxing the limits buys, in words; limits are rounded to the side that lets it in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sdbench.analysis.feasibility import without_idle_zeros
from sdbench.analysis.relaxing import Limit, Relaxation
from sdbench.analysis.wording import joined, settings, times_text
from sdbench.suite.model import Metric
from sdbench.units import GIB, KIB, MIB, format_bytes

if TYPE_CHECKING:  # an answer holds these words
    from sdbench.analysis.advice import Choice

_DIGITS = 3
"""Significant digits of a limit, as everywhere else."""

_NAMES = {
    Limit.MEMORY: "memory",
    Limit.LATENCY: "latency",
    Limit.FIDELITY: "fidelity",
    Limit.BATCH_SIZE: "batch",
}


def relaxations_lines(
    choice: Choice, names: Sequence[str], metric: Metric = Metric.LATENCY_PER_IMAGE
) -> list[str]:
    """What relaxing each limit buys, a line each, and at last which limits buy nothing.

    Args:
        choice: The choice that keeps to the limits.
        names: The knobs that the configurations differ in.
        metric: What the objective minimises.
    """
    lines = [relaxation_text(r, names, metric) for r in choice.relaxations if r.choice]
    idle = [_NAMES[r.limit] for r in choice.relaxations if r.choice is None]
    if idle and choice.chosen is None:
        noun = "limit" if len(idle) == 1 else "limits"
        lines.append(f"Relaxing the {joined(idle, 'or')} {noun} alone lets nothing in.")
    else:
        lines += _idle_lines(choice)
    return lines


def _idle_lines(choice: Choice) -> list[str]:
    """Which limits buy nothing alone, and which buy nothing at all."""
    lines = []
    if shared := [_NAMES[r.limit] for r in choice.relaxations if r.is_shared]:
        noun = "limit" if len(shared) == 1 else "limits"
        lines.append(f"Relaxing the {joined(shared, 'or')} {noun} alone buys nothing.")
    idle = [_NAMES[r.limit] for r in choice.relaxations if not (r.choice or r.is_shared)]
    if idle:
        are = "limit is" if len(idle) == 1 else "limits are"
        lines.append(f"The {joined(idle)} {are} not binding.")
    return lines


def relaxation_text(
    relaxation: Relaxation,
    names: Sequence[str],
    metric: Metric = Metric.LATENCY_PER_IMAGE,
) -> str:
    """What one relaxation buys, as ``4.2 GiB more memory (16.2 GiB): 1.22 times as fast (euler)``.

    Args:
        relaxation: The limit, what it would be, and what that lets in.
        names: The knobs that the configurations differ in.
        metric: What the objective minimises.
    """
    choice, to = relaxation.choice, relaxation.to
    if relaxation.is_shared:
        return f"Relaxing the {_NAMES[relaxation.limit]} limit alone buys nothing."
    if choice is None or to is None:
        return f"The {_NAMES[relaxation.limit]} limit is not binding."
    what = settings(choice.knobs, names)
    if relaxation.ratio is None:
        return f"{_let_in(relaxation.limit, to)} would let in {what}."
    gain = _gain_text(relaxation.ratio, metric)
    return f"{_relaxed(relaxation.limit, relaxation.given, to)}: {gain} ({what})"


def _relaxed(limit: Limit, given: float, to: float) -> str:
    match limit:
        case Limit.MEMORY:
            size_bytes = raised_bytes(to)
            more = without_idle_zeros(format_bytes(size_bytes - int(given)))
            return f"{more} more memory ({size_text(size_bytes)})"
        case Limit.LATENCY:
            return f"latency {raised_seconds_text(to)}"
        case Limit.FIDELITY:
            lowered = lowered_score(to)
            return f"fidelity {lowered:.2f}" if lowered else "no fidelity limit"
        case Limit.BATCH_SIZE:
            return f"batch {to:g}"


def _let_in(limit: Limit, to: float) -> str:
    match limit:
        case Limit.MEMORY:
            return f"{size_text(raised_bytes(to))} of memory"
        case Limit.LATENCY:
            return f"A latency of {raised_seconds_text(to)}"
        case Limit.FIDELITY:
            lowered = lowered_score(to)
            return f"A fidelity of {lowered:.2f}" if lowered else "No fidelity limit"
        case Limit.BATCH_SIZE:
            return f"A batch of {to:g}"


def _gain_text(ratio: float, metric: Metric) -> str:
    times = times_text(ratio)
    match metric:
        case Metric.LATENCY_PER_IMAGE:
            return f"{times} times as fast"
        case Metric.LATENCY:
            return f"a call {times} times as fast"
        case Metric.MEMORY:
            return f"{times} times less memory"


def raised_bytes(size_bytes: float) -> int:
    """The next size of three significant digits, in bytes, that is not below this one."""
    whole = math.ceil(size_bytes)
    unit = next((one for one in (GIB, MIB, KIB) if whole >= one), 1)
    count = _raised(whole, unit, _decimals(whole / unit) if unit > 1 else 0)
    return math.ceil(count * unit)


def size_text(size_bytes: int) -> str:
    """A raised size as it may be given as a limit: ``16.2 GiB``."""
    return without_idle_zeros(format_bytes(size_bytes))


def raised_seconds_text(duration_s: float) -> str:
    """The next time of three significant digits that is not below this one: ``2.3 s``."""
    per_unit, name = (1.0, "s") if duration_s > 0.999 else (1e-3, "ms")
    decimals = _decimals(duration_s / per_unit)
    count = _raised(duration_s, per_unit, decimals)
    return without_idle_zeros(f"{count:.{decimals}f} {name}")


def lowered_score(score: float) -> float:
    """The next score of two decimals that is not above this one; 0 is no limit at all."""
    hundredths = round(100 * score)
    if hundredths / 100 > score:
        hundredths -= 1
    return max(hundredths, 0) / 100


def _decimals(count: float) -> int:
    """Decimals of a positive count of units that leave three significant digits."""
    return max(0, _DIGITS - 1 - math.floor(math.log10(count))) if count > 0 else 0


def _raised(value: float, per_unit: float, decimals: int) -> float:
    """The value in units, rounded, and one more of the last digit where that is below it."""
    scale = float(10**decimals)
    steps = round(value / per_unit * scale)
    if steps / (scale / per_unit) < value:  # as the text is read, to the last bit
        steps += 1
    return steps / scale
