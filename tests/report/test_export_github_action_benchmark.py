from __future__ import annotations

import json

from factories import derived, fidelity, record, run

from sdbench.report.export import export
from sdbench.report.export_github_action_benchmark import (
    WITHOUT_LATENCY,
    github_action_benchmark,
)
from sdbench.results.record import Status


def test_each_configuration_has_its_latency_and_its_memory(tmp_path):
    one = run(tmp_path, [record(steps=4, fidelity=fidelity(0.75))])
    export(one, "github-action-benchmark", tmp_path / "run.json")
    latency, memory, failed = json.loads((tmp_path / "run.json").read_text())
    assert latency == {
        "name": "4 steps: latency",
        "unit": "s",
        "value": 1.0,
        "range": "± 0.02",
        "extra": f"key {one.records[0].key}\nok\n6 calls\ninterval 980 ms to 1.02 s\nfidelity 0.75",
    }
    assert (memory["name"], memory["unit"], memory["value"]) == (
        "4 steps: peak memory",
        "MiB",
        200.0,
    )
    assert (failed["name"], failed["value"]) == (WITHOUT_LATENCY, 0)


def test_what_has_no_latency_is_counted_and_named(tmp_path):
    records = [record(steps=4), record(status=Status.OOM, steps=9)]
    *_, failed = github_action_benchmark(run(tmp_path, records, missing=["0123456789ab"]))
    assert failed["value"] == 2
    assert failed["extra"].splitlines()[0] == "9 steps: oom: it ended oom"
    assert "0123456789ab: missing: planned, and not measured" in failed["extra"]


def test_the_types_are_those_that_the_action_reads(tmp_path):
    """The action refuses an array whose elements are not {name, unit, value, range?, extra?}."""
    records = [record(steps=4), record(samples_s=[1.0], allocated_mib=None)]
    for entry in github_action_benchmark(run(tmp_path, records)):
        assert (
            {"name", "unit", "value"} <= set(entry) <= {"name", "unit", "value", "range", "extra"}
        )
        assert isinstance(entry["value"], (int, float))
        assert all(isinstance(value, str) for name, value in entry.items() if name != "value")


def test_no_two_entries_have_one_name(tmp_path):
    names = [
        entry["name"]
        for entry in github_action_benchmark(
            run(tmp_path, [record(steps=steps, batch_size=2) for steps in (1, 2, 3)])
        )
    ]
    assert len(set(names)) == len(names) == 7


def test_what_was_derived_is_left_out_and_counted(tmp_path):
    records = [record(steps=4), derived(steps=8), derived(steps=9)]
    *entries, failed = github_action_benchmark(run(tmp_path, records))
    assert len(entries) == 2
    assert failed["value"] == 0
    assert failed["extra"] == "left out, since derived and not measured: 2 configurations"
