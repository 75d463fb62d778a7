from typing import Any

from factories import NOT_COMPARABLE, derived, fidelity, inferred_oom, record, run

from sdbench.report.rows import Cell, TableView
from sdbench.report.view import report_view
from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Figure, Origin
from sdbench.results.prediction import Fit
from sdbench.results.record import Record, Status
from sdbench.units import MIB


def table(tmp_path, records: list[Record]) -> TableView:
    return report_view(run(tmp_path, records)).table


def cells(view: TableView, label: str) -> list[Cell]:
    at = [column.label for column in view.columns].index(label)
    return [row.cells[at] for row in view.rows]


def test_fidelity_worst_picture_and_numerical_error_have_columns_that_sort(tmp_path):
    view = table(tmp_path, [record(steps=s, fidelity=fidelity(s / 10, 0.1)) for s in (9, 4)])
    assert [(c.text, c.sort) for c in cells(view, "fidelity")] == [("0.90", 0.9), ("0.40", 0.4)]
    assert [c.text for c in cells(view, "worst picture")] == ["0.10", "0.10"]
    # The median of 58 and 60 dB.
    assert [(c.text, c.sort) for c in cells(view, "numerical error")] == [("59.0 dB", 59.0)] * 2


def test_a_fidelity_that_is_absent_is_a_dash_with_the_reason(tmp_path):
    records = [
        record(steps=9, fidelity=fidelity(0.9)),
        record(
            steps=4,
            fidelity=Fidelity(reason=NOT_COMPARABLE, numerical_reason="fp32 does not fit"),
        ),
    ]
    view = table(tmp_path, records)
    absent = cells(view, "fidelity")[1]
    assert (absent.text, absent.sort, absent.remark) == ("–", None, NOT_COMPARABLE)
    assert cells(view, "numerical error")[1].remark == "fp32 does not fit"


def test_a_degenerate_picture_is_marked(tmp_path):
    records = [
        record(steps=9, fidelity=fidelity(0.9)),
        record(steps=4, fidelity=fidelity(0.1, is_degenerate=True)),
    ]
    assert [c.detail for c in cells(table(tmp_path, records), "fidelity")] == [None, "degenerate"]


def test_a_round_that_ended_early_says_so_in_its_status_alone(tmp_path):
    records = [record(steps=9, fidelity=fidelity(0.9)), record(steps=4, status=Status.OOM)]
    assert cells(table(tmp_path, records), "fidelity")[1] == Cell("–")


def test_a_fidelity_that_nobody_has_is_said_once(tmp_path):
    off = Fidelity.absent("the suite says `fidelity: off`")
    view = table(tmp_path, [record(steps=s, fidelity=off) for s in (4, 9)])
    assert "fidelity" not in [column.label for column in view.columns]
    assert ("fidelity", "not available: the suite says `fidelity: off`") in [
        (fact.label, fact.text) for fact in view.shared
    ]


def _predicted(peak_mib: int, fit: Fit, **fields: Any) -> dict[str, Any]:
    figure = Figure(peak_mib * MIB, Origin.PREDICTED)
    return {"predicted_allocated_bytes": figure, "predicted_fit": fit, **fields}


def test_a_prediction_stands_beside_the_measured_peak_with_its_error(tmp_path):
    records = [
        record(steps=9, fields=_predicted(202, Fit.FITS)),
        record(steps=4, fields=_predicted(198, Fit.FITS)),
    ]
    view = table(tmp_path, records)
    # 200 MiB were measured.
    assert [(c.text, c.detail) for c in cells(view, "allocated, predicted")] == [
        ("202 MiB", "+1.0%"),
        ("198 MiB", "-1.0%"),
    ]
    assert {c.origin for c in cells(view, "allocated, predicted")} == {Origin.PREDICTED}


def test_what_was_predicted_not_to_fit_is_told_apart_from_what_was_skipped(tmp_path):
    records = [
        record(steps=9, fields=_predicted(200, Fit.FITS)),
        record(steps=4, status=Status.SKIPPED, fields=_predicted(900, Fit.DOES_NOT_FIT)),
        record(steps=3, status=Status.SKIPPED),
    ]
    view = report_view(run(tmp_path, records))
    assert [row.status for row in view.table.rows] == ["ok", "predicted-oom", "skipped"]
    assert [(c.text, c.origin) for c in cells(view.table, "allocated, predicted")][1:] == [
        ("900 MiB", Origin.PREDICTED),
        ("–", None),
    ]
    assert "predicted not to fit into memory" in [count.words for count in view.counts]


def test_a_run_without_predictions_says_nothing_of_them(tmp_path):
    view = table(tmp_path, [record(steps=9), record(steps=4)])
    assert "allocated, predicted" not in [column.label for column in view.columns]
    assert "allocated, predicted" not in [fact.label for fact in view.shared]


def test_settings_come_first_then_what_decides(tmp_path):
    records = [record(steps=s, fidelity=fidelity(s / 10)) for s in (9, 4)]
    assert [column.label for column in table(tmp_path, records).columns][:7] == [
        "steps",
        "latency an image",
        "peak memory, resident in the process",
        "fidelity",
        "worst picture",
        "p95 of a call",
        "latency of a call",
    ]


def test_a_run_with_derived_latencies_has_a_column_of_their_origin(tmp_path):
    view = table(tmp_path, [record(steps=4), derived(steps=8, sources=3), inferred_oom(steps=9)])
    assert [row.status for row in view.rows] == ["ok", "derived", "inferred-oom"]
    measured, told, ran_out = cells(view, "origin")
    assert (measured.text, told.text, told.detail) == ("measured", "derived", "from 3")
    assert ran_out.text == "–"
    for label in ("latency an image", "p95 of a call", "allocated"):
        origins = [cell.origin and cell.origin.value for cell in cells(view, label)]
        assert origins == ["measured", "derived", None]
    assert view.rows[1].reason.startswith("derived from 3 measured configurations")


def test_a_run_in_which_all_was_measured_has_no_such_column(tmp_path):
    view = table(tmp_path, [record(steps=4), record(steps=8)])
    assert "origin" not in [column.label for column in view.columns]
    assert "origin" not in [one.label for one in view.shared]
