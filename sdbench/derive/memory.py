"""Peaks of configurations that were not measured, and what cannot fit since less did not.

Peak memory hangs on neither steps nor, but for a few latents, the scheduler: all configurations of
a cell share it. It grows with the batch and with the size: what ran out of memory rules out the
same settings with more of these, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sdbench.derive.cells import cell_key
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.results.figure import Figure, Origin
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Record, Status
from sdbench.results.table import MEMORY_FIGURES

COMPANY_BYTES = 2**30
"""Device memory beyond a process's own from which others held some of it: a context takes less."""

GROWING = ("batch_size", "height", "width")
"""Knobs with which memory grows."""


def derived_peaks(records: Sequence[Record]) -> dict[str, Any]:
    """Fields of a record: the largest of each peak that measured ones of its cell have."""
    fields: dict[str, Any] = {}
    for name in MEMORY_FIGURES:
        figures: list[Figure] = [getattr(record, name) for record in records]
        known = [figure.value for figure in figures if figure.value is not None]
        remark = f"the largest of {len(known)} measured with other steps or schedulers"
        fields[name] = Figure(max(known), Origin.DERIVED, remark) if known else figures[0]
    stages: dict[str, int] = {}
    for record in records:
        for stage, peak in record.stage_peak_allocated_bytes.items():
            stages[stage] = max(peak, stages.get(stage, peak))
    return {**fields, "stage_peak_allocated_bytes": stages}


class RanOut:
    """What ran out of memory, and what it rules out.

    An end for want of memory beside which as much or more has fitted was not for want of memory
    alone, and rules out nothing. Nor does one while other processes held memory of the device.

    Args:
        records: What was measured.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        failed: dict[str, list[Record]] = defaultdict(list)
        fitted: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            if record.status is Status.OOM and not _had_company(record.out_of_memory):
                failed[_family(record.knobs)].append(record)
            elif record.status is Status.OK:
                fitted[_family(record.knobs)].append(record)
        self._by_family = {
            family: [
                one
                for one in some
                if not any(_within(one.knobs, other.knobs) for other in fitted.get(family, ()))
            ]
            for family, some in failed.items()
        }

    def evidence(self, knobs: Mapping[str, JsonValue]) -> Record | None:
        """The record of what ran out and needs no more than these; None where there is none."""
        if not self._by_family:
            return None
        return next(
            (one for one in self._by_family.get(_family(knobs), ()) if _within(one.knobs, knobs)),
            None,
        )


def _had_company(moment: OutOfMemory | None) -> bool:
    """Whether others held memory that it lacked, as far as the allocator told."""
    if moment is None or moment.limit_bytes is not None:
        return False
    total, free, own = moment.total_bytes, moment.free_bytes, moment.allocated_bytes
    if total is None or free is None or own is None:
        return False
    return total - free - own - (moment.reserved_unallocated_bytes or 0) > COMPANY_BYTES


def _family(knobs: Mapping[str, JsonValue]) -> str:
    """Equal for configurations of cells that differ in what memory grows with alone."""
    return cell_key({name: value for name, value in knobs.items() if name not in GROWING})


def _within(less: Mapping[str, JsonValue], more: Mapping[str, JsonValue]) -> bool:
    """Whether one asks for no more than the other of all that memory grows with."""
    for name in GROWING:
        one, other = less.get(name), more.get(name)
        if canonical_json(one) == canonical_json(other):
            continue
        if not (isinstance(one, int) and isinstance(other, int) and one <= other):
            return False
    return True
