"""Which configurations identify the terms of all others, and which check that they do.

In each cell one scheduler, the same one wherever it can be, with few steps and with more: the two
tell what is passed once from what is passed in each step. Each other scheduler likewise in one
cell, at home, which tells its evaluations and what its steps take; once more for each pipeline,
task, strength and guidance, with which its evaluations change. Apart from these, some that are held
out: drawn over all cells by their keys, which know nothing of what they cost.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sdbench.derive.cells import cell_key, loop_key, sampler_key, steps_of
from sdbench.suite.configuration import Configuration

LONGEST_REACH = 2.5
"""Steps at most, in multiples of the most that were measured in a cell: beyond, an error of the
slope would count for more than that of the calls."""

HELD_OUT_SHARE = 0.02
LEAST_HELD_OUT, MOST_HELD_OUT = 6, 24
"""Held-out configurations: enough that their scatter is known, few enough to be cheap."""


@dataclass(frozen=True, slots=True)
class Design:
    """What is measured first.

    Attributes:
        identifying: Configurations that identify the terms.
        held_out: Configurations that check them.
        home: The cell in which all schedulers are measured.
        anchor: The scheduler that is measured in all cells.
    """

    identifying: tuple[Configuration, ...]
    held_out: tuple[Configuration, ...]
    home: str
    anchor: str


def design(configurations: Sequence[Configuration]) -> Design:
    """The design for these configurations; what has no number of steps identifies itself alone."""
    told = [one for one in configurations if steps_of(one.knobs) is not None]
    untold = [one for one in configurations if steps_of(one.knobs) is None]
    by_cell: dict[str, list[Configuration]] = defaultdict(list)
    for one in told:
        by_cell[cell_key(one.knobs)].append(one)
    if not by_cell:
        return Design(tuple(untold), (), "", "")
    home = max(by_cell, key=lambda cell: len(by_cell[cell]))
    anchor = _commonest(by_cell[home])
    chosen: dict[str, Configuration] = {one.key: one for one in untold}
    for some in by_cell.values():
        chosen.update(ends(_lead(some, anchor)))
    for some in _at_home(told, home).values():
        chosen.update(ends(some))
    identifying = tuple(one for one in configurations if one.key in chosen)
    rest = [one for one in told if one.key not in chosen]
    return Design(identifying, _held_out(rest, len(configurations)), home, anchor)


def _commonest(configurations: Iterable[Configuration]) -> str:
    """The scheduler of most of them; of equally many the one that comes first."""
    return Counter(sampler_key(one.knobs) for one in configurations).most_common(1)[0][0]


def _lead(cell: Sequence[Configuration], anchor: str) -> list[Configuration]:
    """Those of one scheduler that tell a cell's terms: the anchor, unless others reach farther."""
    by_sampler: dict[str, list[Configuration]] = defaultdict(list)
    for one in cell:
        by_sampler[sampler_key(one.knobs)].append(one)
    return max(
        by_sampler.values(),
        key=lambda some: (_reach(some), sampler_key(some[0].knobs) == anchor, len(some)),
    )


def _at_home(told: Sequence[Configuration], home: str) -> dict[str, list[Configuration]]:
    """The configurations of one cell for each loop: of home where it serves, or of the best one."""
    places: dict[str, dict[str, list[Configuration]]] = defaultdict(lambda: defaultdict(list))
    for one in told:
        places[loop_key(one.knobs)][cell_key(one.knobs)].append(one)
    return {
        loop: max(
            cells.values(),
            key=lambda some: (_reach(some), cell_key(some[0].knobs) == home, len(some)),
        )
        for loop, cells in places.items()
    }


def _reach(configurations: Sequence[Configuration]) -> int:
    """How well they tell a line in the steps: 2 where the most are twice the least, 0 if equal."""
    counts = [_steps(one) for one in configurations]
    return 2 if max(counts) >= 2 * min(counts) else int(max(counts) > min(counts))


def ends(configurations: Sequence[Configuration]) -> dict[str, Configuration]:
    """The one with the least steps, and the next that the most can be told from."""
    ordered = sorted(configurations, key=_steps)
    first, most = ordered[0], _steps(ordered[-1])
    second = next(
        (
            one
            for one in ordered
            if _steps(one) >= 2 * _steps(first) and LONGEST_REACH * _steps(one) >= most
        ),
        ordered[-1],
    )
    return {one.key: one for one in (first, second)}


def _steps(configuration: Configuration) -> int:
    return steps_of(configuration.knobs) or 0


def _held_out(rest: Sequence[Configuration], total: int) -> tuple[Configuration, ...]:
    """Some of the rest, spread over cells and schedulers."""
    count = min(max(math.ceil(HELD_OUT_SHARE * total), LEAST_HELD_OUT), MOST_HELD_OUT, len(rest))
    by_place: dict[str, list[Configuration]] = defaultdict(list)
    for one in sorted(rest, key=lambda one: one.key):
        by_place[cell_key(one.knobs)].append(one)
    taken: dict[str, Configuration] = {}
    used: Counter[str] = Counter()
    places = sorted(by_place.values(), key=lambda some: some[0].key)
    while len(taken) < count:
        for some in places:
            left = [one for one in some if one.key not in taken]
            if left and len(taken) < count:
                one = min(left, key=lambda one: (used[sampler_key(one.knobs)], one.key))
                taken[one.key] = one
                used[sampler_key(one.knobs)] += 1
    return tuple(one for one in rest if one.key in taken)
