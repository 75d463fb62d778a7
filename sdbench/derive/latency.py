"""The latency of configurations from those that were measured: a sum of terms, each from its cell.

    latency = fixed + denoiser(evaluations) + rest(steps) + steps x scheduler step

All of it is at the machine's usual pace (`sdbench.derive.pace`). The denoiser and the rest are
lines that begin above zero where the first pass costs more than the others. What a scheduler's step
takes is learnt where that scheduler was measured, and scaled by what the steps of others take in
the cell. Where a scheduler was measured with two numbers of steps in the cell itself, its own terms
are used instead: so a setting that changes what its steps cost is told from its own calls.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from sdbench.derive.cells import cell_key, loop_key, sampler_key, steps_of
from sdbench.derive.evaluations import Evaluations
from sdbench.derive.lines import Line, line_through
from sdbench.derive.observation import DENOISER, OTHER, SCHEDULER_STEP, Observation
from sdbench.derive.pace import UsualPace
from sdbench.jsontypes import JsonValue

LEAST_SPREAD = 2
"""The most steps in multiples of the least, from which a line through them is to be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A latency that follows from others.

    Attributes:
        stages_s: Seconds of each stage in one call.
        evaluations: Evaluations of the denoiser.
        images_per_call: Images of a call.
        sources: Keys of the configurations that the cell's terms rest on.
        is_own: Whether all of them have the configuration's own scheduler.
    """

    stages_s: Mapping[str, float]
    evaluations: int
    images_per_call: int
    sources: tuple[str, ...]
    is_own: bool

    @property
    def call_s(self) -> float:
        """Seconds of one call."""
        return math.fsum(self.stages_s.values())


@dataclass(frozen=True, slots=True)
class _Terms:
    """The terms of one cell, or of one scheduler in it."""

    fixed_s: Mapping[str, float]
    denoiser: Line
    rest: Line
    ratio: float
    """Seconds of a call over the sum of its stages, whose medians need not add up."""
    images_per_call: int
    sources: tuple[str, ...]
    is_own: bool = False


def tells_its_own(observations: Sequence[Observation]) -> bool:
    """Whether one scheduler's calls in one cell tell its terms: by steps that differ enough."""
    steps = [one.steps for one in observations]
    return bool(steps) and max(steps) >= LEAST_SPREAD * min(steps)


class LatencyModel:
    """Fitted to what was measured; says what follows for the rest.

    Args:
        observations: What was measured.
    """

    def __init__(self, observations: Iterable[Observation]) -> None:
        measured = tuple(observations)
        self._pace = UsualPace(measured)
        known = tuple(self._pace.usual(one) for one in measured)
        self._evaluations = Evaluations(known)
        self._by_cell: dict[str, list[Observation]] = defaultdict(list)
        for one in known:
            self._by_cell[one.cell].append(one)
        self._home = max(self._by_cell, key=lambda cell: len(self._by_cell[cell]), default="")
        self._step_s = _step_seconds(self._by_cell.get(self._home, ()))
        self._scales = {cell: self._scale(some) for cell, some in self._by_cell.items()}
        self._steps_elsewhere = self._seen_elsewhere(known)
        self._terms: dict[tuple[str, str | None], _Terms] = {}

    def at_usual_pace(self, observation: Observation) -> Observation:
        """An observation less what the machine did while it was measured, see `UsualPace`."""
        return self._pace.usual(observation)

    def expected(
        self, knobs: Mapping[str, JsonValue], counted: int | None = None
    ) -> Expected | None:
        """What a configuration's latency is expected to be; None where nothing tells it.

        Args:
            knobs: Its knobs.
            counted: Its evaluations, for where others do not tell them.
        """
        steps = steps_of(knobs)
        cell, sampler = cell_key(knobs), sampler_key(knobs)
        if steps is None or cell not in self._by_cell:
            return None
        evaluations = self._evaluations.of(loop_key(knobs), steps) or counted
        step_s = self._step_of(cell, sampler)
        if evaluations is None or step_s is None:
            return None
        terms = self._terms_of(cell, sampler)
        stages = {
            **terms.fixed_s,
            DENOISER: terms.denoiser.at(evaluations),
            SCHEDULER_STEP: steps * step_s,
            OTHER: terms.rest.at(steps),
        }
        return Expected(
            stages_s={name: terms.ratio * seconds for name, seconds in stages.items() if seconds},
            evaluations=evaluations,
            images_per_call=terms.images_per_call,
            sources=terms.sources,
            is_own=terms.is_own,
        )

    def _terms_of(self, cell: str, sampler: str) -> _Terms:
        everything = self._by_cell[cell]
        own = [one for one in everything if one.sampler == sampler]
        is_own = tells_its_own(own)
        name = (cell, sampler if is_own else None)
        if name not in self._terms:
            self._terms[name] = self._fitted(own if is_own else everything, is_own)
        return self._terms[name]

    def _fitted(self, observations: Sequence[Observation], is_own: bool) -> _Terms:
        names = dict.fromkeys(stage for one in observations for stage in one.fixed_s)
        at_home = self._by_cell[self._home]
        return _Terms(
            fixed_s={name: median(one.stage(name) for one in observations) for name in names},
            denoiser=line_through([(one.evaluations, one.stage(DENOISER)) for one in observations]),
            rest=line_through(
                [(one.steps, one.stage(OTHER)) for one in observations],
                _rest(at_home).slope_share(observations[0].steps),
            ),
            ratio=median(one.call_s / math.fsum(one.stages_s.values()) for one in observations),
            images_per_call=observations[0].images_per_call,
            sources=tuple(one.key for one in observations),
            is_own=is_own,
        )

    def _step_of(self, cell: str, sampler: str) -> float | None:
        """Seconds of one step of a scheduler in a cell; None where it was measured nowhere."""
        here = _step_seconds(self._by_cell[cell]).get(sampler)
        if here is not None:
            return here
        elsewhere = self._steps_elsewhere.get(sampler)
        return None if elsewhere is None else elsewhere * self._scales[cell]

    def _scale(self, observations: Sequence[Observation]) -> float:
        """How many times as long steps take in a cell as at home."""
        ratios = [
            seconds / self._step_s[sampler]
            for sampler, seconds in _step_seconds(observations).items()
            if self._step_s.get(sampler)
        ]
        return median(ratios) if ratios else 1.0

    def _seen_elsewhere(self, observations: Iterable[Observation]) -> dict[str, float]:
        """Seconds of one step of each scheduler, as they would be at home."""
        seen: dict[str, list[float]] = defaultdict(list)
        for one in observations:
            scale = self._scales[one.cell] or 1.0
            seen[one.sampler].append(one.stage(SCHEDULER_STEP) / one.steps / scale)
        found = {sampler: median(seconds) for sampler, seconds in seen.items()}
        return {**found, **self._step_s}


def _step_seconds(observations: Iterable[Observation]) -> dict[str, float]:
    """Seconds of one step of each scheduler."""
    seen: dict[str, list[float]] = defaultdict(list)
    for one in observations:
        seen[one.sampler].append(one.stage(SCHEDULER_STEP) / one.steps)
    return {sampler: median(seconds) for sampler, seconds in seen.items()}


def _rest(observations: Sequence[Observation]) -> Line:
    return line_through([(one.steps, one.stage(OTHER)) for one in observations])
