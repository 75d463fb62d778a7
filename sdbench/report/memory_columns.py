"""What a configuration needs of memory and energy, as columns of the table."""

from __future__ import annotations

from dataclasses import replace

from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import FIGURE_WORDS
from sdbench.report.cells import DASH, Cell, Column, figure_cell, told_here, words_cell
from sdbench.results.device_memory import DeviceMemory
from sdbench.results.memory_table import peak_stage
from sdbench.results.record import NOT_PREDICTED, NOT_REACHED
from sdbench.results.table import MEMORY_FIGURES
from sdbench.units import format_bytes


def _memory_column(name: str, label: str, hint: str) -> Column:
    def cell(m: Measurement) -> Cell:
        figure = m.memory.get(name)
        told_by_status = m.latency is None and figure == NOT_REACHED
        return Cell(DASH) if figure is None or told_by_status else figure_cell(figure)

    return Column(label, cell, hint=hint)


def _predicted_cell(m: Measurement) -> Cell:
    """The predicted peak, and by how much it is off the measured one where there is one."""
    if m.record is None or m.record.predicted_allocated_bytes == NOT_PREDICTED:
        return Cell(DASH)
    cell = figure_cell(m.record.predicted_allocated_bytes)
    error = m.record.prediction_error_ratio
    return cell if error is None else replace(cell, detail=f"{error:+.1%}")


def _peak_cell(m: Measurement) -> Cell:
    name = m.peak_memory_figure
    return (
        Cell(DASH)
        if name is None
        else replace(figure_cell(m.memory[name]), detail=FIGURE_WORDS[name])
    )


def _stage_cell(m: Measurement) -> Cell:
    """The stage that sets the peak, and what it allocates."""
    found = None if m.record is None else peak_stage(m.record)
    if found is None:
        return Cell(DASH)
    return replace(words_cell(found[0].replace("_", " ")), detail=format_bytes(found[1]))


def _load_cell(m: Measurement) -> Cell:
    if m.record is None or m.record.load_peak_allocated_bytes == NOT_REACHED:
        return Cell(DASH)
    cell = figure_cell(m.record.load_peak_allocated_bytes)
    return replace(cell, remark=told_here(m, cell.remark))


def _device_column(name: str, label: str, hint: str) -> Column:
    def cell(m: Measurement) -> Cell:
        memory: DeviceMemory | None = None if m.record is None else m.record.device_memory
        return Cell(DASH) if memory is None else figure_cell(getattr(memory, name))

    return Column(label, cell, hint=hint)


def _energy_cell(m: Measurement) -> Cell:
    if m.record is None or m.record.energy_per_image_joules == NOT_REACHED:
        return Cell(DASH)
    energy = m.record.energy_per_image_joules
    if energy.value is None:
        return Cell(DASH, remark=told_here(m, energy.reason))
    return Cell(f"{energy.value:.3g} J", energy.value, remark=energy.reason, origin=energy.origin)


PEAK_MEMORY = Column(
    "peak memory",
    _peak_cell,
    hint="the largest of the known peaks: what a memory limit is held against",
)
"""The figure that a memory limit is held against."""

ALLOCATED, RESERVED, ON_DEVICE, RESIDENT = (
    _memory_column(name, label, hint)
    for name, label, hint in zip(
        MEMORY_FIGURES,
        ("allocated", "reserved", "used on device", "resident (host)"),
        (
            "peak of live tensor bytes",
            "peak that the allocator held of the device",
            "peak that the worker added to the device's use, with its context and libraries",
            "peak resident memory of the worker process on the host",
        ),
        strict=True,
    )
)
"""The memory figures of a record."""

MEMORY_COLUMNS = (
    RESERVED,
    ON_DEVICE,
    RESIDENT,
    Column(
        "allocated, predicted",
        _predicted_cell,
        hint="peak of live tensor bytes as predicted before the run, and by what share that is "
        "off the measured one",
    ),
    Column(
        "peak set by",
        _stage_cell,
        is_number=False,
        hint="the stage of a call that allocates most, and how much",
    ),
    Column("allocated, loading", _load_cell, hint="peak of live tensor bytes while it was loaded"),
    _device_column(
        "context_bytes",
        "context",
        "what the process holds of the device beyond its allocator: the CUDA context, kernels, "
        "workspaces of libraries",
    ),
    _device_column(
        "other_processes_bytes",
        "other processes",
        "what other processes held of the device when the memory pass began",
    ),
    Column(
        "energy an image",
        _energy_cell,
        hint="energy that the device took during the timed calls, for each image",
    ),
)
"""The columns on memory and energy beside the peak and what is allocated, in order."""
