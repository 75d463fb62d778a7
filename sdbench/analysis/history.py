"""How configurations changed over many runs: for reading, not for gating.

Runs are put in order of time. Those of equal conditions make a part of a series; steps are looked
for within it alone, since a new driver or torch moves times on its own account. Where conditions
change, the levels before and after are told side by side, as that and not as a step.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sdbench.analysis.between_runs import Spread, pooled, spread_around
from sdbench.analysis.conditions import (
    ChangeOfConditions,
    Conditions,
    changes_of,
    conditions_of,
    numbers_of,
)
from sdbench.analysis.history_point import Point, RunPoints, run_points
from sdbench.analysis.steps import levels
from sdbench.analysis.turns import Turn, turns
from sdbench.analysis.wording import count, settings
from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.knobs.registry import varying_knobs
from sdbench.results.store import Run

LEAST_RUNS = 2


class HistoryError(SdbenchError):
    """Runs that have no common history."""


class TooFewRuns(HistoryError):
    """There is nothing to put in order."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Plateau:
    """Runs of the same conditions between two steps.

    Attributes:
        conditions: The conditions, by `Conditions.number`.
        positions: Positions of the runs among all.
        latency_s: Their median latency.
    """

    conditions: int
    positions: tuple[int, ...]
    latency_s: float


@dataclass(frozen=True, slots=True)
class Step:
    """A change of the level of latency.

    Attributes:
        position: Position of the first run on the new level.
        before_s: The level before.
        after_s: The level from then on.
        runs_before: Runs that the level before rests on.
        runs_after: Runs that the other one rests on.
        has_new_conditions: Whether the conditions changed as well, so that it is no step of the
            series but what the two parts of it look like.
    """

    position: int
    before_s: float
    after_s: float
    runs_before: int
    runs_after: int
    has_new_conditions: bool = False

    @property
    def ratio(self) -> float:
        """The new level over the old one (1.1: 10 % slower)."""
        return self.after_s / self.before_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One configuration over all runs.

    Attributes:
        key: Its key.
        knobs: Its settings; empty where no run tells them.
        name: Its settings in words, as far as they vary.
        points: What each run tells; None for a run that does not know it.
        plateaus: Levels of latency, in order of time within each conditions.
        steps: Changes of the level of latency, in order of time.
        turns: Changes of status, peak memory and fidelity, in order of time.
        spread: How far runs differ within plateaus; None below four runs on a level.
    """

    key: str
    knobs: Mapping[str, JsonValue]
    name: str
    points: tuple[Point | None, ...]
    plateaus: tuple[Plateau, ...]
    steps: tuple[Step, ...]
    turns: tuple[Turn, ...]
    spread: Spread | None

    @property
    def latest(self) -> int:
        """Position of the last run that knows it."""
        return max(position for position, point in enumerate(self.points) if point is not None)

    @property
    def gaps(self) -> int:
        """Runs that do not know it."""
        return sum(point is None for point in self.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Many runs of one suite.

    Attributes:
        suite: Name of the suite.
        runs: The runs, in order of time.
        conditions: The conditions among them.
        changes: Where the conditions change from one run to the next.
        series: A series for each configuration, those of the last run first, in its order.
        between_runs: How far runs of one build differ, over all configurations.
        between_runs_reason: Why that is not known; None where it is.
    """

    suite: str
    runs: tuple[RunPoints, ...]
    conditions: tuple[Conditions, ...]
    changes: tuple[ChangeOfConditions, ...]
    series: tuple[Series, ...]
    between_runs: Spread | None
    between_runs_reason: str | None

    @property
    def numbers(self) -> tuple[int, ...]:
        """The conditions of each run, by `Conditions.number`."""
        return numbers_of(self.conditions)


