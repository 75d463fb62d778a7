"""A history as people read it: what every format of it is made from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sdbench.analysis.history import History, Series, Step
from sdbench.analysis.history_point import Point, RunPoints
from sdbench.analysis.turns import Turn
from sdbench.analysis.wording import count, estimate_text, joined, score_text
from sdbench.compare.wording import percent, signed_percent
from sdbench.results.record import Status
from sdbench.units import format_bytes, format_seconds

FOR_READING = "for reading, not for gating"

LEAST_TOLD_RATIO = 0.01
"""Where conditions change, a smaller change of the level is not told."""

SIGMAS = 2.0
"""Nor is one that two levels of so many runs differ by in about one of twenty cases."""

MOST_CONDITIONS = 8
"""Changes of conditions beyond these are counted, not listed."""

MOST_DIFFERENCES = 4
"""Facts of a change that are named."""


@dataclass(frozen=True, slots=True)
class ChangeView:
    """Something that changed.

    Attributes:
        position: Position of the run.
        when: When it began.
        run: Its name, with its commit where that is known.
        key: The configuration.
        name: The configuration in words.
        words: What changed.
        is_worse: Whether it is a change for the worse.
    """

    position: int
    when: str
    run: str
    key: str
    name: str
    words: str
    is_worse: bool


@dataclass(frozen=True, slots=True)
class SeriesView:
    """One configuration.

    Attributes:
        series: Its values.
        latest: What the last run that knows it tells, in words.
        spread: How far runs differ, in words; None where that is not known.
        changes: What changed, in order of time.
    """

    series: Series
    latest: tuple[str, ...]
    spread: str | None
    changes: tuple[ChangeView, ...]


@dataclass(frozen=True, slots=True)
class HistoryView:
    """A history.

    Attributes:
        history: Its values.
        title: The suite, how many runs, and from when to when.
        between_runs: How far runs of one build differ, in sentences.
        conditions: Where conditions changed, in order of time: when, and what.
        series: The configurations.
        moments: When each run began, in UTC: the day, with the time where several share one.
    """

    history: History
    title: str
    between_runs: str
    conditions: tuple[tuple[str, str], ...]
    series: tuple[SeriesView, ...]
    moments: tuple[str, ...]

    @property
    def changes(self) -> tuple[ChangeView, ...]:
        """What changed in any configuration, the newest first."""
        found = [change for one in self.series for change in one.changes]
        return tuple(sorted(found, key=attrgetter("position"), reverse=True))

    @property
    def headline(self) -> str:
        """How many configurations became slower, or changed otherwise, in a sentence."""
        changed = [
            [step.ratio > 1 for step in one.series.steps if not step.has_new_conditions]
            for one in self.series
        ]
        slower = sum(any(directions) for directions in changed)
        faster = sum(not all(directions) for directions in changed)
        parts = [
            f"{number} became {word} in a step"
            for number, word in ((slower, "slower"), (faster, "faster"))
            if number
        ]
        total = count(len(self.series), "configuration")
        over = f"over {len(self.history.runs)} runs"
        if not parts:
            return f"No step in {total} {over}."
        return f"Of {total} {joined(parts)} {over}."


def history_view(history: History) -> HistoryView:
    """A history in words."""
    moments = _moments(history.runs)
    runs = count(len(history.runs), "run")
    return HistoryView(
        history=history,
        title=f"{history.suite}: {runs} from {moments[0]} to {moments[-1]}",
        between_runs=_between_runs(history),
        conditions=_conditions(history, moments),
        series=tuple(_series(one, history, moments) for one in history.series),
        moments=moments,
    )


def _moments(runs: Sequence[RunPoints]) -> tuple[str, ...]:
    days = [run.started_at[:10] for run in runs]
    if len(set(days)) == len(days):
        return tuple(days)
    return tuple(run.started_at[:16].replace("T", " ") for run in runs)


def _between_runs(history: History) -> str:
    spread = history.between_runs
    if spread is None:
        return f"How far runs of one build differ is not known: {history.between_runs_reason}."
    known = count(sum(one.spread is not None for one in history.series), "configuration")
    far = f", {count(spread.left_out, 'run')} far off left out" if spread.left_out else ""
    return (
        f"Runs of one build differ by {percent(spread.ratio)} (one sigma, of {known}, steps "
        f"removed{far}); as a suite takes it: gates: {{between_runs: {gate(spread.ratio)}}}."
    )


def gate(ratio: float) -> str:
    """A share as a suite takes it, rounded up to a tenth of a percent."""
    return f"{max(1, math.ceil(round(1000 * ratio, 6))) / 10:g}%"


def _conditions(history: History, moments: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Changes to conditions that are new; what only comes back is counted."""
    new = [change for change in history.changes if change.is_new]
    told = [
        (moments[change.position], _differences(change.differences))
        for change in new[:MOST_CONDITIONS]
    ]
    if len(new) > len(told):
        told.append(("", f"and {len(new) - len(told)} more changes"))
    if back := len(history.changes) - len(new):
        told.append(("", f"{count(back, 'time')} back to conditions that there were before"))
    return tuple(told)


