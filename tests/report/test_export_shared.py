from __future__ import annotations

from factories import record, run

from sdbench.analysis.measurement import measurements
from sdbench.report.export_shared import latency_of, stable_names
from sdbench.results.record import Status


def test_a_name_does_not_depend_on_what_else_the_run_has(tmp_path):
    """A suite that grew by an axis renamed everything, and each history began anew."""
    (tmp_path / "more").mkdir()
    alone = run(tmp_path, [record(steps=4, dtype="fp16")])
    grown = run(tmp_path / "more", [record(steps=4, dtype="fp16"), record(steps=9, batch_size=2)])
    names = [stable_names(measurements(one)) for one in (alone, grown)]
    key = alone.records[0].key
    assert names[0][key] == names[1][key] == "4 steps, fp16"


def test_names_that_read_alike_have_their_keys(tmp_path):
    prompts = ["a " + "very " * 40 + end for end in ("fox", "hen")]
    names = stable_names(measurements(run(tmp_path, [record(prompt=one) for one in prompts])))
    assert len(set(names.values())) == 2
    assert all(name.endswith(f"({key})") for key, name in names.items())


def test_one_whose_settings_are_not_known_is_named_by_its_key(tmp_path):
    names = stable_names(measurements(run(tmp_path, [], missing=["0123456789ab"])))
    assert names == {"0123456789ab": "0123456789ab"}


def test_calls_before_a_timeout_are_no_latency(tmp_path):
    cut = record(status=Status.TIMEOUT, samples_s=(1.0, 1.1), steps=4)
    (timed_out,) = measurements(run(tmp_path, [cut]))
    assert latency_of(timed_out) is None
