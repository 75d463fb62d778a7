from __future__ import annotations

import json

import pytest
from factories import derived, fidelity, inferred_oom, record, run

from sdbench.report.export import export
from sdbench.report.export_bencher import LONGEST_NAME, bencher
from sdbench.results.record import Status
from sdbench.units import MIB


def test_latency_is_in_nanoseconds_with_its_interval(tmp_path):
    one = run(tmp_path, [record(steps=4, fidelity=fidelity(0.75))])
    export(one, "bencher", tmp_path / "run.json")
    assert json.loads((tmp_path / "run.json").read_text()) == {
        "4 steps": {
            "failures": {"value": 0},
            "latency": {"value": 1e9, "lower_value": 0.98e9, "upper_value": 1.02e9},
            "peak-memory": {"value": 200 * MIB},
            "fidelity": {"value": 0.75},
        }
    }


def test_what_failed_is_a_number_that_a_threshold_sees(tmp_path):
    """The format has no statuses: what ran out of memory would just be absent."""
    records = [record(steps=4), record(status=Status.OOM, steps=9)]
    content = bencher(run(tmp_path, records, missing=["0123456789ab"]))
    assert {name: one["failures"]["value"] for name, one in content.items()} == {
        "4 steps": 0,
        "9 steps": 1,
        "0123456789ab": 1,
    }
    assert set(content["9 steps"]) == {"failures"}


def test_a_single_call_has_no_interval(tmp_path):
    (one,) = bencher(run(tmp_path, [record(samples_s=[2.0], allocated_mib=None)])).values()
    assert one == {"failures": {"value": 0}, "latency": {"value": 2e9}}


def test_every_value_is_a_number(tmp_path):
    records = [record(steps=4), record(status=Status.ERROR, steps=9), record(samples_s=[1.0])]
    for measures in bencher(run(tmp_path, records)).values():
        for metric in measures.values():
            assert all(isinstance(value, (int, float)) for value in metric.values())
            assert "value" in metric


def test_a_name_that_bencher_would_refuse_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("sdbench.analysis.wording.LONGEST_VALUE", 3000)
    monkeypatch.setattr("sdbench.analysis.wording.shortened.__defaults__", (3000,))
    records = [record(prompt=f"a fox {'and a hen ' * 150}{end}") for end in "ab"]
    names = list(bencher(run(tmp_path, records)))
    assert len(set(names)) == 2
    assert all(len(name) == LONGEST_NAME for name in names)


@pytest.mark.parametrize("status", [Status.OK, Status.UNSTABLE])
def test_an_unstable_configuration_keeps_its_times(tmp_path, status):
    (one,) = bencher(run(tmp_path, [record(status=status)])).values()
    assert one["failures"]["value"] == 0
    assert "latency" in one


def test_what_was_derived_is_left_out_and_what_ran_out_by_inference_failed(tmp_path):
    found = bencher(run(tmp_path, [record(steps=4), derived(steps=8), inferred_oom(steps=9)]))
    assert list(found) == ["4 steps", "9 steps"]
    assert found["9 steps"] == {"failures": {"value": 1}}
