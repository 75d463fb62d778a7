from __future__ import annotations

from pathlib import Path
from typing import Any

from factories import record, run

from sdbench.report.rows import TableView
from sdbench.report.view import report_view
from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Figure, Origin
from sdbench.results.record import Status
from sdbench.units import GIB, MIB

SEEN = {
    "stage_peak_allocated_bytes": {"denoiser": 150 * MIB, "vae_decode": 200 * MIB},
    "load_peak_allocated_bytes": Figure.measured(120 * MIB),
    "energy_per_image_joules": Figure(41.27, Origin.DERIVED),
    "device_memory": DeviceMemory(
        peak_used_bytes=Figure.measured(3 * GIB),
        peak_process_bytes=Figure.absent("NVML does not list this process"),
        context_bytes=Figure(400 * MIB, Origin.INFERRED, "used less reserved"),
        other_processes_bytes=Figure.measured(GIB, "process 7 (Xorg) held 1.00 GiB"),
        driver_reserved_bytes=Figure.measured(300 * MIB),
        total_bytes=Figure.measured(24 * GIB),
        sampling_period_s=0.02,
        readings=9,
    ),
}


def table(tmp_path: Path, *fields: dict[str, Any]) -> TableView:
    records = [record(steps=2 + n, fields=given) for n, given in enumerate(fields)]
    return report_view(run(tmp_path, records)).table


def shown(view: TableView, row: int = 0) -> dict[str, tuple[str, str | None, str | None]]:
    """Text, detail and remark of each cell of a row by its column."""
    return {
        column.label: (cell.text, cell.detail, cell.remark)
        for column, cell in zip(view.columns, view.rows[row].cells, strict=True)
    }


def test_memory_and_energy_have_columns(tmp_path: Path) -> None:
    other = {**SEEN, "stage_peak_allocated_bytes": {"denoiser": 300 * MIB}}
    view = table(tmp_path, SEEN, other)
    cells = shown(view)
    origins = {c.label: x.origin for c, x in zip(view.columns, view.rows[0].cells, strict=True)}
    assert cells["peak set by"] == ("vae decode", "200 MiB", None)
    assert cells["allocated, loading"] == ("120 MiB", None, None)
    assert cells["context"] == ("400 MiB", None, "used less reserved")
    assert origins["context"] is Origin.INFERRED
    assert origins["allocated, loading"] is Origin.MEASURED
    assert cells["other processes"] == ("1.00 GiB", None, "process 7 (Xorg) held 1.00 GiB")
    assert cells["energy an image"] == ("41.3 J", None, None)


def test_a_stage_that_sets_every_peak_is_said_once(tmp_path: Path) -> None:
    view = table(tmp_path, SEEN, SEEN)
    assert "peak set by" not in shown(view)
    assert ("peak set by", "vae decode") in [(fact.label, fact.text) for fact in view.shared]


def test_what_a_device_does_not_tell_has_its_reason_once(tmp_path: Path) -> None:
    silent = {"energy_per_image_joules": Figure.absent("the CPU tells no energy")}
    view = table(tmp_path, silent, silent)
    told = {fact.label: fact.text for fact in view.shared}
    assert told["energy an image"] == "not available: the CPU tells no energy"
    assert not {"context", "other processes", "peak set by"} & {*told, *shown(view)}


def test_a_round_that_ended_early_has_dashes(tmp_path: Path) -> None:
    records = [record(steps=2, fields=SEEN), record(steps=3, status=Status.OOM)]
    view = report_view(run(tmp_path, records)).table
    cells = shown(view, 1)
    assert cells["energy an image"] == ("–", None, None)
    assert cells["allocated, loading"] == ("–", None, None)
