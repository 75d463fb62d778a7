"""The largest batch that fits into memory, for each setting that memory depends on.

What was not run is inferred from what was: memory grows with the batch and with the size, so that
what fits beside a larger one fits, and what a smaller one ran out of does not. Nothing else is
taken for granted, and measurements that contradict it are told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sdbench.analysis.measurement import Measurement, by_latency
from sdbench.analysis.memory_cells import Cell, MemoryMap, Trial
from sdbench.analysis.memory_fit import UNKNOWN, MemoryFit, memory_fit
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.results.figure import Origin
from sdbench.results.record import Status
from sdbench.suite.model import Limits

MERGED_KNOBS = ("scheduler", "steps", "strength", "prompt", "threads", "tf32")
"""Memory hardly depends on these: configurations that differ in them alone share a cell, and a
batch fits there only if it does in each of them that was run."""

SIZE_KNOBS = ("height", "width")
_COLUMN_KNOBS = ("dtype", "attention")

READABLE_ROWS = 12
"""Of a longer map, knobs that make no difference to any cell are merged too."""

Size = tuple[JsonValue, ...]
"""Height and width as far as they vary; None stands for the pipeline's own."""


def memory_map(
    measured: Iterable[Measurement],
    names: Sequence[str],
    limits: Limits,
    run_limit_bytes: int | None = None,
) -> MemoryMap | None:
    """What fits, or None where neither the batch varies nor anything fails to fit.

    Args:
        measured: The run's measurements; those whose settings are not known take no part.
        names: The knobs that they differ in.
        limits: Whose memory limit and headroom peaks are held against.
        run_limit_bytes: What memory the run let every configuration use.
    """
    known = [m for m in measured if m.knobs and m.batch_size is not None]
    deciding = [n for n in names if n not in MERGED_KNOBS and n != "batch_size"]
    column_names = tuple(n for n in deciding if n in _COLUMN_KNOBS)
    row_names = (
        *(n for n in deciding if n in SIZE_KNOBS),
        *(n for n in deciding if n not in (*SIZE_KNOBS, *_COLUMN_KNOBS)),
    )
    places = _Places(known, row_names, column_names, limits)
    cells, indifferent = places.cells(), []
    while (knob := _indifferent_knob(row_names, tuple(places.rows.values()), cells)) is not None:
        indifferent.append(knob)
        row_names = tuple(name for name in row_names if name != knob)
        places = _Places(known, row_names, column_names, limits)
        cells = places.cells()
    found = MemoryMap(
        limits=limits,
        run_limit_bytes=run_limit_bytes,
        capacity_bytes=_capacity_bytes(known),
        merged=tuple(n for n in names if n in MERGED_KNOBS),
        indifferent=tuple(indifferent),
        batch_sizes=places.batch_sizes,
        row_names=row_names,
        column_names=column_names,
        rows=tuple(places.rows.values()),
        columns=tuple(places.columns.values()),
        cells=cells,
    )
    return found if "batch_size" in names or found.is_limiting else None


def _indifferent_knob(
    row_names: Sequence[str],
    rows: Sequence[tuple[JsonValue, ...]],
    cells: Sequence[Sequence[Cell]],
) -> str | None:
    """A knob of a long map whose values make no difference to what fits."""
    if len(rows) <= READABLE_ROWS:
        return None
    fates = [[[trial.known.fits for trial in cell.trials] for cell in line] for line in cells]
    for at, name in enumerate(row_names):
        if name in SIZE_KNOBS:
            continue
        others = [canonical_json((*row[:at], *row[at + 1 :])) for row in rows]
        first = dict(zip(reversed(others), reversed(fates), strict=True))
        if all(first[other] == fate for other, fate in zip(others, fates, strict=True)):
            return name
    return None


