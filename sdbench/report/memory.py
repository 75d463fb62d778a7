"""The section on memory: what fits, what ran out, and what made that fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.memory_map import memory_map
from sdbench.analysis.remedies import shortages
from sdbench.knobs.registry import varying_knobs
from sdbench.report.memory_map import MapView, map_view
from sdbench.report.shortages import ShortageView, shortage_views


@dataclass(frozen=True, slots=True)
class MemoryView:
    """What a run tells of memory.

    Attributes:
        map: The largest batch for each setting.
        shortages: What ran out, or was predicted to; the largest group first.
    """

    map: MapView
    shortages: tuple[ShortageView, ...]


def memory_view(measured: Sequence[Measurement], advice: Advice) -> MemoryView | None:
    """What a run tells of memory; None where no batch size varies and everything fits.

    A default configuration that the suite does not sweep has no place in the map, of which it would
    be a row and a column.
    """
    unswept = {m.key for m in advice.unswept_defaults}
    swept = [m for m in measured if m.knobs and m.key not in unswept]
    names = varying_knobs([m.knobs for m in swept])
    found = memory_map(swept, names, advice.limits, advice.run_limit_bytes)
    if found is None:
        return None
    positions = {m.key: position for position, m in enumerate(measured)}
    short = shortages(measured, advice.names, advice.limits)
    return MemoryView(
        map_view(found, positions, names),
        shortage_views(short, positions, advice.names, advice.limits),
    )
