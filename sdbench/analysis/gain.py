"""What the recommendation gains against the default configuration, in figures and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdbench.analysis.measurement import Measurement
from sdbench.analysis.relaxing import SMALLEST_GAIN
from sdbench.analysis.wording import settings, times_text
from sdbench.results.record import Status
from sdbench.suite.model import Metric


@dataclass(frozen=True, slots=True)
class Gain:
    """The chosen configuration against the default one: what diffusers does by itself.

    Attributes:
        default: The default configuration's measurement.
        ratio: Its figure over the chosen one's, as the objective counts it (2.0: twice as fast, or
            half the memory); None where one of them is not known, and where their intervals
            overlap.
        obstacle: What keeps the default from being recommended, as words after a number
            (`sdbench.analysis.feasibility.obstacle`); None where it keeps to the limits.
        reason: The same as a clause, with figures.
        does_not_fit: Whether it is for its memory that the default cannot be recommended.
        is_chosen: Whether the default is what is recommended.
        is_other_work: Whether the default takes another number of steps and no fidelity limit says
            what these are worth.
        metric: What the objective minimises.
    """

    default: Measurement
    ratio: float | None = None
    obstacle: str | None = None
    reason: str | None = None
    does_not_fit: bool = False
    is_chosen: bool = False
    is_other_work: bool = False
    metric: Metric = Metric.LATENCY_PER_IMAGE


_MORE = {
    Metric.LATENCY_PER_IMAGE: "It draws an image {} times as fast as {}",
    Metric.LATENCY: "Its call is {} times as fast as that of {}",
    Metric.MEMORY: "It needs {} times less memory than {}",
}
_LESS = {
    Metric.LATENCY_PER_IMAGE: "It takes {} times as long for an image as {}",
    Metric.LATENCY: "Its call takes {} times as long as that of {}",
    Metric.MEMORY: "It needs {} times as much memory as {}",
}
_EQUAL = {
    Metric.LATENCY_PER_IMAGE: "It draws an image about as fast as {}",
    Metric.LATENCY: "Its call is about as fast as that of {}",
    Metric.MEMORY: "It needs about as much memory as {}",
}


def gain_words(gain: Gain | None) -> str | None:
    """The gain in a few words for a headline, as ``1.9 times as fast as the default``.

    None where there is nothing to say: the default was not measured, or is kept back by something
    else than its memory.
    """
    if gain is None:
        return None
    if gain.is_chosen:
        return "the default"
    what = "the default, which takes other steps" if gain.is_other_work else "the default"
    if gain.ratio is None:
        return "the default does not fit" if gain.does_not_fit else None
    is_memory = gain.metric is Metric.MEMORY
    if gain.ratio >= SMALLEST_GAIN:
        words = "times less memory than" if is_memory else "times as fast as"
        words = f"{times_text(gain.ratio)} {words} {what}"
    elif gain.ratio <= 1 / SMALLEST_GAIN:
        words = "times as much memory as" if is_memory else "times as long as"
        words = f"{times_text(1 / gain.ratio)} {words} {what}"
    else:
        words = f"as {'little memory' if is_memory else 'fast'} as {what}"
    if not gain.does_not_fit:
        return words
    return f"{words}{' and' if gain.is_other_work else ', which'} does not fit"


def gain_sentence(gain: Gain, names: Sequence[str]) -> str:
    """What the choice gains against the default, or why the default is no choice.

    Args:
        gain: The gain.
        names: The knobs that the configurations differ in.
    """
    if gain.is_chosen:
        return (
            "It is the default configuration: what the suite fixes, and all else as diffusers has "
            "it."
        )
    default = f"the default configuration ({settings(gain.default.knobs, names)})"
    no_choice = "does not fit" if gain.does_not_fit else "is no choice"
    if gain.ratio is None and gain.default.status is not Status.OK:
        return f"{_capitalised(default)} {no_choice}: {gain.reason}."
    sentence = _against(gain, default)
    if gain.is_other_work:
        sentence += ", which takes another number of steps"
    if gain.reason:
        sentence += f"{' and' if gain.is_other_work else ', which'} {no_choice}: {gain.reason}"
    return f"{sentence}."


def _against(gain: Gain, default: str) -> str:
    if gain.ratio is None:
        return _EQUAL[gain.metric].format(default) + ", as far as this run can tell"
    if gain.ratio >= SMALLEST_GAIN:
        return _MORE[gain.metric].format(times_text(gain.ratio), default)
    if gain.ratio <= 1 / SMALLEST_GAIN:
        return _LESS[gain.metric].format(times_text(1 / gain.ratio), default)
    return _EQUAL[gain.metric].format(default)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
