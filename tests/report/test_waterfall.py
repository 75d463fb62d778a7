from dataclasses import replace

from factories import around, derived, fidelity, knobs, record, run, unscored
from picture_files import write_pictures

from sdbench.analysis.measurement import measurements
from sdbench.analysis.recommend import recommend
from sdbench.report.pictures import Album
from sdbench.report.waterfall import WaterfallView, waterfall_view
from sdbench.results.record import Record
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Limits, Objective
from sdbench.units import MIB

DEFAULT_KEY = Configuration(knobs()).key


def shown(tmp_path, records: list[Record], limits: Limits | None = None) -> WaterfallView | None:
    tmp_path.mkdir(exist_ok=True)
    one = write_pictures(run(tmp_path, records))
    measured = measurements(one)
    advice = recommend(measured, limits or Limits(), Objective(), default_keys={DEFAULT_KEY})
    return waterfall_view(measured, advice, Album(one.folder))


RECORDS = [
    record(samples_s=around(8.0), allocated_mib=4096, fidelity=fidelity(0.9)),
    record(dtype="bf16", samples_s=around(4.0), allocated_mib=2048, fidelity=fidelity(0.85)),
    record(
        dtype="bf16",
        vae_slicing="on",
        samples_s=around(3.98),
        allocated_mib=1024,
        fidelity=fidelity(0.85),
    ),
]


def test_each_row_says_what_was_turned_and_what_it_changed(tmp_path):
    found = shown(tmp_path, RECORDS)
    assert found is not None
    start, dtype, slicing = found.rows
    assert (start.changes, dtype.changes) == ((), (("dtype", "fp32", "bf16"),))
    assert slicing.changes == (("vae_slicing", "off", "on"),)
    assert (dtype.latency.text, dtype.latency.change) == ("4.00 s", "2.0 times as fast")
    assert (slicing.latency.change, slicing.kind) == ("within noise", "within_noise")
    assert (dtype.memory.text, dtype.memory.change) == ("2.00 GiB", "−2.00 GiB")
    assert (dtype.fidelity.text, dtype.fidelity.change) == ("0.85", "−0.05")
    assert dtype.fidelity.is_worse
    assert not dtype.memory.is_worse
    assert slicing.fidelity.change == "the same"
    assert found.total == "Together: an image 2.0 times as fast."
    assert found.memory_word == "allocated"
    assert found.remarks == ()


def test_bars_stand_on_one_scale_and_hang_where_the_row_above_ends(tmp_path):
    found = shown(tmp_path, RECORDS)
    assert found is not None
    bars = [(round(row.left, 4), round(row.width, 4)) for row in found.rows]
    # From 8 s: to 4 s is the right half, to 3.98 s the next 0.02 / 8.
    assert bars == [(0.0, 1.0), (0.5, 0.5), (0.4975, 0.0025)]
    assert [row.row for row in found.rows] == [0, 1, 2]


def test_a_step_that_costs_time_and_memory_is_marked(tmp_path):
    records = [
        record(samples_s=around(2.0), allocated_mib=100),
        record(attention_slicing="max", samples_s=around(3.0), allocated_mib=400),
        record(attention_slicing="max", dtype="bf16", samples_s=around(1.0), allocated_mib=401),
    ]
    found = shown(tmp_path, records)
    assert found is not None
    assert (found.rows[1].kind, found.rows[1].latency.change) == ("slower", "1.50 times as long")
    assert found.rows[1].latency.is_worse
    assert found.rows[1].memory.is_worse
    # Below the bound under which a growth is no regression.
    assert found.rows[2].memory.change == "no weighty change"
    assert not found.has_fidelity


def test_several_knobs_at_once_and_another_start_are_said(tmp_path):
    records = [
        record(steps=20, samples_s=around(2.0)),
        record(steps=20, dtype="bf16", vae_slicing="on", samples_s=around(1.0)),
    ]
    found = shown(tmp_path, records)
    assert found is not None
    assert found.remarks == (
        "It begins with the plainest configuration that was measured (fp32, vae_slicing off): the "
        "default configuration was not measured.",
        "Where a step turns several knobs at once, what lies between was not measured.",
    )


def test_a_beginning_that_is_derived_is_not_called_measured(tmp_path):
    found = shown(tmp_path, [derived(4.0, steps=20), record(steps=20, dtype="bf16")])
    assert found is not None
    assert found.remarks[0].startswith("It begins with the plainest configuration that was derived")


def test_pictures_are_those_that_the_run_kept(tmp_path):
    records = [replace(RECORDS[0], fidelity=unscored("no reference", pictures={})), *RECORDS[1:]]
    found = shown(tmp_path, records)
    assert found is not None
    assert [row.picture is not None for row in found.rows] == [False, True, True]
    assert found.rows[0].fidelity.text == "–"
    assert found.rows[1].fidelity.change == ""


def test_the_page_says_whether_limits_stand_behind_it(tmp_path):
    limited = shown(tmp_path, RECORDS, Limits(memory_bytes=5000 * MIB))
    assert limited is not None
    assert limited.is_limited
    free = shown(tmp_path / "free", RECORDS)
    assert free is not None
    assert not free.is_limited


def test_the_default_as_the_recommended_one_has_no_way_to_show(tmp_path):
    records = [record(samples_s=around(1.0)), record(dtype="bf16", samples_s=around(2.0))]
    assert shown(tmp_path, records) is None
