from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from factories import NOT_COMPARABLE, around, derived, fidelity, inferred_oom, record, run

from sdbench.analysis.measurement import measurement_of
from sdbench.report.chart import nearest
from sdbench.report.view import report_view
from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Figure, Origin
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.prediction import Fit
from sdbench.results.record import Record, Status
from sdbench.units import GIB, MIB


def chart(folder: Path, records: list[Record], **fields: Any) -> Any:
    return report_view(run(folder, records, **fields)).chart


def test_points_can_be_coloured_by_fidelity_where_one_is_known(tmp_path: Path) -> None:
    records = [
        record(steps=20, fidelity=fidelity(0.9, 0.8)),
        record(steps=10, fidelity=Fidelity.absent(NOT_COMPARABLE)),
    ]
    found = chart(tmp_path, records)
    assert found["colour_by"] == ["fidelity", "steps"]
    assert found["has_fidelity"]


def test_without_any_fidelity_the_colours_are_those_of_knobs(tmp_path: Path) -> None:
    found = chart(tmp_path, [record(steps=20), record(steps=10)])
    assert found["colour_by"] == ["steps"]
    assert set(map(tuple, found["unbeaten"].values())) == {()}


def test_what_is_unbeaten_in_all_three_is_marked(tmp_path: Path) -> None:
    fast = record(steps=5, samples_s=around(1.0), fidelity=fidelity(0.3))
    faithful = record(steps=20, samples_s=around(4.0), fidelity=fidelity(0.9))
    beaten = record(steps=19, samples_s=around(5.0), fidelity=fidelity(0.8))
    found = chart(tmp_path, [fast, faithful, beaten])
    assert found["unbeaten"]["peak_memory_bytes"] == [0, 1]


def test_contents_do_not_beat_each_other(tmp_path: Path) -> None:
    better = record(guidance_scale=1.0, samples_s=around(1.0), fidelity=fidelity(0.9))
    worse = record(guidance_scale=7.5, samples_s=around(2.0), fidelity=fidelity(0.8))
    assert chart(tmp_path, [better, worse])["unbeaten"]["peak_memory_bytes"] == [0, 1]


def test_a_degenerate_point_is_never_unbeaten(tmp_path: Path) -> None:
    broken = record(steps=5, samples_s=around(0.1), fidelity=fidelity(0.3, is_degenerate=True))
    found = chart(tmp_path, [broken, record(steps=6, fidelity=fidelity(0.4))])
    assert found["has_degenerate"]
    assert found["unbeaten"]["peak_memory_bytes"] == [1]


def test_what_ran_out_stands_beside_its_nearest_timed_neighbour(tmp_path: Path) -> None:
    records = [
        record(steps=5, batch_size=1, dtype="bf16"),
        record(steps=5, batch_size=4),
        record(steps=5, batch_size=8, status=Status.OOM),
    ]
    # Of the batch alone the second differs, the first of the data type, too.
    found = chart(tmp_path, records)["ran_out"]
    assert found == {"rows": [2], "bytes": [None], "beside": [1]}


@pytest.mark.parametrize(
    ("moment", "run_limit_bytes", "expected"),
    [
        (OutOfMemory(phase="memory", limit_bytes=GIB, total_bytes=8 * GIB), None, GIB),
        (OutOfMemory(phase="memory", total_bytes=8 * GIB), None, 8 * GIB),
        (OutOfMemory(phase="memory", total_bytes=8 * GIB), 300 * MIB, 300 * MIB),
        (None, None, None),
    ],
)
def test_the_limit_under_which_memory_ran_out_is_the_narrowest_that_is_known(
    tmp_path: Path, moment: OutOfMemory | None, run_limit_bytes: int | None, expected: int | None
) -> None:
    limit = {} if run_limit_bytes is None else {"memory_limit_bytes": run_limit_bytes}
    records = [record(), record(steps=9, status=Status.OOM, fields={"out_of_memory": moment})]
    found = chart(tmp_path, records, fingerprint={"device": "Test CPU", **limit})
    assert found["ran_out"]["bytes"] == [expected]


def test_what_was_predicted_not_to_fit_stands_at_the_capacity_that_others_tell(
    tmp_path: Path,
) -> None:
    predicted = {
        "predicted_fit": Fit.DOES_NOT_FIT,
        "predicted_allocated_bytes": Figure(9 * GIB, Origin.PREDICTED),
    }
    moment = OutOfMemory(phase="memory", total_bytes=8 * GIB)
    records = [
        record(steps=1),
        record(steps=2, status=Status.OOM, fields={"out_of_memory": moment}),
        record(steps=3, status=Status.SKIPPED, fields=predicted),
        record(steps=4, status=Status.SKIPPED),
    ]
    found = chart(tmp_path, records)
    assert found["ran_out"] == {"rows": [1, 2], "bytes": [8 * GIB] * 2, "beside": [0, 0]}
    assert found["off_chart"] == 1


def test_where_nothing_was_timed_nothing_can_be_drawn(tmp_path: Path) -> None:
    found = chart(tmp_path, [record(steps=s, status=Status.OOM) for s in (1, 2)])
    assert not found["has_points"]
    assert found["ran_out"]["rows"] == []
    assert found["off_chart"] == 2


def test_the_nearest_is_the_one_that_differs_in_the_fewest_knobs() -> None:
    """Against every pair compared by hand."""
    names = ("steps", "dtype", "batch_size", "attention")
    measured = [
        measurement_of(record(steps=s, dtype=d, batch_size=b, attention=a))
        for s in (1, 2, 3)
        for d in ("fp32", "bf16")
        for b in (1, 2, 4)
        for a in ("sdpa", "eager")
    ]
    wanted, among = list(range(0, 36, 5)), [row for row in range(36) if row % 7 == 3]

    def differing(one: int, other: int) -> int:
        return sum(measured[one].knobs[n] != measured[other].knobs[n] for n in names)

    expected = [min(among, key=lambda row, one=one: (differing(one, row), row)) for one in wanted]
    assert nearest(measured, wanted, among, names) == expected


def test_what_follows_from_others_is_told_apart(tmp_path: Path) -> None:
    records = [record(), derived(dtype="bf16"), inferred_oom(batch_size=8)]
    found = chart(tmp_path, records)
    assert (found["has_derived"], found["has_inferred"]) == (True, True)
    assert found["ran_out"]["rows"] == [2]
    (tmp_path / "other").mkdir()
    plain = chart(tmp_path / "other", [record()])
    assert (plain["has_derived"], plain["has_inferred"]) == (False, False)
