"""What ran out of memory, where, and which single change made it fit at what cost, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from sdbench.analysis.measurement import Measurement
from sdbench.analysis.remedies import LOADING, Change, Cure, Shortage
from sdbench.analysis.wording import (
    FIGURE_WORDS,
    count,
    estimate_text,
    image_text,
    memory_word,
    score_text,
    setting,
    settings,
    times_text,
)
from sdbench.knobs.base import Effect
from sdbench.knobs.registry import KNOBS
from sdbench.results.figure import Origin
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.suite.model import Limits
from sdbench.units import format_bytes, format_seconds

MOST_MEMBERS = 10
"""Configurations told one by one; the table of all configurations has the others."""


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One way to turn one knob.

    Attributes:
        what: The change.
        fits: How many it makes fit.
        latency: Seconds an image after it.
        cost: Against the fastest single change.
        memory: Peak memory after it.
        picture: What it does to the picture.
    """

    what: str
    fits: str
    latency: str
    cost: str
    memory: str
    picture: str


@dataclass(frozen=True, slots=True)
class MemberView:
    """One configuration that did not fit.

    Attributes:
        row: Its place in the plan, from 0.
        settings: Its settings.
        cures: The single changes that make it fit, in words.
    """

    row: int
    settings: str
    cures: str


@dataclass(frozen=True, slots=True)
class ShortageView:
    """Configurations that did not fit for the same reason.

    Attributes:
        title: How many, and where.
        shared: What they have in common.
        allocator: What the allocator said; empty where it said nothing.
        changes: What makes them fit.
        helpless: How many no single change makes fit, in a sentence; empty where there are none.
        untried: What else may help, in a sentence; empty where nothing is known.
        members: The first of them.
        left_out: How many more there are.
    """

    title: str
    shared: str
    allocator: str
    changes: tuple[ChangeView, ...]
    helpless: str
    untried: str
    members: tuple[MemberView, ...]
    left_out: int


def shortage_views(
    found: Iterable[Shortage],
    positions: Mapping[str, int],
    names: Sequence[str],
    limits: Limits,
) -> tuple[ShortageView, ...]:
    """Shortages in words.

    Args:
        found: The shortages.
        positions: Each configuration's place in the plan by key, from 0.
        names: The knobs that the configurations differ in.
        limits: Whose memory limit the map is for.
    """
    return tuple(_view(shortage, positions, names, limits) for shortage in found)


def limited_peak(m: Measurement, limits: Limits) -> tuple[int | None, str]:
    """The peak that tells how near a limit is, in bytes, and what it counts.

    A memory limit is held against the largest known peak; a run's own limit, and the device's
    capacity, against what is allocated.
    """
    if limits.memory_bytes is not None or m.peak_allocated_bytes is None:
        return m.peak_memory_bytes, memory_word(m)
    return m.peak_allocated_bytes, FIGURE_WORDS["peak_allocated_bytes"]


def stage_words(m: Measurement) -> str:
    """Where memory ran out, to stand after ``ran out``; empty where that is not known."""
    moment = m.record.out_of_memory if m.record else None
    if moment is None:
        return ""
    return _where(LOADING if moment.phase == "loading" else moment.stage)


def _where(stage: str | None) -> str:
    match stage:
        case None:
            return ""
        case "load":
            return " while loading"
        case "other":
            return " between the stages of a call"
        case _:
            return f" in {stage.replace('_', ' ')}"


def _view(
    shortage: Shortage, positions: Mapping[str, int], names: Sequence[str], limits: Limits
) -> ShortageView:
    number = len(shortage.members)
    what = "ran out of memory" + _where(shortage.stage)
    if shortage.origin is not Origin.MEASURED:
        verb = "was" if number == 1 else "were"
        what = f"{verb} {shortage.origin.value} not to fit, and not run"
    by_member: dict[str, list[tuple[Change, Cure]]] = {}
    for change in shortage.changes:
        for cure in change.cures:
            by_member.setdefault(cure.ill.key, []).append((change, cure))
    shown = shortage.members[:MOST_MEMBERS]
    return ShortageView(
        title=f"{count(number, 'configuration')} {what}",
        shared=_shared(shortage),
        allocator=_allocator_text(shortage.members),
        changes=tuple(_change(change, number, limits) for change in shortage.changes),
        helpless=_helpless(shortage),
        untried=f"Not swept, and worth a try: {', '.join(shortage.untried)}."
        if shortage.untried
        else "",
        members=tuple(
            MemberView(positions[m.key], settings(m.knobs, names), _cures(by_member.get(m.key, [])))
            for m in shown
        ),
        left_out=number - len(shown),
    )


def _shared(shortage: Shortage) -> str:
    parts = [setting(n, v) for n, v in shortage.shared.items() if n != "batch_size"]
    batches = shortage.batch_sizes
    if len(batches) == 1 and "batch_size" in shortage.shared:
        parts.append(f"batch {batches[0]}")
    elif len(batches) > 1:
        parts.append(f"batch {batches[0]} to {batches[-1]}")
    return ", ".join(parts)


