"""What made a configuration fit that ran out of memory: single changes, as they were measured.

What ran out has no latency of its own. So the cost of a change is told against the fastest single
change that makes the same configuration fit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from sdbench.analysis.measurement import Measurement
from sdbench.analysis.memory_advice import ideas
from sdbench.analysis.memory_fit import memory_fit
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.results.figure import Origin
from sdbench.results.record import Status
from sdbench.results.table import INFERRED_OOM, RULED_OUT
from sdbench.statistics import Estimate
from sdbench.suite.model import Limits

REMEDY_KNOBS = (
    "batch_size",
    "dtype",
    "attention",
    "attention_slicing",
    "vae_slicing",
    "vae_tiling",
    "offload",
    "allocator",
    "compile",
    "channels_last",
    "safety_checker",
)
"""What people turn for memory alone: none of these asks for another picture, or another size."""

LOADING = "load"
"""Stands for the stage of what ran out while it was loaded."""


@dataclass(frozen=True, slots=True)
class Cure:
    """A configuration that did not fit, and one that differs in one knob and fits.

    Attributes:
        ill: The one that did not fit.
        cured: The one that does; of smaller batches the largest.
        ratio: Its latency per image over that of the fastest single change that makes `ill` fit;
            None where it was not timed, or no other change makes it fit.
        is_as_fast: Whether their intervals overlap; True of the fastest itself.
        is_only: Whether no other change makes `ill` fit.
        fidelity_before: Score of `ill`, known from another batch size, which draws the same
            picture; None where no such was scored.
    """

    ill: Measurement
    cured: Measurement
    ratio: float | None
    is_as_fast: bool
    is_only: bool
    fidelity_before: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """One way to turn one knob, over all configurations of a shortage that it makes fit.

    Attributes:
        knob: The knob.
        value: What it is turned to; None for the batch size, of which each takes what fits.
        cures: The configurations that it makes fit.
    """

    knob: str
    value: JsonValue
    cures: tuple[Cure, ...]

    @property
    def ratio(self) -> float | None:
        """The middle one of the ratios of latencies, over those that have another change."""
        known = [cure.ratio for cure in self.cures if cure.ratio is not None]
        return median(known) if known else None

    @property
    def is_as_fast(self) -> bool:
        """Whether no interval tells it from the fastest change, where there is another."""
        return all(cure.is_as_fast for cure in self.cures)

    @property
    def is_only(self) -> bool:
        """Whether each of them has no other change that makes it fit."""
        return all(cure.is_only for cure in self.cures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Configurations that did not fit for the same reason.

    Attributes:
        members: The configurations, in the order of the plan.
        origin: How it is known: they ran out, or were inferred or predicted to, and so not run.
        stage: The stage in which memory ran out, `LOADING` among them; None where not known.
        shared: What all of them have in common and other configurations of the run do not.
        batch_sizes: Their batch sizes, the smallest first.
        changes: What makes them fit, what helps most of them first, then the fastest.
        helpless: Those that no measured single change makes fit.
        untried: What else may help and was not swept, in words.
    """

    members: tuple[Measurement, ...]
    origin: Origin
    stage: str | None
    shared: Mapping[str, JsonValue]
    batch_sizes: tuple[int, ...]
    changes: tuple[Change, ...]
    helpless: tuple[Measurement, ...]
    untried: tuple[str, ...]


def shortages(
    measured: Iterable[Measurement], names: Sequence[str], limits: Limits
) -> tuple[Shortage, ...]:
    """What ran out of memory, or is told to, grouped by where; the largest group first.

    What really ran out goes before what was inferred or predicted to.

    Args:
        measured: The run's measurements.
        names: The knobs that they differ in.
        limits: Whose memory limit a remedy must keep to as well.
    """
    known = [m for m in measured if m.knobs]
    groups: dict[tuple[Origin, str | None], list[Measurement]] = defaultdict(list)
    for m in known:
        if (origin := _SHORT.get(m.status_word)) is not None:
            groups[origin, _stage(m)].append(m)
    if not groups:
        return ()
    grid = _Grid(known, names, limits)
    found = (_shortage(members, origin, stage, grid) for (origin, stage), members in groups.items())
    order = list(_SHORT.values())
    return tuple(sorted(found, key=lambda one: (order.index(one.origin), -len(one.members))))


_SHORT = {
    Status.OOM.value: Origin.MEASURED,
    INFERRED_OOM: Origin.INFERRED,
    RULED_OUT: Origin.PREDICTED,
}
"""How it is known of a status that memory does not suffice."""


def _stage(m: Measurement) -> str | None:
    moment = m.record.out_of_memory if m.record else None
    if moment is None:
        return None
    return LOADING if moment.phase == "loading" else moment.stage


