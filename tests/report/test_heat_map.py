from factories import PIPELINE, around, derived, fidelity, record, run, unscored

from sdbench.analysis.measurement import measurements
from sdbench.analysis.recommend import recommend_for_run
from sdbench.report.contents import contents
from sdbench.report.convergence import convergences
from sdbench.report.heat_map import HeatMap
from sdbench.report.view import report_view
from sdbench.results.record import Record
from sdbench.suite.model import Limits, Suite
from sdbench.units import MIB


def shown(tmp_path, records: list[Record], limits: Limits | None = None) -> HeatMap:
    suite = Suite(name="test", fixed={"pipeline": PIPELINE}, limits=limits or Limits())
    one = run(tmp_path, records, suite=suite)
    measured, advice = measurements(one), recommend_for_run(one)
    positions = {m.key: row for row, m in enumerate(measured)}
    (found,) = convergences(contents(measured, advice.names), advice, positions)
    return found.map


RECORDS = [
    record(
        scheduler="euler",
        steps=20,
        samples_s=around(4.0),
        fidelity=fidelity(0.9, denoiser_evaluations=20),
    ),
    record(
        scheduler="euler",
        steps=5,
        samples_s=around(1.0),
        fidelity=fidelity(0.4, denoiser_evaluations=5),
    ),
    record(
        scheduler="heun",
        steps=5,
        samples_s=around(2.0),
        fidelity=fidelity(0.6, denoiser_evaluations=9, is_degenerate=True),
    ),
]


def test_a_cell_tells_what_a_scheduler_reaches_and_how_long_it_takes(tmp_path):
    found = shown(tmp_path, RECORDS)
    assert found.steps == ("5 steps", "20 steps")
    euler, heun = found.rows
    # 10 dB are 0, 50 dB are 1.
    assert [(c.score, c.latency, c.details) for c in euler.cells if c] == [
        ("0.40", "1.00 s", "euler, 5 steps: 26.0 dB, 5 NFE"),
        ("0.90", "4.00 s", "euler, 20 steps: 46.0 dB, 20 NFE"),
    ]
    assert heun.cells[1] is None
    assert heun.cells[0] is not None
    assert heun.cells[0].is_degenerate


def test_colours_follow_fidelity_and_the_logarithm_of_seconds(tmp_path):
    found = shown(tmp_path, RECORDS)
    cells = [cell for row in found.rows for cell in row.cells if cell]
    assert [cell.fidelity for cell in cells] == [0.4, 0.9, 0.6]
    # 1 s is the fastest, 4 s the slowest, and 2 s midway.
    assert [round(cell.slowness or 0.0, 6) for cell in cells] == [0.0, 1.0, 0.5]


def test_cells_that_keep_to_the_limits_are_marked(tmp_path):
    found = shown(tmp_path, RECORDS, Limits(fidelity=0.5))
    fits = {
        (row.label, step): cell.fits
        for row in found.rows
        for step, cell in zip(found.steps, row.cells, strict=True)
        if cell
    }
    assert fits == {
        ("euler", "5 steps"): False,
        ("euler", "20 steps"): True,
        ("heun", "5 steps"): False,  # degenerate
    }
    assert found.is_limited


def test_without_limits_nothing_is_marked(tmp_path):
    assert not shown(tmp_path, RECORDS).is_limited


def test_a_cell_is_of_the_fastest_that_draws_the_picture_and_keeps_to_the_limits(tmp_path):
    first = record(steps=5, batch_size=1, samples_s=around(2.0), allocated_mib=100, rss_mib=None)
    records = [
        record(
            steps=5,
            batch_size=batch,
            samples_s=around(seconds),
            allocated_mib=mib,
            rss_mib=None,
            fidelity=fidelity(0.5, measured_with=first.key),
        )
        for batch, seconds, mib in ((1, 2.0, 100), (4, 4.0, 400), (2, 3.0, 150))
    ]
    other = record(steps=9, samples_s=around(9.0), fidelity=fidelity(0.7), rss_mib=None)
    found = shown(tmp_path, [*records, other], Limits(memory_bytes=300 * MIB))
    cell = found.rows[0].cells[0]
    assert cell is not None
    # 1.0, 1.5 and 2.0 s an image; the fastest does not fit.
    assert (cell.rows, cell.row, cell.latency, cell.fits) == ((1, 2, 0), 2, "1.50 s", True)


def test_a_scheduler_without_any_fidelity_tells_why(tmp_path):
    unknown = unscored("no twin")
    records = [*RECORDS, record(scheduler="euler_a", steps=5, fidelity=unknown)]
    found = shown(tmp_path, records)
    assert [(row.label, row.reason) for row in found.rows][-1] == ("euler_a", "no twin")
    assert found.rows[-1].style is None


def test_a_derived_latency_is_marked(tmp_path):
    records = [
        record(steps=5, samples_s=around(1.0), fidelity=fidelity(0.5)),
        derived(2.0, steps=10, fidelity=fidelity(0.8)),
    ]
    (item,) = report_view(run(tmp_path, records)).convergences
    (row,) = item.map.rows
    assert [cell.latency for cell in row.cells] == ["1.00 s", "≈2.00 s"]
