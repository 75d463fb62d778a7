"""What the records of a staged run tell so far: a model, its errors, and where it is silent."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from sdbench.derive.cells import cell_key, loop_key, sampler_key, steps_of
from sdbench.derive.design import ends
from sdbench.derive.latency import Expected, LatencyModel
from sdbench.derive.memory import RanOut
from sdbench.derive.observation import Observation, observe
from sdbench.derive.residuals import Residual, outliers, residuals, suspicious
from sdbench.jsontypes import JsonValue
from sdbench.results.record import Record, Status
from sdbench.results.rounds import TIMED_STATUSES
from sdbench.suite.configuration import Configuration

MOST_IN_VAIN = 2
"""Configurations that tell a cell, or the evaluations of a scheduler; more where these failed."""


class State:
    """What the records so far tell.

    Args:
        records: What was measured so far, by key; what is derived among them is left out.
        checking: Keys of those that check the model.
    """

    def __init__(self, records: Mapping[str, Record], checking: frozenset[str]) -> None:
        self.measured = {
            key: one for key, one in records.items() if not (one.is_derived or one.is_inferred_oom)
        }
        self.ran_out = RanOut(self.measured.values())
        self._checking = checking
        self.observations: tuple[Observation, ...] = tuple(
            found for one in self.measured.values() if (found := observe(one)) is not None
        )
        self._observed = {one.key for one in self.observations}

    @cached_property
    def model(self) -> LatencyModel:
        """Fitted to all that was measured."""
        return LatencyModel(self.observations)

    @cached_property
    def residuals(self) -> tuple[Residual, ...]:
        """Of what checks the model."""
        knobs = {key: one.knobs for key, one in self.measured.items()}
        return residuals(self.observations, knobs, self._checking)

    @cached_property
    def first_looks_s(self) -> dict[str, float]:
        """Seconds of a call at first, of what was measured once more, by key."""
        return {
            key: one.first_look_s
            for key, one in self.measured.items()
            if one.first_look_s is not None and one.first_look_s > 0
        }

    @cached_property
    def disturbed(self) -> tuple[str, ...]:
        """Keys of what others do not explain, or the machine was at an unusual pace for."""
        paces = {
            one.key: math.log(one.call_s / self.model.at_usual_pace(one).call_s)
            for one in self.observations
        }
        errors = {one.observation.key: one.log_ratio for one in self.residuals}
        unexplained = {one.observation.key for one in suspicious(self.residuals)}
        odd = outliers(paces) | outliers(errors) | unexplained
        return tuple(one.key for one in self.observations if one.key in odd)

    def open(self, configurations: Sequence[Configuration]) -> tuple[Configuration, ...]:
        """Those that have no record, and are not ruled out by what ran out of memory."""
        return tuple(
            one
            for one in configurations
            if one.key not in self.measured and self.ran_out.evidence(one.knobs) is None
        )

    def seen_once(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Those whose one measurement may have been disturbed: it was not repeated yet."""
        return tuple(
            key
            for key in dict.fromkeys(keys)
            if key in self._observed and self.measured[key].first_look_s is None
        )

    def silent(self, configurations: Sequence[Configuration]) -> tuple[Configuration, ...]:
        """Those that nothing is told of: what should tell it did not run, or its like failed."""
        return tuple(one for one in self.open(configurations) if self.expected(one) is None)

    def telling(self, silent: Sequence[Configuration]) -> tuple[Configuration, ...]:
        """Those of them that might tell the others; never none of some.

        All of a scheduler that failed in its cell; of a cell or a loop that is not known the ends;
        where more than these were measured in vain, each number of steps once.
        """
        chosen: dict[str, Configuration] = {}
        open_groups: dict[tuple[str, str], list[Configuration]] = defaultdict(list)
        known = {one.cell for one in self.observations}
        for one in silent:
            cell, sampler = cell_key(one.knobs), sampler_key(one.knobs)
            if steps_of(one.knobs) is None or (cell, sampler) in self._failed:
                chosen[one.key] = one
            elif cell not in known:
                open_groups["cell", cell].append(one)
            else:
                open_groups["loop", loop_key(one.knobs)].append(one)
        tried = Counter(
            group
            for one in self.measured.values()
            for group in (("cell", cell_key(one.knobs)), ("loop", loop_key(one.knobs)))
        )
        for group, some in open_groups.items():
            if tried[group] <= MOST_IN_VAIN:
                other = loop_key if group[0] == "cell" else cell_key
                chosen.update(ends(_commonest(some, other)))
            else:
                once = {steps_of(one.knobs): one for one in reversed(some)}
                chosen.update((one.key, one) for one in once.values())
        return tuple(one for one in silent if one.key in chosen)

    def expected(self, configuration: Configuration) -> Expected | None:
        """What others tell of a configuration; None where its scheduler failed in its cell."""
        knobs = configuration.knobs
        if (cell_key(knobs), sampler_key(knobs)) in self._failed:
            return None
        return self.model.expected(knobs)

    @cached_property
    def _failed(self) -> frozenset[tuple[str, str]]:
        """Cells and schedulers in them of which something did not run to its end."""
        return frozenset(
            (cell_key(one.knobs), sampler_key(one.knobs))
            for one in self.measured.values()
            if one.status not in TIMED_STATUSES
        )

    def in_cell(self, cell: str) -> list[Record]:
        """What was measured in a cell and ended well."""
        return self._by_cell.get(cell, [])

    @cached_property
    def _by_cell(self) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = defaultdict(list)
        for one in self.measured.values():
            if one.status is Status.OK:
                found[cell_key(one.knobs)].append(one)
        return found


def _commonest(
    configurations: Sequence[Configuration], name_of: Callable[[Mapping[str, JsonValue]], str]
) -> list[Configuration]:
    """Those that share the name that most of them have."""
    groups: dict[str, list[Configuration]] = defaultdict(list)
    for one in configurations:
        groups[name_of(one.knobs)].append(one)
    return max(groups.values(), key=len)
