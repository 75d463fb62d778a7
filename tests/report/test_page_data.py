"""The figures that the page computes the answer from: exact, and numbered where they repeat."""

from __future__ import annotations

import json
from typing import Any

import pytest
from factories import around, fidelity, record, run, unscored
from random_runs import random_run

from sdbench.analysis.code import python_code
from sdbench.analysis.measurement import measurements
from sdbench.analysis.recommend import recommend_for_run
from sdbench.analysis.suite_lines import reproducing_suite
from sdbench.report.documents import Documents, documents
from sdbench.report.html import island
from sdbench.report.page_data import UNKNOWN, page_data
from sdbench.results.record import Status
from sdbench.results.store import Run
from sdbench.suite.defaults import default_configurations
from sdbench.suite.load import suite_from_json
from sdbench.suite.model import Axis, Limits, Suite
from sdbench.units import MIB

FIXED = {"pipeline": {"builtin": "tiny"}}


def page_of(one: Run) -> dict[str, Any]:
    """What the page of a run reads, once through JSON."""
    suite = suite_from_json(one.info.suite)
    measured = measurements(one)
    data = page_data(
        measured,
        recommend_for_run(one),
        default_configurations(suite),
        documents(measured, suite, "cpu"),
        one.folder.name,
    )
    read: dict[str, Any] = json.loads(island(data))
    return read


def test_the_figures_are_those_of_the_records_to_the_last_bit(tmp_path):
    one = random_run(tmp_path, 3, {"steps": (4, 20), "dtype": ("fp32", "bf16")})
    page = page_of(one)
    rows = page["rows"]
    for row, m in enumerate(measurements(one)):
        assert rows["key"][row] == m.key
        assert page["statuses"][rows["status"][row]] == m.status_word
        assert rows["latency_s"][row] == (m.latency.point if m.latency else None)
        assert rows["p95_s"][row] == m.p95_s
        assert rows["fidelity"][row] == m.fidelity_score
        assert rows["worst_fidelity"][row] == m.fidelity.worst_score
        assert rows["memory"]["peak_memory_bytes"][row] == m.peak_memory_bytes
        figure = rows["peak_figure"][row]
        name = None if figure == UNKNOWN else page["figures"][figure]["name"]
        assert name == m.peak_memory_figure
        assert rows["confirmed_rounds"][row] == m.confirmed_rounds
    assert all(len(column) == 5 for column in rows.values() if isinstance(column, list))


def test_values_of_a_knob_are_numbered_in_a_sensible_order(tmp_path):
    records = [record(steps=steps, scheduler=name) for steps in (20, 5) for name in ("lms", "ddim")]
    page = page_of(run(tmp_path, records))
    assert [value["cell"] for value in page["values"]["steps"]] == ["5", "20"]
    assert [value["text"] for value in page["values"]["steps"]] == ["5 steps", "20 steps"]
    assert page["values"]["steps"][0]["sort"] == 5
    assert [value["cell"] for value in page["values"]["scheduler"]] == ["ddim", "lms"]
    assert page["rows"]["knobs"] == {"scheduler": [1, 0, 1, 0], "steps": [1, 1, 0, 0]}


def test_a_single_sample_has_no_interval_and_a_failure_no_figure(tmp_path):
    records = [
        record(steps=5, samples_s=(1.0,)),
        record(steps=6, samples_s=around(2.0)),
        record(steps=7, status=Status.OOM),
    ]
    rows = page_of(run(tmp_path, records, missing=["beef"]))["rows"]
    assert rows["low_s"] == [None, 1.96, None, None]
    assert rows["latency_s"] == [1.0, 2.0, None, None]
    assert rows["count"] == [1, 6, 0, 0]
    assert rows["memory"]["peak_memory_bytes"] == [900 * MIB, 900 * MIB, None, None]
    assert rows["is_known"] == [True, True, True, False]
    assert rows["knobs"]["steps"] == [0, 1, 2, UNKNOWN]


def test_reasons_that_repeat_are_told_once(tmp_path):
    records = [
        record(steps=5, fidelity=unscored("it is random")),
        record(steps=6, fidelity=unscored("it is random")),
        record(steps=7, fidelity=fidelity(0.9)),
        record(steps=8, status=Status.OOM),
    ]
    page = page_of(run(tmp_path, records))
    texts = page["texts"]
    assert texts.count("it is random") == 1
    number = texts.index("it is random")
    assert page["rows"]["fidelity_reason"][:3] == [number, number, UNKNOWN]
    assert texts[page["rows"]["reason"][3]] == "it ended oom"


