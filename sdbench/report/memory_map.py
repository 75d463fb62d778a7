"""What fits into memory, as a table: the largest batch for each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdbench.analysis.feasibility import STATUS_WORDS, memory_limit_text, needed_bytes
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.memory_cells import Cell, MemoryMap, Trial
from sdbench.analysis.memory_map import MERGED_KNOBS, SIZE_KNOBS
from sdbench.analysis.wording import joined, setting, settings, shortened
from sdbench.jsontypes import JsonValue
from sdbench.knobs.registry import KNOBS
from sdbench.report.shortages import limited_peak, stage_words
from sdbench.results.figure import Origin
from sdbench.results.record import Status
from sdbench.units import format_bytes

MOST_ROWS = 300
"""More are no longer read; the table of all configurations has them."""

MOST_CONTRADICTIONS = 5

MARKS = {
    Origin.MEASURED: "●",
    Origin.DERIVED: "◑",
    Origin.INFERRED: "◐",
    Origin.PREDICTED: "○",
}
"""Tell how something is known without a colour."""

NO_MARK = "·"


@dataclass(frozen=True, slots=True)
class CellView:
    """One setting.

    Attributes:
        text: The largest batch, or ``none``; of a single batch size ``fits`` or ``does not fit``;
            else ``not tried`` or ``not known``.
        fits: Whether any batch is known to fit; None where nothing is known.
        mark: One of `MARKS`, or `NO_MARK` where nothing is known.
        origin: How the text is known, as a word; empty where nothing is known.
        detail: What is known of the next batch size, and the memory of the largest.
        row: Position of the configuration that tells it; None where there is none.
        rows: Positions of all configurations of the cell.
    """

    text: str
    fits: bool | None
    mark: str
    origin: str
    detail: str
    row: int | None
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RowView:
    """A row: the values that head it, and its cells."""

    headings: tuple[str, ...]
    cells: tuple[CellView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapView:
    """The map in words.

    Attributes:
        question: What the cells answer, with the limit that it is for, as a sentence.
        limit_bytes: The memory limit that it is for, or None; with another one it may differ.
        merged: What the cells do not tell apart, in a sentence; empty where nothing.
        heads: Headings of the columns that head the rows.
        columns: Headings of the columns of cells.
        rows: The rows.
        left_out: Rows beyond `MOST_ROWS`.
        origins: How cells are known, those that occur: mark, word and what it means.
        contradictions: Sentences on measurements that contradict each other.
    """

    question: str
    limit_bytes: int | None
    merged: str
    heads: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[RowView, ...]
    left_out: int
    origins: tuple[tuple[str, str, str], ...]
    contradictions: tuple[str, ...]


def map_view(found: MemoryMap, positions: Mapping[str, int], names: Sequence[str]) -> MapView:
    """A map in words.

    Args:
        found: The map.
        positions: Each configuration's place in the plan by key, from 0.
        names: The knobs that the configurations differ in.
    """
    words = _Words(found, positions)
    sizes = [name for name in found.row_names if name in SIZE_KNOBS]
    others = [name for name in found.row_names if name not in SIZE_KNOBS]
    shown = list(zip(found.rows, found.cells, strict=True))[:MOST_ROWS]
    rows = tuple(
        RowView(
            _headings(dict(zip(found.row_names, values, strict=True)), sizes, others),
            tuple(words.cell(cell) for cell in cells),
        )
        for values, cells in shown
    )
    cells = [cell for row in rows for cell in row.cells]
    return MapView(
        question=_question(found),
        limit_bytes=found.limits.memory_bytes,
        merged=_merged_text(found),
        heads=(*([" × ".join(sizes)] if sizes else []), *others) or ("",),
        columns=tuple(_column_text(found.column_names, column) for column in found.columns),
        rows=rows,
        left_out=len(found.rows) - len(rows),
        origins=tuple(
            (MARKS[origin], origin.value, _MEANINGS[origin])
            for origin in MARKS
            if any(cell.origin == origin.value for cell in cells)
        ),
        contradictions=_contradictions(found, names),
    )


_MEANINGS = {
    Origin.MEASURED: "it ran, or ran out",
    Origin.DERIVED: "not run: from the peaks of the same settings with other steps or schedulers",
    Origin.INFERRED: "not run: a larger batch or size fits, or a smaller one does not",
    Origin.PREDICTED: "not run: from the memory that it was predicted to need",
}


@dataclass(frozen=True, slots=True)
class _Words:
    found: MemoryMap
    positions: Mapping[str, int]

    def cell(self, cell: Cell) -> CellView:
        """One setting in words."""
        largest, above = cell.largest, cell.above
        rows = tuple(self.positions[m.key] for trial in cell.trials for m in trial.tried)
        told = largest or above
        if told is None or (cell.is_empty and told.known.fits is None):
            return CellView("not tried", None, NO_MARK, "", "", None, rows)
        origin = told.known.origin
        parts = []
        if largest is not None:
            parts += self._memory(largest)
        if above is not None:
            parts.append(self._above(above))
        elif len(self.found.batch_sizes) > 1:
            parts.append("the largest of this run")
        if origin is Origin.INFERRED and told.evidence is not None:
            evidence = told.evidence.knobs
            asked = settings(
                evidence, [n for n in (*SIZE_KNOBS, "batch_size") if _tells(cell, n, evidence)]
            )
            parts.append(f"from {asked}")
        return CellView(
            self._text(told),
            told.known.fits,
            MARKS[origin] if origin else NO_MARK,
            origin.value if origin else "",
            "; ".join(parts),
            self._row(told),
            rows,
        )

    def _text(self, told: Trial) -> str:
        if told.known.fits is None:
            return "not known"
        if len(self.found.batch_sizes) == 1:
            return "fits" if told.known.fits else "does not fit"
        return str(told.batch_size) if told.known.fits else "none"

    def _row(self, trial: Trial) -> int | None:
        evidence = trial.evidence or next(iter(trial.tried), None)
        return None if evidence is None else self.positions[evidence.key]

    def _memory(self, trial: Trial) -> list[str]:
        m = trial.evidence
        if trial.known.origin not in (Origin.MEASURED, Origin.DERIVED) or m is None:
            return []
        size_bytes, word = limited_peak(m, self.found.limits)
        return [] if size_bytes is None else [f"{format_bytes(size_bytes)} {word}"]

    def _above(self, trial: Trial) -> str:
        """What is known of a batch size that is not known to fit."""
        batch, m = trial.batch_size, trial.evidence
        if trial.known.origin is Origin.INFERRED:
            return f"{batch} inferred not to fit"
        if trial.known.origin is Origin.PREDICTED:
            return f"{batch} predicted not to fit"
        if trial.known.origin is Origin.MEASURED and m is not None:
            some = " for some" if trial.is_mixed else ""
            if m.status is Status.OOM:
                return f"{batch} ran out{some}{stage_words(m)}"
            needed = needed_bytes(m, self.found.limits)
            return f"{batch} needs {format_bytes(int(needed or 0))}{some}"
        if trial.known.origin is Origin.DERIVED and m is not None:
            needed = needed_bytes(m, self.found.limits)
            return f"{batch} needs {format_bytes(int(needed or 0))}, derived"
        if not trial.tried:
            return f"{batch} not tried"
        word = trial.tried[0].status_word
        return f"{batch} {STATUS_WORDS.get(word, 'without a known peak')}"


def _tells(cell: Cell, name: str, evidence: Mapping[str, JsonValue]) -> bool:
    """Whether the evidence for a cell has to name a knob: the batch, and what differs."""
    return name == "batch_size" or (name in cell.values and cell.values[name] != evidence.get(name))


def _headings(
    values: Mapping[str, JsonValue], sizes: Sequence[str], others: Sequence[str]
) -> tuple[str, ...]:
    found = [_plain_text(name, values[name]) for name in others]
    if sizes:
        found.insert(0, " × ".join(_plain_text(name, values[name]) for name in sizes))
    return tuple(found) or ("all",)


def _plain_text(name: str, value: JsonValue) -> str:
    return shortened(KNOBS[name].text(value)) if name in KNOBS else str(value)


def _column_text(names: Sequence[str], values: Sequence[JsonValue]) -> str:
    texts = (setting(name, value) for name, value in zip(names, values, strict=True))
    return ", ".join(texts) or "all"


def _question(found: MemoryMap) -> str:
    limit, batches = _limit_text(found), found.batch_sizes
    if len(batches) > 1:
        return f"The largest batch that fits, for each setting, {limit}."
    return f"Whether a batch of {batches[0]} fits, for each setting, {limit}."


def _limit_text(found: MemoryMap) -> str:
    limits, parts = found.limits, []
    if limits.memory_bytes is not None:
        share = 100 * limits.headroom_ratio
        headroom = f" (peaks with {share:.3g} % headroom)" if share else ""
        parts.append(
            f"within the memory limit of {memory_limit_text(limits.memory_bytes)}{headroom}"
        )
    if found.run_limit_bytes is not None:
        limit = memory_limit_text(found.run_limit_bytes)
        parts.append(f"within the run's memory limit of {limit}")
    if parts:
        return " and ".join(parts)
    capacity = found.capacity_bytes
    return f"within the device's {format_bytes(capacity)}" if capacity else "without a memory limit"


def _merged_text(found: MemoryMap) -> str:
    parts = []
    if found.merged:
        listed = joined([name for name in MERGED_KNOBS if name in found.merged])
        parts.append(
            f"What differs in {listed} alone shares a cell, since memory hardly depends on it: a "
            "batch fits only where it does in all of them that ran."
        )
    if found.indifferent:
        listed, verb = joined(found.indifferent), "makes" if len(found.indifferent) == 1 else "make"
        parts.append(
            f"{listed} {verb} no difference to what fits here, so that no row tells them apart."
        )
    return " ".join(parts)


def _contradictions(found: MemoryMap, names: Sequence[str]) -> tuple[str, ...]:
    pairs = {
        (pair[0].key, pair[1].key): pair
        for row in found.cells
        for cell in row
        if (pair := cell.contradiction) is not None
    }
    told = [_contradiction(*pair, names) for pair in list(pairs.values())[:MOST_CONTRADICTIONS]]
    if len(pairs) > len(told):
        told.append(f"And {len(pairs) - len(told)} more such pairs.")
    return tuple(told)


def _contradiction(failed: Measurement, fits: Measurement, names: Sequence[str]) -> str:
    what = "ran out of memory" if failed.status is Status.OOM else "exceeded the limit"
    return (
        f"{settings(fits.knobs, names)} fits, though {settings(failed.knobs, names)} {what}: "
        "memory did not grow with the batch and the size here, and nothing was inferred from these."
    )