def history(runs: Iterable[Run]) -> History:
    """The history of runs of one suite.

    Args:
        runs: They are taken one by one, and not kept.

    Raises:
        TooFewRuns: There are fewer than `LEAST_RUNS`.
        HistoryError: They are of several suites.
    """
    points = sorted(map(run_points, runs), key=attrgetter("started_at", "name"))
    _require_one_suite(points)
    told = [run.conditions for run in points]
    conditions = conditions_of(told)
    numbers = numbers_of(conditions)
    names = _names(points)
    series = tuple(
        _series(key, knobs, name, points, numbers) for key, (knobs, name) in names.items()
    )
    between = pooled([one.spread for one in series if one.spread])
    return History(
        suite=points[0].suite,
        runs=tuple(points),
        conditions=conditions,
        changes=changes_of(told, numbers),
        series=series,
        between_runs=between,
        between_runs_reason=None if between else "no configuration has four runs on one level",
    )


def _require_one_suite(runs: Sequence[RunPoints]) -> None:
    suites = Counter(run.suite for run in runs)
    if len(suites) > 1:
        listed = ", ".join(f"{name} ({count(number, 'run')})" for name, number in suites.items())
        raise HistoryError(f"a history is of one suite; these runs are of {listed}")
    if len(runs) < LEAST_RUNS:
        raise TooFewRuns(f"a history needs at least {LEAST_RUNS} runs, and there is {len(runs)}")


def _names(runs: Sequence[RunPoints]) -> dict[str, tuple[Mapping[str, JsonValue], str]]:
    """Settings and words of every configuration, those of the last run first."""
    keys = dict.fromkeys(key for run in reversed(runs) for key in run.points)
    knobs: dict[str, Mapping[str, JsonValue]] = {}
    for run in reversed(runs):
        for key, values in run.knobs.items():
            knobs.setdefault(key, values)
    varying = varying_knobs(list(knobs.values())) if knobs else ()
    words = {key: settings(knobs[key], varying) if key in knobs else key for key in keys}
    seen = Counter(words.values())
    return {
        key: (knobs.get(key, {}), f"{text} ({key})" if seen[text] > 1 else text)
        for key, text in words.items()
    }


def _series(
    key: str,
    knobs: Mapping[str, JsonValue],
    name: str,
    runs: Sequence[RunPoints],
    numbers: Sequence[int],
) -> Series:
    points = tuple(run.points.get(key) for run in runs)
    plateaus = tuple(_plateaus(points, numbers))
    return Series(
        key=key,
        knobs=knobs,
        name=name,
        points=points,
        plateaus=plateaus,
        steps=tuple(sorted(_steps(plateaus), key=attrgetter("position"))),
        turns=turns(points, numbers),
        spread=spread_around([_logs(points, one.positions) for one in plateaus]),
    )


def _plateaus(points: Sequence[Point | None], numbers: Sequence[int]) -> Iterator[Plateau]:
    timed: dict[int, list[int]] = {}
    for position, point in enumerate(points):
        if point is not None and point.level_s is not None:
            timed.setdefault(numbers[position], []).append(position)
    for number, positions in timed.items():
        for level in levels(_logs(points, positions)):
            its_own = tuple(positions[level.first : level.end])
            yield Plateau(number, its_own, math.exp(level.value))


def _logs(points: Sequence[Point | None], positions: Sequence[int]) -> list[float]:
    found = [point.level_s for at in positions if (point := points[at]) is not None]
    return [math.log(level_s) for level_s in found if level_s is not None]


def _steps(plateaus: Sequence[Plateau]) -> Iterator[Step]:
    """Steps within conditions, and the levels on both sides of new ones."""
    last: dict[int, Plateau] = {}
    for plateau in plateaus:
        before = last.get(plateau.conditions)
        has_new_conditions = before is None
        if before is None:
            before = _in_force(plateaus, plateau.positions[0])
        if before is not None:
            yield Step(
                plateau.positions[0],
                before.latency_s,
                plateau.latency_s,
                len(before.positions),
                len(plateau.positions),
                has_new_conditions,
            )
        last[plateau.conditions] = plateau


def _in_force(plateaus: Sequence[Plateau], position: int) -> Plateau | None:
    """The level of the last timed run before a position."""
    earlier = [(at, one) for one in plateaus for at in one.positions if at < position]
    return max(earlier, key=lambda found: found[0])[1] if earlier else None
