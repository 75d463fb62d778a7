from __future__ import annotations

from pathlib import Path

import pandas as pd
from factories import record, run

from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Figure, Origin
from sdbench.results.memory_table import memory_cells, peak_stage
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Status
from sdbench.results.table import table
from sdbench.units import GIB, MIB

MEMORY = DeviceMemory(
    peak_used_bytes=Figure.measured(3 * GIB),
    peak_process_bytes=Figure.absent("not listed"),
    context_bytes=Figure(400 * MIB, Origin.INFERRED),
    other_processes_bytes=Figure.measured(0),
    driver_reserved_bytes=Figure.measured(300 * MIB),
    total_bytes=Figure.measured(24 * GIB),
    sampling_period_s=0.02,
    readings=9,
)


def test_the_device_s_memory_comes_with_its_reasons() -> None:
    cells = memory_cells(record(fields={"device_memory": MEMORY}))
    assert cells["device_peak_used_bytes"] == 3 * GIB
    assert cells["device_context_bytes_origin"] == "inferred"
    assert cells["device_peak_process_bytes"] is None
    assert cells["device_peak_process_bytes_reason"] == "not listed"
    assert (cells["device_sampling_period_s"], cells["device_readings"]) == (0.02, 9)


def test_the_stage_of_the_highest_peak_is_named() -> None:
    peaks = {"denoiser": 150 * MIB, "vae_decode": 200 * MIB}
    followed = record(fields={"stage_peak_allocated_bytes": peaks})
    assert peak_stage(followed) == ("vae_decode", 200 * MIB)
    assert peak_stage(record()) is None


def test_a_run_out_of_memory_tells_where_and_what_was_asked_for() -> None:
    ran_out = OutOfMemory(phase="timing", stage="vae_decode", requested_bytes=2 * GIB)
    cells = memory_cells(record(status=Status.OOM, fields={"out_of_memory": ran_out}))
    assert (cells["oom_phase"], cells["oom_stage"]) == ("timing", "vae_decode")
    assert cells["oom_requested_bytes"] == 2 * GIB
    assert cells["oom_free_bytes"] is None


def test_the_table_has_all_of_it_beside_gaps(tmp_path: Path) -> None:
    fields = {
        "device_memory": MEMORY,
        "stage_peak_allocated_bytes": {"denoiser": 150 * MIB},
        "energy_per_image_joules": Figure(41.0, Origin.DERIVED),
    }
    rows = table(run(tmp_path, [record(steps=2, fields=fields), record(steps=3)]))
    assert list(rows["peak_stage"]) == ["denoiser", pd.NA]
    assert rows["stage_denoiser_peak_allocated_bytes"].iloc[0] == 150 * MIB
    assert rows["device_context_bytes"].iloc[0] == 400 * MIB
    assert rows["device_context_bytes"].iloc[1] is pd.NA
    assert rows["energy_per_image_joules_origin"].iloc[0] == "derived"
    assert str(rows["load_peak_allocated_bytes_reason"].iloc[1]).startswith("the round ended")