def test_groups_compete_by_steps_and_under_a_fidelity_limit_across_them(tmp_path):
    records = [record(steps=s, height=h) for s in (5, 20) for h in (64, 128)]
    groups = page_of(run(tmp_path, records))["groups"]
    assert [(group["label"], group["rows"]) for group in groups["by_steps"]] == [
        ("20 steps, height 128", [3]),
        ("20 steps, height 64", [2]),
        ("5 steps, height 128", [1]),
        ("5 steps, height 64", [0]),
    ]
    assert [(group["label"], group["rows"]) for group in groups["across_steps"]] == [
        ("height 128", [1, 3]),
        ("height 64", [0, 2]),
    ]
    assert groups["across_steps"][0]["names"] == ["steps"]
    assert groups["by_steps"][0]["own_settings"] == "20 steps, height 128"


def test_the_default_of_each_picture_is_the_one_of_its_content(tmp_path):
    suite = Suite(
        name="test", fixed=FIXED, axes=(Axis("height", (64, 128)), Axis("dtype", ("bf16",)))
    )
    records = [record(height=h, dtype=d) for h in (64, 128) for d in ("bf16", "fp32")]
    page = page_of(run(tmp_path, records, suite=suite))
    assert page["default_row"] == [1, 1, 3, 3]


def test_the_limits_are_the_suites_and_none_where_it_has_none(tmp_path):
    limits = Limits(memory_bytes=700 * MIB, headroom_ratio=0.1)
    page = page_of(run(tmp_path, [record()], suite=Suite(name="test", fixed=FIXED, limits=limits)))
    assert page["limits"] == {
        "memory_bytes": 700 * MIB,
        "latency_s": None,
        "fidelity": None,
        "batch_size": None,
        "headroom_ratio": 0.1,
        "run_memory_bytes": None,
    }


def test_every_configuration_that_can_be_recommended_has_its_python_and_its_suite(tmp_path):
    records = [
        record(steps=5, dtype="bf16"),
        record(steps=6, status=Status.OOM),
        record(steps=7, fidelity=fidelity(0.1, is_degenerate=True)),
        record(steps=20, batch_size=4, prompt="a\nprompt of two lines"),
    ]
    one = run(tmp_path, records)
    suite = suite_from_json(one.info.suite)
    written = documents(measurements(one), suite, "cuda:0")
    for row, steps in ((0, 5), (3, 20)):
        values = records[row].knobs
        assert values["steps"] == steps
        assert written.text(written.code[row]) == python_code(suite, values, "cuda:0")
        assert written.text(written.suite[row]) == reproducing_suite(suite, values)
    assert [text is None for text in written.code] == [False, True, True, False]
    assert [text is None for text in written.suite] == [False, True, True, False]


def test_lines_that_scripts_share_are_kept_once(tmp_path):
    records = [record(steps=steps, scheduler="euler") for steps in range(10, 60)]
    written = documents(
        measurements(run(tmp_path, records)), Suite(name="test", fixed=FIXED), "cpu"
    )
    assert len(written.lines) == len(set(written.lines))
    # Of the scripts one line differs, and of the suites one.
    assert len(written.lines) < 2 * len(records) + 30


def test_nothing_that_a_prompt_holds_ends_the_island(tmp_path):
    prompt = "</script><script>alert(1)</script><!-- \u2028"
    one = run(tmp_path, [record(prompt=prompt), record(prompt="b")])
    suite = suite_from_json(one.info.suite)
    measured = measurements(one)
    data = page_data(measured, recommend_for_run(one), (), documents(measured, suite, "cpu"), "run")
    text = island(data)
    assert not set("<>&\u2028") & set(text)
    assert any("alert(1)" in line for line in json.loads(text)["documents"]["lines"])


@pytest.mark.parametrize("number", [0, 1])
def test_a_run_of_nothing_or_of_one_has_a_page_too(tmp_path, number):
    page = page_of(run(tmp_path, [record(**{"dtype": "bf16"})] * number))
    assert page["names"] == []
    assert len(page["rows"]["key"]) == number
    assert page["plain_settings"] == ("bf16" if number else "the pipeline as it is shipped")


def test_documents_of_nothing_are_empty():
    empty = Documents((), (), ())
    assert empty.to_json() == {"lines": (), "code": (), "suite": ()}
    assert empty.text(None) is None