def _differences(differences: Sequence[str]) -> str:
    shown = ", ".join(differences[:MOST_DIFFERENCES])
    more = len(differences) - MOST_DIFFERENCES
    return f"{shown} and {more} more" if more > 0 else shown


def _series(series: Series, history: History, moments: Sequence[str]) -> SeriesView:
    changes = sorted(_changes(series, history, moments), key=attrgetter("position"))
    return SeriesView(
        series=series,
        latest=tuple(_latest(series, moments)),
        spread=percent(series.spread.ratio) if series.spread else None,
        changes=tuple(changes),
    )


def _latest(series: Series, moments: Sequence[str]) -> Iterator[str]:
    point = series.points[series.latest]
    assert point is not None
    yield from point_words(point)
    if series.latest < len(series.points) - 1:
        yield f"not measured since {moments[series.latest]}"


def point_words(point: Point) -> Iterator[str]:
    """What one run tells of a configuration: its status where it is not ok, and its figures."""
    if point.status != Status.OK.value:
        yield point.status
    if point.latency:
        yield estimate_text(point.latency)
    if point.peak_allocated_bytes is not None:
        yield f"{format_bytes(point.peak_allocated_bytes)} allocated"
    if point.fidelity is not None:
        yield f"fidelity {score_text(point.fidelity)}"


def _changes(series: Series, history: History, moments: Sequence[str]) -> Iterator[ChangeView]:
    def view(position: int, words: str, is_worse: bool) -> ChangeView:
        run = history.runs[position]
        commit = f" at {run.commit}" if run.commit else ""
        return ChangeView(
            position=position,
            when=moments[position],
            run=f"{run.name}{commit}",
            key=series.key,
            name=series.name,
            words=words,
            is_worse=is_worse,
        )

    spread = series.spread or history.between_runs
    for step in series.steps:
        if not step.has_new_conditions or _stands_out(step, spread.log_sd if spread else 0.0):
            yield view(step.position, _step_words(step), step.ratio > 1)
    for turn in series.turns:
        yield view(turn.position, _turn_words(turn), _is_worse(turn))


def _stands_out(step: Step, log_sd: float) -> bool:
    """Whether two levels differ by more than chance, as far as the spread is known."""
    error = log_sd * math.sqrt(1 / step.runs_before + 1 / step.runs_after)
    return abs(math.log(step.ratio)) > max(math.log1p(LEAST_TOLD_RATIO), SIGMAS * error)


def _step_words(step: Step) -> str:
    levels = f"{format_seconds(step.before_s)} -> {format_seconds(step.after_s)}"
    if step.ratio > 1:
        words = f"{percent(step.ratio - 1)} slower, {levels}"
    else:
        words = f"{percent(1 - step.ratio)} faster, {levels}"
    return f"{words}, as the conditions changed" if step.has_new_conditions else words


def _turn_words(turn: Turn) -> str:
    before, after = turn.before, turn.after
    match turn.metric:
        case "peak_allocated":
            share = signed_percent(float(after) / float(before) - 1) if before else "from none"
            sizes = f"{format_bytes(int(before))} -> {format_bytes(int(after))}"
            words = f"allocated memory {sizes} ({share})"
        case "fidelity":
            words = f"fidelity {score_text(float(before))} -> {score_text(float(after))}"
        case _:
            words = f"{turn.metric} {before} -> {after}"
    return f"{words}, as the conditions changed" if turn.has_new_conditions else words


def _is_worse(turn: Turn) -> bool:
    match turn.metric:
        case "peak_allocated":
            return float(turn.after) > float(turn.before)
        case "fidelity":
            return float(turn.after) < float(turn.before)
        case _:
            return bool(turn.after != Status.OK.value)
