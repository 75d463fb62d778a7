from __future__ import annotations

from pathlib import Path
from typing import Any

from factories import around, fidelity, record, run

from sdbench.report.cells import Cell
from sdbench.report.rows import TableView
from sdbench.report.table_data import table_data
from sdbench.report.view import report_view
from sdbench.results.figure import Figure, Origin
from sdbench.results.record import Record, Status
from sdbench.units import MIB


def table(folder: Path, records: list[Record], **fields: Any) -> TableView:
    return report_view(run(folder, records, **fields)).table


def read_back(data: Any, row: int) -> list[Cell]:
    """A row of the page's table, as its script puts it together."""
    found = []
    for column in data["columns"]:
        at = row if column["cells"] is None else column["cells"][row]
        entry = column["entries"][at]
        padded: list[Any] = [*entry, None, None, None, None]
        text, sort, detail, origin, remark = padded[:5]
        found.append(
            Cell(
                text,
                sort,
                detail,
                None if remark is None else data["texts"][remark],
                None if origin is None else Origin(data["origins"][origin]),
            )
        )
    return found


def test_every_cell_reads_back_as_it_was(tmp_path: Path) -> None:
    inferred = Figure(300 * MIB, Origin.INFERRED, "used less before")
    records = [
        record(steps=20, fidelity=fidelity(0.5), fields={"peak_device_used_bytes": inferred}),
        record(steps=10, fidelity=fidelity(0.25), samples_s=around(0.5)),
        record(steps=5, status=Status.OOM),
    ]
    view = table(tmp_path, records)
    data = table_data(view)
    assert [column["label"] for column in data["columns"]] == [c.label for c in view.columns]
    for row in range(3):
        assert read_back(data, row) == list(view.rows[row].cells)
    assert "used less before" in data["texts"]


def test_what_is_equal_is_written_once(tmp_path: Path) -> None:
    records = [record(steps=s, dtype=d) for s in (1, 2, 3) for d in ("fp32", "bf16")]
    columns = {c["label"]: c for c in table_data(table(tmp_path, records))["columns"]}
    assert columns["dtype"]["entries"] == [["fp32", "fp32"], ["bf16", "bf16"]]
    assert columns["dtype"]["cells"] == [0, 1, 0, 1, 0, 1]
    assert len(columns["latency an image"]["entries"]) == 1


def test_a_column_of_distinct_cells_needs_no_positions(tmp_path: Path) -> None:
    records = [record(steps=s, samples_s=around(s / 10)) for s in (1, 2, 3)]
    columns = {c["label"]: c for c in table_data(table(tmp_path, records))["columns"]}
    assert columns["steps"]["cells"] is None
    assert [sort for _, sort in columns["steps"]["entries"]] == [1, 2, 3]


def test_reasons_stand_once_with_their_rows(tmp_path: Path) -> None:
    records = [record(steps=1), *(record(steps=s, status=Status.OOM) for s in (2, 3))]
    data = table_data(table(tmp_path, records))
    assert data["reason"] == [-1, 0, 0]
    assert data["texts"][0] == "it ended oom"


def test_the_heading_says_which_figure_the_peak_is(tmp_path: Path) -> None:
    labels = [
        column.label for column in table(tmp_path, [record(steps=1), record(steps=2)]).columns
    ]
    assert labels[1:3] == ["latency an image", "peak memory, resident in the process"]


def test_where_peaks_are_of_different_figures_each_cell_says_its_own(tmp_path: Path) -> None:
    view = table(tmp_path, [record(steps=1), record(steps=2, device_used_mib=500)])
    at = [column.label for column in view.columns].index("peak memory")
    assert [(row.cells[at].text, row.cells[at].detail) for row in view.rows] == [
        ("900 MiB", "resident in the process"),
        ("500 MiB", "used on the device"),
    ]


def test_a_limit_of_tensor_bytes_is_told_apart_from_the_resident_peak(tmp_path: Path) -> None:
    """Under ``--memory-limit 300MiB`` the column showed 900 MiB as the peak that kept to it."""
    limited = {"device": "Test CPU", "torch": "2.13.0", "memory_limit_bytes": 300 * MIB}
    view = table(tmp_path, [record(steps=1), record(steps=2)], fingerprint=limited)
    (hint,) = [c.hint or "" for c in view.columns if c.label.startswith("peak memory")]
    assert "the run's own limit of 300 MiB is of tensor bytes instead (allocated)" in hint
