"""Why a configuration was chosen, or none: sentences that name limits, ties and what is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sdbench.analysis.advice import Choice, figures
from sdbench.analysis.feasibility import (
    Excess,
    count_obstacles,
    obstacle_counts,
    unknown_fidelities,
)
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import (
    count,
    fidelity_text,
    interval_text,
    joined,
    score_text,
    setting,
    settings,
    times_text,
)
from sdbench.jsontypes import JsonValue
from sdbench.statistics import CONFIDENCE, Estimate
from sdbench.suite.model import Limits, Metric

AMOUNT_KNOBS = ("steps", "height", "width", "strength")
"""Knobs that say how much is computed: less is always faster, and changes the image."""

CONTENT_KNOBS = ("pipeline", "task", "prompt", "guidance_scale")
"""Knobs that say what is drawn: what differs in them draws another image."""

MOST_REASONS_TOLD = 3

_BEST_WORDS = {
    Metric.LATENCY_PER_IMAGE: "fastest per image",
    Metric.LATENCY: "fastest per call",
    Metric.MEMORY: "smallest in memory",
}


def qualification(group: Sequence[Measurement], limits: Limits) -> str:
    """How many of a group keep to the limits, and what happened to the others."""
    obstacles = count_obstacles(group, limits)
    kept, others = len(group) - obstacles.total(), obstacle_counts(obstacles)
    verb = "qualifies" if kept == 1 else "qualify"
    return (
        f"{kept} of {count(len(group), 'configuration')} {verb}{f' ({others})' if others else ''}."
    )


def left_out(group: Sequence[Measurement], limits: Limits) -> str:
    """Why the fidelity of some of a group is not known, where that keeps them back."""
    unknown = unknown_fidelities(group, limits)
    if not unknown:
        return ""
    told = [
        f"{number} ({reason.rstrip('.')})"
        for reason, number in unknown.most_common(MOST_REASONS_TOLD)
    ]
    if len(unknown) > len(told):
        others = unknown.most_common()[MOST_REASONS_TOLD:]
        told.append(f"{sum(number for _, number in others)} for other reasons")
    return f"Left out for want of a known fidelity: {', '.join(told)}."


def ranking(
    chosen: Estimate,
    tied: Sequence[Estimate],
    thrifty_count: int,
    faithful_count: int,
    ranked_count: int,
    metric: Metric,
    *,
    is_alone: bool = True,
    is_settled: bool = True,
    has_told: bool = False,
) -> Iterator[str]:
    """How the chosen one stands among those that qualify.

    Args:
        chosen: What the chosen one was ranked by.
        tied: The same of all ties, the chosen one among them.
        thrifty_count: How many of those whose median lies within the fastest one's interval
            allocate as little as the least of them.
        faithful_count: How many of these come as near to the converged picture as the nearest.
        ranked_count: How many were ranked.
        metric: What they were ranked by.
        is_alone: Whether nothing beside the ties looks as good, see `swept_alone`.
        is_settled: Whether memory and fidelity have decided among ties: not where the best one is
            derived, whose interval is of another kind.
        has_told: Whether derived ones are among the ties, which win none.
    """
    words = _BEST_WORDS[metric]
    others = len(tied) - 1
    if others:
        why = "are equal" if metric is Metric.MEMORY else "have overlapping intervals"
        as_fast = "measured as fast" if has_told else "as fast"
        if not is_settled:
            choice = (
                "This one has the lowest latency; only measured ones win ties by memory or fidelity"
            )
        elif chosen.point == min(e.point for e in tied):
            choice = f"This one has the lowest median, and none {as_fast} allocates less memory"
        elif thrifty_count == 1:
            choice = f"Of those {as_fast} as the fastest this one allocates the least memory"
        else:
            if faithful_count == thrifty_count:
                decisive = "this one has the lowest median"
            elif faithful_count == 1:
                decisive = "this one has the highest fidelity"
            else:
                decisive = (
                    f"{faithful_count} have an equally high fidelity, this one among them with the "
                    "lowest median"
                )
            choice = (
                f"Of those {as_fast} as the fastest {thrifty_count} allocate equally little "
                f"memory, and of these {decisive}"
            )
        yield f"The {words} and {count(others, 'other')} {why}: ties. {choice}."
    elif ranked_count > 1:
        if is_alone:
            apart = "" if metric is Metric.MEMORY else "; its interval overlaps no other's"
            yield f"It is the {words} of them{apart}."
        else:
            yield f"It is the {words} of those that were measured again."
    if metric is Metric.MEMORY:
        return
    if any(e.sample_count == 1 for e in tied):
        yield "A single timed call has no interval, so ties may be overlooked."
    elif any(e.confidence < CONFIDENCE for e in tied):
        least = min(e.confidence for e in tied)
        whose = "its intervals" if chosen.confidence < CONFIDENCE else "intervals of its ties"
        yield f"With so few samples {whose} hold with {least:.0%} only, not {CONFIDENCE:.0%}."


def confirmation(chosen: Measurement, confirmed_count: int) -> str:
    """Whether the chosen one was measured again, since the fastest of many may owe it to luck.

    Of one that was not even measured once it says so; `derivation` says more.

    Args:
        chosen: The chosen one.
        confirmed_count: How many configurations of the run were measured again.
    """
    if chosen.is_derived:
        return "Its latency is derived, not measured."
    if chosen.confirmed_rounds:
        return (
            f"Its latency is that of {count(chosen.confirmed_rounds, 'fresh round')}, and not of "
            "the sweep."
        )
    if confirmed_count:
        others = f"{count(confirmed_count, 'other')} {'was' if confirmed_count == 1 else 'were'}"
        return f"It was not measured again on fresh rounds, as {others}: some of it may be luck."
    return ""


def derivation(m: Measurement) -> str:
    """What the latency of a derived measurement rests on, and what would confirm it."""
    assert m.latency_per_image is not None
    return (
        "It was not measured: its latency is derived from "
        f"{count(m.source_count, 'measured configuration')}, and a measurement of it should lie "
        f"within {interval_text(m.latency_per_image)} an image. To confirm it, measure the suite "
        "that --format suite prints, or all with --plan exhaustive."
    )


def swept_alone(number: int) -> str:
    """How many look as good by the sweep's figures, which are of other conditions."""
    if not number:
        return ""
    looks = "looks" if number == 1 else "look"
    return (
        f"By the sweep's figures alone {count(number, 'other')} {looks} as good or better; in the "
        "sweep itself, what was measured again was better."
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
    counts = obstacle_counts(count_obstacles(group, limits))
    sentence = f"None of {count(len(group), 'configuration')} qualifies: {counts}."
    sentence = f"{sentence} {left_out(group, limits)}".rstrip()
    if miss is None:
        return sentence
    exceeded = joined([str(one) for one in excess])
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
    amounts = [name for name in AMOUNT_KNOBS if name in names and name in best.work]
    if "steps" in amounts:
        amounts.remove("steps")
        why.append(
            "fewer steps are always faster, and no fidelity limit was given, so no steps are given "
            "up for speed"
        )
    if amounts:
        why.append(
            f"less {' or '.join(amounts)} is always faster, and draws another image, so none is "
            "given up for speed"
        )
    contents = [name for name in CONTENT_KNOBS if name in names]
    if contents:
        words = " and ".join(name.replace("_", " ") for name in contents)
        why.append(f"what differs in {words} draws another image and does not compete")
    return f"{opening}This is the choice for {work_words(best.work, names)}: {'; '.join(why)}."


def offer_of_a_limit(
    chosen: Measurement, everything: Sequence[Measurement], names: Sequence[str]
) -> str:
    """What a fidelity limit would do, where none was given and fidelities are known."""
    if all(m.pessimistic_fidelity is None for m in everything):
        return ""
    worst = chosen.pessimistic_fidelity
    own = f"The fidelity of its worst picture is {score_text(worst)}"
    if worst is None:
        own = f"Its fidelity is not known ({(chosen.fidelity.reason or '').rstrip('.')})"
    then = "only what keeps to it is recommended"
    if "steps" in names:
        then = "other numbers of steps compete too, as far as they keep to it"
    return f"{own}; with a fidelity limit (--min-fidelity 0.9) {then}."


def without_the_limit(
    free: Measurement, best: Measurement | None, ratio: float | None, names: Sequence[str]
) -> str:
    """What the fidelity limit costs.

    Args:
        free: What would be chosen if fidelity did not count.
        best: What is chosen with it, or None where nothing is.
        ratio: How many times as fast the first is as the second, or None where it is not faster.
        names: The knobs that the configurations differ in.
    """
    if free is best:
        return "Without the fidelity limit the choice would be the same."
    what = settings(free.knobs, names)
    unknown = f"without a known fidelity ({(free.fidelity.reason or '').rstrip('.')})"
    if ratio is not None:
        fidelity = fidelity_text(free)
        tail = f"with {fidelity}" if fidelity else unknown
        return (
            f"Without the fidelity limit {what} would be {times_text(ratio)} times as fast, {tail}."
        )
    tail = "" if free.fidelity_score is not None else f", {unknown}"
    return f"Without the fidelity limit the choice would be {what}: {figures(free)}{tail}."
