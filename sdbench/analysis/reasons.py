"""Why a configuration was chosen, or none: sentences that name limits, ties and what is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sdbench.analysis.advice import Choice, Gain
from sdbench.analysis.feasibility import Excess, obstacle, obstacle_counts
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import count, setting, settings
from sdbench.jsontypes import JsonValue
from sdbench.statistics import CONFIDENCE, Estimate
from sdbench.suite.model import Limits, Metric

AMOUNT_KNOBS = ("steps", "height", "width", "strength")
"""Knobs that say how much is computed: less is always faster, and changes the image."""

CONTENT_KNOBS = ("pipeline", "prompt", "guidance_scale")
"""Knobs that say what is drawn: what differs in them draws another image."""

_BEST_WORDS = {
    Metric.LATENCY_PER_IMAGE: "fastest per image",
    Metric.LATENCY: "fastest per call",
    Metric.MEMORY: "smallest in memory",
}


def qualification(group: Sequence[Measurement], limits: Limits) -> str:
    """How many of a group keep to the limits, and what happened to the others."""
    kept = sum(obstacle(m, limits) is None for m in group)
    others = obstacle_counts(group, limits)
    verb = "qualifies" if kept == 1 else "qualify"
    return (
        f"{kept} of {count(len(group), 'configuration')} {verb}{f' ({others})' if others else ''}."
    )


def ranking(
    chosen: Estimate,
    tied: Sequence[Estimate],
    thrifty_count: int,
    ranked_count: int,
    metric: Metric,
) -> Iterator[str]:
    """How the chosen one stands among those that qualify.

    Args:
        chosen: What the chosen one was ranked by.
        tied: The same of all ties, the chosen one among them.
        thrifty_count: How many of those whose median lies within the fastest one's interval
            allocate as little as the least of them.
        ranked_count: How many were ranked.
        metric: What they were ranked by.
    """
    words = _BEST_WORDS[metric]
    others = len(tied) - 1
    if others:
        why = "are equal" if metric is Metric.MEMORY else "have overlapping intervals"
        if chosen.point == min(e.point for e in tied):
            choice = "This one has the lowest median, and none as fast allocates less memory"
        elif thrifty_count == 1:
            choice = "Of those as fast as the fastest this one allocates the least memory"
        else:
            choice = (
                f"Of those as fast as the fastest {thrifty_count} allocate equally little memory, "
                "and of these this one has the lowest median"
            )
        yield f"The {words} and {count(others, 'other')} {why}: ties. {choice}."
    elif ranked_count > 1:
        apart = "" if metric is Metric.MEMORY else "; its interval overlaps no other's"
        yield f"It is the {words} of them{apart}."
    if metric is Metric.MEMORY:
        return
    if any(e.sample_count == 1 for e in tied):
        yield "A single timed call has no interval, so ties may be overlooked."
    elif any(e.confidence < CONFIDENCE for e in tied):
        least = min(e.confidence for e in tied)
        yield f"With so few samples its intervals hold with {least:.0%} only, not {CONFIDENCE:.0%}."


def gain_sentence(gain: Gain, names: Sequence[str]) -> str:
    """What the choice gains, and precisely against what."""
    return (
        f"It draws an image {gain.ratio:.1f} times as fast as the measured configuration with the "
        f"fewest settings changed ({settings(gain.plainest.knobs, names)})."
    )


def nothing_qualifies(
    group: Sequence[Measurement],
    limits: Limits,
    miss: Measurement | None,
    excess: Sequence[Excess],
    names: Sequence[str],
) -> str:
    """Why nothing can be recommended, with the nearest miss where something was measured."""
    if not group:
        return "The run has no configuration."
    sentence = (
        f"None of {count(len(group), 'configuration')} qualifies: {obstacle_counts(group, limits)}."
    )
    if miss is None:
        return sentence
    exceeded = " and ".join(map(str, excess))
    return f"{sentence} The nearest miss is {settings(miss.knobs, names)}: {exceeded}."


def work_words(work: Mapping[str, JsonValue], names: Sequence[str]) -> str:
    """An amount of work in words: its values of the knobs that vary."""
    return ", ".join(setting(name, work[name]) for name in work if name in names)


def most_work(best: Choice, by_work: Sequence[Choice], names: Sequence[str]) -> str:
    """Why the headline is the choice for this work, where there are several amounts or kinds."""
    if len(by_work) < 2:
        return ""
    skipped = [work_words(choice.work, names) for choice in by_work[: by_work.index(best)]]
    opening = f"Nothing qualifies with {'; '.join(skipped)}. " if skipped else ""
    why = []
    amounts = [name for name in AMOUNT_KNOBS if name in names]
    if amounts:
        less = "fewer steps are" if amounts == ["steps"] else "less work is"
        why.append(
            f"{less} always faster, and fidelity is not measured yet, so no work is given up for "
            "speed"
        )
    contents = [name for name in CONTENT_KNOBS if name in names]
    if contents:
        words = " and ".join(name.replace("_", " ") for name in contents)
        why.append(f"what differs in {words} draws another image and does not compete")
    return f"{opening}This is the choice for {work_words(best.work, names)}: {'; '.join(why)}."
