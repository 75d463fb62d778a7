"""What a record tells of memory and energy, as cells of the table."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Figure
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Record


def memory_cells(record: Record) -> dict[str, Any]:
    """Columns beside the peaks, None where the record tells nothing.

    ``load_peak_allocated_bytes`` and ``energy_per_image_joules`` with origin and reason;
    ``peak_stage``; ``device_`` with each field of `DeviceMemory`, its figures likewise; ``oom_``
    with each field of `OutOfMemory`.
    """
    found = peak_stage(record)
    cells: dict[str, Any] = {"peak_stage": found[0] if found else None}
    for name in ("load_peak_allocated_bytes", "energy_per_image_joules"):
        cells.update(_figure_cells(name, getattr(record, name)))
    for name in _DEVICE_FIELDS:
        value = getattr(record.device_memory, name, None)
        if name.endswith("_bytes"):
            cells.update(_figure_cells(f"device_{name}", value))
        else:
            cells[f"device_{name}"] = value
    for name in _OOM_FIELDS:
        cells[f"oom_{name}"] = getattr(record.out_of_memory, name, None)
    return cells


def _figure_cells(name: str, figure: Figure | None) -> dict[str, Any]:
    return {
        name: figure.value if figure else None,
        f"{name}_origin": figure.origin.value if figure and figure.origin else None,
        f"{name}_reason": figure.reason if figure else None,
    }


def stage_peak_cells(record: Record) -> dict[str, int]:
    """``stage_<name>_peak_allocated_bytes`` for each stage that was followed."""
    peaks = record.stage_peak_allocated_bytes
    return {f"stage_{stage}_peak_allocated_bytes": peak for stage, peak in peaks.items()}


def peak_stage(record: Record) -> tuple[str, int] | None:
    """The stage of a call that allocates most, and its peak in bytes; None where not followed."""
    peaks = record.stage_peak_allocated_bytes
    if not peaks:
        return None
    stage = max(peaks, key=peaks.__getitem__)
    return stage, peaks[stage]


_DEVICE_FIELDS = tuple(field.name for field in fields(DeviceMemory))
_OOM_FIELDS = tuple(field.name for field in fields(OutOfMemory))