_Place = tuple[object, ...]
"""The values of all varying knobs but one, and that one's number first."""


class _Grid:
    """What fits, found by all of its settings but one."""

    def __init__(self, known: Sequence[Measurement], names: Sequence[str], limits: Limits) -> None:
        self.names = names
        self.values = {name: {_plain(m.knobs.get(name)) for m in known} for name in names}
        self._fits: dict[_Place, list[Measurement]] = defaultdict(list)
        self._scores: dict[_Place, float] = {}
        for m in known:
            if m.status is Status.OK and memory_fit(m, limits).fits:
                for _, place in self._places(m):
                    self._fits[place].append(m)
            score = m.fidelity_score
            if score is not None and "batch_size" in names:
                self._scores.setdefault(self._place(m, "batch_size"), score)

    def _place(self, m: Measurement, knob: str) -> _Place:
        return (knob, *(_plain(m.knobs.get(name)) for name in self.names if name != knob))

    def _places(self, m: Measurement) -> list[tuple[str, _Place]]:
        values = [_plain(m.knobs.get(name)) for name in self.names]
        return [
            (name, (name, *values[:at], *values[at + 1 :]))
            for at, name in enumerate(self.names)
            if name in REMEDY_KNOBS
        ]

    def cures(self, ill: Measurement) -> list[tuple[str, Cure]]:
        """The single changes that make it fit, with the knob of each."""
        found: list[tuple[str, Measurement]] = []
        for knob, place in self._places(ill):
            able = self._fits.get(place, [])
            if knob == "batch_size":
                batch = ill.batch_size or 1
                able = [m for m in able if m.batch_size is not None and m.batch_size < batch]
                able = [max(able, key=lambda m: m.batch_size or 0)] if able else []
            found += [(knob, m) for m in able]
        timed = [m.latency_per_image for _, m in found if m.latency_per_image]
        fastest = min(timed, key=lambda estimate: estimate.point, default=None)
        before = self._scores.get(self._place(ill, "batch_size"))
        return [(knob, _cure(ill, m, fastest, len(found) == 1, before)) for knob, m in found]


def _cure(
    ill: Measurement,
    cured: Measurement,
    fastest: Estimate | None,
    is_only: bool,
    fidelity_before: float | None,
) -> Cure:
    own, ratio, is_as_fast = cured.latency_per_image, None, False
    if own is not None and fastest is not None and fastest.point:
        is_as_fast = own.overlaps(fastest)
        ratio = None if is_only else own.point / fastest.point
    return Cure(ill, cured, ratio, is_as_fast, is_only, fidelity_before)


def _shortage(
    members: Sequence[Measurement], origin: Origin, stage: str | None, grid: _Grid
) -> Shortage:
    by_change: dict[tuple[str, str], list[Cure]] = defaultdict(list)
    helpless = []
    for ill in members:
        cures = grid.cures(ill)
        if not cures:
            helpless.append(ill)
        for knob, cure in cures:
            value = None if knob == "batch_size" else cure.cured.knobs.get(knob)
            by_change[knob, canonical_json(value)].append(cure)
    changes = [
        Change(knob, None if knob == "batch_size" else cures[0].cured.knobs.get(knob), tuple(cures))
        for (knob, _), cures in by_change.items()
    ]
    changes.sort(key=lambda change: (-len(change.cures), change.ratio or float("inf")))
    return Shortage(
        members=tuple(members),
        origin=origin,
        stage=stage,
        shared=_shared(members, grid),
        batch_sizes=tuple(sorted({m.batch_size for m in members if m.batch_size is not None})),
        changes=tuple(changes),
        helpless=tuple(helpless),
        untried=_untried(members, grid.names),
    )


def _shared(members: Sequence[Measurement], grid: _Grid) -> dict[str, JsonValue]:
    first = members[0].knobs
    return {
        name: first[name]
        for name in grid.names
        if name in first
        and len(grid.values[name]) > 1
        and all(m.knobs.get(name) == first[name] for m in members)
    }


def _untried(members: Sequence[Measurement], names: Sequence[str]) -> tuple[str, ...]:
    """Ideas for most of them whose knob was not swept, so that the grid tells nothing of it."""
    counted = Counter(
        idea.words
        for m in members
        if m.record is not None
        for idea in dict.fromkeys(ideas(m.record))
        if idea.knob not in names
    )
    return tuple(words for words, number in counted.items() if 2 * number >= len(members))


def _plain(value: JsonValue) -> object:
    """A value that can be looked up, and differs for each that differs."""
    if isinstance(value, (Mapping, list, tuple)):
        return canonical_json(value)
    return (type(value), value) if isinstance(value, (bool, float)) else value
