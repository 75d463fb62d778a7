"""The cells of a memory map: what is known of each batch size, for each setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sdbench.analysis.measurement import Measurement
from sdbench.analysis.memory_fit import MemoryFit
from sdbench.jsontypes import JsonValue
from sdbench.suite.model import Limits


@dataclass(frozen=True, slots=True)
class Trial:
    """One batch size of a cell.

    Attributes:
        batch_size: Images of a call.
        known: Whether it fits, and how that is known.
        evidence: The measurement that tells so; None where it is not known.
        is_mixed: Whether it fits in some of the configurations that share the cell.
        tried: Configurations of this batch size that have a record, also of other ends.
    """

    batch_size: int
    known: MemoryFit
    evidence: Measurement | None = None
    is_mixed: bool = False
    tried: tuple[Measurement, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """What is known of one setting.

    Attributes:
        values: The cell's values of the knobs that memory depends on.
        trials: All batch sizes of the run, the smallest first.
        contradiction: Two measurements: the first does not fit, though the second, of no smaller
            a batch and size, does; None where there are none such.
    """

    values: Mapping[str, JsonValue]
    trials: tuple[Trial, ...]
    contradiction: tuple[Measurement, Measurement] | None = None

    @property
    def largest(self) -> Trial | None:
        """The largest batch that is known to fit."""
        return next((t for t in reversed(self.trials) if t.known.fits), None)

    @property
    def above(self) -> Trial | None:
        """The next batch size of the run, which does not fit or is not known to."""
        largest = self.largest.batch_size if self.largest else 0
        return next((t for t in self.trials if t.batch_size > largest), None)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is known of it."""
        return all(t.known.fits is None and not t.tried for t in self.trials)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryMap:
    """The cells, laid out.

    Attributes:
        limits: The memory limit and headroom that peaks were held against, if any.
        run_limit_bytes: What memory the run let every configuration use, or None.
        capacity_bytes: What the device has, or None where no record tells.
        merged: Those of `memory_map.MERGED_KNOBS` that vary.
        indifferent: Further knobs that vary and share cells, since in all of them the same batches
            fit whatever their value.
        batch_sizes: All of the run, the smallest first.
        row_names: Knobs whose values tell the rows apart.
        column_names: Knobs whose values tell the columns apart.
        rows: Values of the row knobs; the smallest size first.
        columns: Values of the column knobs.
        cells: The cells by row, then column.
    """

    limits: Limits
    run_limit_bytes: int | None
    capacity_bytes: int | None
    merged: tuple[str, ...]
    indifferent: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    row_names: tuple[str, ...]
    column_names: tuple[str, ...]
    rows: tuple[tuple[JsonValue, ...], ...]
    columns: tuple[tuple[JsonValue, ...], ...]
    cells: tuple[tuple[Cell, ...], ...]

    @property
    def is_limiting(self) -> bool:
        """Whether anything is known not to fit."""
        trials = (t for row in self.cells for cell in row for t in cell.trials)
        return any(t.known.fits is False for t in trials)