def _allocator_text(members: Sequence[Measurement]) -> str:
    moments = [m.record.out_of_memory for m in members if m.record and m.record.out_of_memory]
    asked = _bytes_range(moment.requested_bytes for moment in moments)
    used = _bytes_range(moment.allocated_bytes for moment in moments)
    limit = _bytes_range(_room(moment) for moment in moments)
    idle = _bytes_range(moment.reserved_unallocated_bytes or None for moment in moments)
    if not asked:
        needed = _bytes_range(_predicted_bytes(m) for m in members)
        return f"Predicted to allocate {needed}." if needed else ""
    parts = [f"The allocator was asked for {asked} more"]
    if used:
        parts.append(f"with {used} in use" + (f", of {limit}" if limit else ""))
    gaps = f"; it held {idle} that no tensor used" if idle else ""
    return f"{' '.join(parts)}{gaps}."


def _predicted_bytes(m: Measurement) -> int | None:
    peak = m.record.predicted_allocated_bytes.value if m.record else None
    return None if peak is None else int(peak)


def _room(moment: OutOfMemory) -> int | None:
    """What the process could have: its limit where it had one, else the device."""
    return moment.total_bytes if moment.limit_bytes is None else moment.limit_bytes


def _bytes_range(values: Iterable[int | None]) -> str:
    known = sorted({value for value in values if value is not None})
    return _range([format_bytes(value) for value in known])


def _range(texts: Sequence[str]) -> str:
    """The first and the last of rising quantities; one where both read the same."""
    if not texts:
        return ""
    return texts[0] if texts[0] == texts[-1] else f"{texts[0]} to {texts[-1]}"


def _change(change: Change, number: int, limits: Limits) -> ChangeView:
    cured = [cure.cured for cure in change.cures]
    timed = [m.latency_per_image for m in cured if m.latency_per_image]
    if len(timed) == 1:
        latency = estimate_text(timed[0])
    else:
        latency = _range([format_seconds(point) for point in sorted(e.point for e in timed)])
    return ChangeView(
        what=_change_words(change),
        fits=f"{len(cured)} of {number}",
        latency=f"{latency}{_derived_words(cured)}" if latency else "–",
        cost=_cost(change),
        memory=_memory(cured, limits),
        picture=_picture(change),
    )


def _derived_words(cured: Sequence[Measurement]) -> str:
    """How many of some latencies are derived, to stand after them; empty where none is."""
    derived = sum(m.is_derived for m in cured)
    if not derived:
        return ""
    return ", derived" if derived == len(cured) else f", {derived} of {len(cured)} derived"


def _memory(cured: Sequence[Measurement], limits: Limits) -> str:
    peaks = [limited_peak(m, limits) for m in cured]
    words = dict.fromkeys(word for _, word in peaks if word)
    return f"{_bytes_range(size for size, _ in peaks) or '–'} {' or '.join(words)}".strip()


def _change_words(change: Change) -> str:
    if change.knob != "batch_size":
        return setting(change.knob, change.value)
    steps = {(cure.ill.batch_size, cure.cured.batch_size) for cure in change.cures}
    if len(steps) <= 3:
        told = ", ".join(f"{a} → {b}" for a, b in sorted(steps, key=lambda pair: pair[0] or 0))
        return f"a smaller batch ({told})"
    sizes = sorted({batch for _, batch in steps if batch is not None})
    return f"a smaller batch ({_range([str(size) for size in sizes])})"


def _cost(change: Change) -> str:
    ratio = change.ratio
    if change.is_only:
        return "the only one that helps"
    if ratio is None:
        return "not timed"
    if change.is_as_fast:
        return "as fast, within noise"
    return f"{times_text(ratio)} times as long"


def _picture(change: Change) -> str:
    """The fidelity after the change and before it, as far as both are known."""
    scores = [s for cure in change.cures if (s := cure.cured.fidelity_score) is not None]
    before = [s for cure in change.cures if (s := cure.fidelity_before) is not None]
    is_same = KNOBS[change.knob].effect is Effect.NONE
    if is_same:
        return "the same picture"
    if not scores:
        return "rounded otherwise, not scored"
    was = f" (before: {score_text(median(before))})" if before else ""
    return f"fidelity {score_text(median(scores))}{was}"


def _helpless(shortage: Shortage) -> str:
    left, number = len(shortage.helpless), len(shortage.members)
    if not left:
        return ""
    if left == number:
        who = "it" if number == 1 else "any of them"
        return f"No single change that was measured makes {who} fit."
    verb = "is" if left == 1 else "are"
    return f"{left} of {number} {verb} not helped by any single change that was measured."


def _cures(cures: Sequence[tuple[Change, Cure]]) -> str:
    if not cures:
        return "no single change that was measured makes it fit"
    ordered = sorted(cures, key=lambda pair: pair[1].ratio or float("inf"))
    told = []
    for change, cure in ordered:
        what = setting(change.knob, cure.cured.knobs.get(change.knob))
        told.append(f"{what} ({image_text(cure.cured)})")
    return f"fits with {', or '.join(told)}"