class _Places:
    """Measurements by row, column and batch size."""

    def __init__(
        self,
        known: Sequence[Measurement],
        row_names: Sequence[str],
        column_names: Sequence[str],
        limits: Limits,
    ) -> None:
        self._limits = limits
        self._row_names, self._column_names = row_names, column_names
        self._sizes_at = sum(name in SIZE_KNOBS for name in row_names)
        self.batch_sizes = tuple(sorted({m.batch_size for m in known if m.batch_size}))
        self._members: dict[tuple[str, str, int], list[Measurement]] = defaultdict(list)
        rows: dict[str, tuple[JsonValue, ...]] = {}
        self.columns: dict[str, tuple[JsonValue, ...]] = {}
        for m in known:
            row = tuple(m.knobs.get(name) for name in row_names)
            column = tuple(m.knobs.get(name) for name in column_names)
            at = (canonical_json(row), canonical_json(column))
            rows.setdefault(at[0], row)
            self.columns.setdefault(at[1], column)
            assert m.batch_size is not None
            self._members[(*at, m.batch_size)].append(m)
        self.rows = dict(sorted(rows.items(), key=lambda one: _size_order(self._size(one[1]))))
        self._families: dict[str, list[tuple[str, Size]]] = defaultdict(list)
        for row_key, row in self.rows.items():
            self._families[canonical_json(row[self._sizes_at :])].append((row_key, self._size(row)))

    def _size(self, row: tuple[JsonValue, ...]) -> Size:
        return row[: self._sizes_at]

    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells by row, then column."""
        found: dict[tuple[str, str], Cell] = {}
        for family in self._families.values():
            for column in self.columns:
                sizes = {row: _Tried(size, self._trials(row, column)) for row, size in family}
                for row, tried in sizes.items():
                    found[row, column] = self._cell(row, column, tried, tuple(sizes.values()))
        return tuple(tuple(found[row, column] for column in self.columns) for row in self.rows)

    def _trials(self, row: str, column: str) -> tuple[Trial, ...]:
        return tuple(
            _trial(batch, self._members.get((row, column, batch), ()), self._limits)
            for batch in self.batch_sizes
        )

    def _cell(self, row: str, column: str, tried: _Tried, family: Sequence[_Tried]) -> Cell:
        larger = [one for one in family if _is_within(tried.size, one.size)]
        smaller = [one for one in family if _is_within(one.size, tried.size)]
        fits = max((one.largest for one in larger if one.largest), key=_batch, default=None)
        fails = min((one.smallest for one in smaller if one.smallest), key=_batch, default=None)
        trials = tuple(_inferred(trial, fits, fails) for trial in tried.trials)
        own = tried.smallest
        pair = None
        if own and fits and fits.batch_size >= own.batch_size and own.evidence and fits.evidence:
            pair = (own.evidence, fits.evidence)
        values = {
            **dict(zip(self._row_names, self.rows[row], strict=True)),
            **dict(zip(self._column_names, self.columns[column], strict=True)),
        }
        return Cell(values, trials, pair)


@dataclass(frozen=True, slots=True)
class _Tried:
    """The trials of one size, and how far the measured ones go."""

    size: Size
    trials: tuple[Trial, ...]

    @property
    def _measured(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.known.origin is Origin.MEASURED]

    @property
    def largest(self) -> Trial | None:
        """The largest batch that was seen to fit."""
        return next((trial for trial in reversed(self._measured) if trial.known.fits), None)

    @property
    def smallest(self) -> Trial | None:
        """The smallest batch that was seen not to fit."""
        return next((trial for trial in self._measured if not trial.known.fits), None)


def _trial(batch_size: int, members: Sequence[Measurement], limits: Limits) -> Trial:
    """What the configurations of one batch size tell; the worst of them counts.

    What was measured goes before what follows from others, and that before predictions.
    """
    tried = tuple(m for m in members if m.status is not None)
    fates = [(memory_fit(m, limits), m) for m in tried]
    for origin in (Origin.MEASURED, Origin.DERIVED, Origin.INFERRED, Origin.PREDICTED):
        told = [(fit, m) for fit, m in fates if fit.origin is origin]
        failed = [(fit, m) for fit, m in told if not fit.fits]
        if told:
            fit, m = min(failed or told, key=lambda one: by_latency(one[1]))
            evidence = None if origin is Origin.INFERRED else m
            return Trial(batch_size, fit, evidence, 0 < len(failed) < len(told), tried)
    return Trial(batch_size, UNKNOWN, tried=tried)


def _inferred(trial: Trial, fits: Trial | None, fails: Trial | None) -> Trial:
    """A batch size that was not measured, from measurements of larger and smaller ones.

    Where they contradict each other nothing is inferred.
    """
    is_unsupported = trial.tried and all(m.status is Status.UNSUPPORTED for m in trial.tried)
    if trial.known.origin in (Origin.MEASURED, Origin.DERIVED) or is_unsupported:
        return trial
    does = fits is not None and fits.batch_size >= trial.batch_size
    does_not = fails is not None and fails.batch_size <= trial.batch_size
    if does == does_not:
        return trial
    source = fits if does else fails
    assert source is not None
    known = MemoryFit(does, Origin.INFERRED)
    return Trial(trial.batch_size, known, source.evidence, tried=trial.tried)


def _batch(trial: Trial) -> int:
    return trial.batch_size


def _is_within(one: Size, other: Size) -> bool:
    """Whether a size is known to be no larger than another in height nor width."""
    return all(
        a == b or (isinstance(a, int) and isinstance(b, int) and a <= b)
        for a, b in zip(one, other, strict=True)
    )


def _size_order(size: Size) -> tuple[float, ...]:
    return tuple(side if isinstance(side, int) else -1.0 for side in size)


def _capacity_bytes(known: Iterable[Measurement]) -> int | None:
    for m in known:
        if m.record is None:
            continue
        if m.record.device_memory and m.record.device_memory.total_bytes.value is not None:
            return int(m.record.device_memory.total_bytes.value)
        if m.record.out_of_memory and m.record.out_of_memory.total_bytes is not None:
            return m.record.out_of_memory.total_bytes
    return None
