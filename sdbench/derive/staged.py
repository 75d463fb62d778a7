"""The staged plan: measure what tells the others, check that it does, look closer where not."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from statistics import median

from sdbench.derive.cells import cell_key, sampler_key, steps_of
from sdbench.derive.design import design
from sdbench.derive.latency import Expected
from sdbench.derive.memory import derived_peaks
from sdbench.derive.residuals import (
    CONFIDENCE,
    Residual,
    interval_factor,
    single_errors,
    suspicious,
)
from sdbench.derive.state import State
from sdbench.knobs.registry import KNOBS, describe, varying_knobs
from sdbench.results.derived import DerivedLatency
from sdbench.results.not_run import not_run
from sdbench.results.record import Record
from sdbench.statistics import quantile
from sdbench.suite.configuration import Configuration

MOST_MEASURED_SHARE = 0.5
"""A plan that would measure more of all than this saves too little for what it gives up."""

_ENOUGH_SCHEDULERS = 3
"""Of two that disagree nothing says which one is off."""


class BatchKind(Enum):
    """What configurations are measured for."""

    IDENTIFY = "identify"
    """They tell the terms of all others."""
    CHECK = "check"
    """They show whether these do: apart from them in time, so that a drift counts too."""
    AGAIN = "again"
    """They, or what tells them, may have been disturbed: they are measured once more."""
    REFINE = "refine"
    """The terms of others do not explain them."""
    TOP = "top"
    """They are among the best, and what is recommended is measured."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Configurations to measure next.

    Attributes:
        kind: What they are measured for.
        configurations: The configurations; all of them, or none, were measured before.
        why: The same in a sentence.
    """

    kind: BatchKind
    configurations: tuple[Configuration, ...]
    why: str


class StagedPlan:
    """Says what to measure next, and what follows for the rest.

    It keeps nothing: all follows from the configurations and their records, so that a run that was
    cut off goes on where it stopped.

    Args:
        configurations: What is asked for, in the order of the plan.
    """

    def __init__(self, configurations: Sequence[Configuration]) -> None:
        self._all = tuple(configurations)
        self._by_key = {one.key: one for one in self._all}
        self._design = design(self._all)

    @property
    def first(self) -> int:
        """How many are measured before anything is refined."""
        return len(self._design.identifying) + len(self._design.held_out)

    @property
    def is_worthwhile(self) -> bool:
        """Whether it saves measuring at least half of all."""
        return self.first <= MOST_MEASURED_SHARE * len(self._all)

    def next(self, records: Mapping[str, Record]) -> Batch | None:
        """What to measure next; None where the rest can be told, or is not worth it.

        Args:
            records: What was measured so far, by key.
        """
        state = State(records, self._checking)
        if wanted := state.open(self._design.identifying):
            why = f"{len(wanted)} of {len(self._all)} configurations tell the others' latencies"
            return Batch(BatchKind.IDENTIFY, wanted, why)
        if wanted := state.open(self._design.held_out):
            return Batch(BatchKind.CHECK, wanted, f"{len(wanted)} others check what these tell")
        return next(self._refinements(state), None)

    def still_open(
        self, configurations: Sequence[Configuration], records: Mapping[str, Record]
    ) -> tuple[Configuration, ...]:
        """Those of a batch that still need measuring, after something in it ran out of memory."""
        return State(records, self._checking).open(configurations)

    def derived(self, records: Mapping[str, Record]) -> dict[str, Record]:
        """What follows for configurations without a record, by key; the others are left out.

        Args:
            records: What was measured, by key.
        """
        state = State(records, self._checking)
        factor = self._interval_factor(state)
        found = {}
        for one in self._all:
            if one.key in state.measured:
                continue
            evidence = state.ran_out.evidence(one.knobs)
            if evidence is not None:
                found[one.key] = _inferred(one, evidence)
            elif factor is not None and (expected := state.expected(one)) is not None:
                found[one.key] = _derived(one, expected, factor, state)
        return found

    def usual_call_s(self, records: Mapping[str, Record]) -> dict[str, float]:
        """What was measured, as it would be at the machine's usual pace.

        Args:
            records: What was measured, by key.

        Returns:
            Seconds of one call of each that was timed, by key.
        """
        state = State(records, self._checking)
        return {one.key: state.model.at_usual_pace(one).call_s for one in state.observations}

    def remarks(self, records: Mapping[str, Record]) -> tuple[str, ...]:
        """What a reader should know of how well the rest was told."""
        state = State(records, self._checking)
        errors = [abs(math.expm1(one.log_ratio)) for one in state.residuals]
        unexplained = [abs(math.expm1(one.log_unexplained)) for one in state.residuals]
        if len(errors) < 2:
            return ("too few configurations checked what follows from others: nothing was derived",)
        factor = self._interval_factor(state)
        assert factor is not None
        told = [
            f"{len(errors)} measured configurations were derived from the others too, as a check: "
            f"off by {_percent(median(errors))} in the middle, "
            f"{_percent(quantile(errors, 0.95))} at the 95th percentile, and by "
            f"{_percent(median(unexplained))} at the machine's usual pace; derived latencies hold "
            f"within {_percent(factor - 1)}, with a confidence of {_percent(CONFIDENCE)}"
        ]
        named = dict.fromkeys(
            self._place(one.observation.key) for one in suspicious(state.residuals)
        )
        if named:
            told.append(
                f"others do not explain these, which are measured closer: {'; '.join(named)}"
            )
        return tuple(told)

    def _interval_factor(self, state: State) -> float | None:
        held_out = [one.key for one in self._design.held_out]
        return interval_factor(single_errors(state.residuals, held_out, state.first_looks_s))

    @cached_property
    def _checking(self) -> frozenset[str]:
        """All that is measured and not needed to identify a term checks the model."""
        identifying = {one.key for one in self._design.identifying}
        return frozenset(one.key for one in self._all if one.key not in identifying)

    def _place(self, key: str) -> str:
        """A scheduler in a cell, in words: what varies but the steps."""
        varying = varying_knobs([one.knobs for one in self._all])
        names = [name for name in varying if name != "steps"]
        return describe(self._by_key[key].knobs, names or ("scheduler",))

    def _refinements(self, state: State) -> Iterator[Batch]:
        """Batches that would tell more, the first one first; none where there is nothing to do."""
        if silent := state.silent(self._all):
            wanted = state.telling(silent)
            why = f"others tell nothing of {len(silent)}: {len(wanted)} of these are measured"
            yield Batch(BatchKind.REFINE, wanted, why)
        doubted = suspicious(state.residuals)
        if keys := state.seen_once(state.disturbed):
            why = f"{len(keys)} did not take what others tell: measured once more"
            yield Batch(BatchKind.AGAIN, tuple(self._by_key[key] for key in keys), why)
        if keys := state.seen_once(self._telling(doubted)):
            why = f"{len(keys)} tell something else than others take: measured once more"
            yield Batch(BatchKind.AGAIN, tuple(self._by_key[key] for key in keys), why)
        for residual in doubted:
            change = math.expm1(residual.log_unexplained)
            if wanted := state.open(self._closer(residual, state)):
                yield Batch(
                    BatchKind.REFINE,
                    wanted,
                    f"{self._place(residual.observation.key)} took "
                    f"{_percent(abs(change))} {'more' if change > 0 else 'less'} than others tell: "
                    "measured closer",
                )

    def _telling(self, doubted: Sequence[Residual]) -> Iterator[str]:
        """Keys of what identifies the cells and the schedulers of those that are doubted.

        Schedulers are told apart in the few cells in which several of them identify something, and
        there the others hold one that was disturbed in check: only the doubted scheduler is looked
        at. Cells that rest on one or two, or in which the doubted one tells nothing, are looked at
        as a whole.
        """
        cells = {one.observation.cell for one in doubted}
        samplers = {one.observation.sampler for one in doubted}
        here: dict[str, set[str]] = defaultdict(set)
        for one in self._design.identifying:
            here[cell_key(one.knobs)].add(sampler_key(one.knobs))
        for one in self._design.identifying:
            cell, sampler = cell_key(one.knobs), sampler_key(one.knobs)
            is_held_in_check = len(here[cell]) >= _ENOUGH_SCHEDULERS and here[cell] & samplers
            tells_apart = sampler in samplers and len(here[cell]) > 1
            if tells_apart or (cell in cells and not is_held_in_check):
                yield one.key

    def _closer(self, residual: Residual, state: State) -> tuple[Configuration, ...]:
        """What to measure where one is not explained.

        First its own scheduler in its cell with the least and the most steps; as a check another
        scheduler there, and its own in all other cells, once each: who interacts with one setting
        may do so with others. Where these did not explain it, all of its scheduler in the cell.
        """
        one = residual.observation
        near = [
            other
            for other in self._all
            if cell_key(other.knobs) == one.cell and sampler_key(other.knobs) == one.sampler
        ]
        ordered = sorted(near, key=lambda other: steps_of(other.knobs) or 0)
        ends = (ordered[0], ordered[-1])
        if all(end.key in state.measured for end in ends):
            return tuple(near)
        here: list[Configuration] = []
        elsewhere: dict[str, Configuration | None] = {}
        for other in sorted(self._all, key=_by_key):
            cell, sampler = cell_key(other.knobs), sampler_key(other.knobs)
            is_open = other.key not in state.measured
            if cell == one.cell and sampler != one.sampler and is_open:
                here.append(other)
            elif cell != one.cell and sampler == one.sampler:
                if not is_open:
                    elsewhere[cell] = None
                else:
                    elsewhere.setdefault(cell, other)
        return (*ends, *here[:1], *filter(None, elsewhere.values()))


def _derived(
    configuration: Configuration, expected: Expected, factor: float, state: State
) -> Record:
    sources = len(expected.sources)
    whose = "this scheduler's own terms" if expected.is_own else "the terms"
    reason = "derived: its latency and memory follow from others; --plan exhaustive measures all"
    return replace(
        not_run(configuration.key, configuration.knobs, reason),
        images_per_call=expected.images_per_call,
        denoiser_evaluations=expected.evaluations,
        derived_latency=DerivedLatency(
            call_s=expected.call_s,
            low_s=expected.call_s / factor,
            high_s=expected.call_s * factor,
            confidence=CONFIDENCE,
            images_per_call=expected.images_per_call,
            stages_s=expected.stages_s,
            denoiser_evaluations=expected.evaluations,
            sources=sources,
            basis=f"{whose} of {sources} measured with the same settings, and what a step of its "
            "scheduler takes",
        ),
        **derived_peaks(state.in_cell(cell_key(configuration.knobs))),
    )


def _inferred(configuration: Configuration, evidence: Record) -> Record:
    """The record of what needs at least as much memory as what ran out of it."""
    more = [
        f"{name} {KNOBS[name].text(evidence.knobs[name])}"
        for name in ("batch_size", "height", "width")
        if evidence.knobs.get(name) != configuration.knobs.get(name)
    ]
    at = f" with {', '.join(more)}" if more else ""
    reason = f"inferred: the same settings{at} ran out of memory, and need no more of it"
    return replace(
        not_run(configuration.key, configuration.knobs, reason),
        inferred_oom_key=evidence.key,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _by_key(configuration: Configuration) -> str:
    return configuration.key
