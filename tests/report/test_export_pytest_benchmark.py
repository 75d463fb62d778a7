"""pytest-benchmark's JSON, held against pytest-benchmark itself."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from factories import derived, fidelity, record, run

from sdbench.report.export import export
from sdbench.report.export_pytest_benchmark import pytest_benchmark, stats
from sdbench.results.record import Status
from sdbench.units import MIB

THEIR_COMMAND = "import sys; from pytest_benchmark.cli import main; sys.exit(main())"


def their_compare(*arguments: str) -> str:
    pytest.importorskip("pytest_benchmark")
    finished = subprocess.run(
        [sys.executable, "-c", THEIR_COMMAND, "compare", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Failed to load" not in finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture
def two(tmp_path):
    """One configuration that was timed, and one that ran out of memory."""
    timed = record(steps=4, fidelity=fidelity(0.75))
    return run(tmp_path, [timed, record(status=Status.OOM, steps=9)])


def test_their_own_command_compares_two_exported_runs(two, tmp_path):
    (tmp_path / "slow").mkdir()
    slow = [record(steps=4, samples_s=[2.0] * 6), record(steps=9, samples_s=[4.0] * 6)]
    files = [str(tmp_path / name) for name in ("before.json", "after.json")]
    export(two, "pytest-benchmark", Path(files[0]))
    export(run(tmp_path / "slow", slow), "pytest-benchmark", Path(files[1]))
    shown = their_compare(*files, "--group-by=fullname", "--columns=median,rounds,iterations")
    assert "benchmark 'test::4 steps': 2 tests" in shown
    assert "benchmark 'test::9 steps': 1 tests" in shown
    rows = [line.split() for line in shown.splitlines() if line.startswith(("4 steps", "9 steps"))]
    assert [row[-2:] for row in rows] == [["6", "1"]] * 3
    assert "(2.00)" in rows[1]


def test_statistics_are_theirs():
    """All but what we do not claim: each field of theirs, for numbers of calls of every kind."""
    theirs = pytest.importorskip("pytest_benchmark.stats")
    generator = random.Random(1)
    for calls in (1, 2, 3, 4, 5, 6, 7, 8, 21, 30):
        samples = [generator.lognormvariate(0, 0.3) for _ in range(calls)]
        expected = theirs.Stats()
        for sample in samples:
            expected.update(sample)
        ours = stats(samples)
        for name, value in expected.as_dict().items():
            assert ours[name] == (value if name == "outliers" else pytest.approx(value)), name
        assert set(ours) - set(expected.as_dict()) == {"data", "iterations"}


def test_a_figure_for_one_call_is_not_divided_by_iterations_again(tmp_path):
    """pytest-codspeed stored times per iteration, and divided them by the iterations again.

    Calls of 2 s that draw four images each are calls of 2 s, one iteration a round, and their
    command shows 2,000 ms or 2 s, not 0.5.
    """
    four = run(tmp_path, [record(batch_size=4, samples_s=[2.0] * 6)])
    (benchmark,) = pytest_benchmark(four)["benchmarks"]
    shown = benchmark["stats"]
    assert shown["iterations"] == 1
    assert {shown[name] for name in ("min", "median", "mean", "max")} == {2.0}
    assert (shown["total"], shown["ops"]) == (12.0, 0.5)
    export(four, "pytest-benchmark", tmp_path / "four.json")
    columns = their_compare(str(tmp_path / "four.json"), "--columns=median", "--time-unit=s")
    assert "2.0000" in columns


def test_only_calls_that_were_run_are_counted(tmp_path):
    """pytest-codspeed stored the rounds that it had planned as if they had been run.

    Of seven calls six count, since one was throttled; the suite asks for other numbers.
    """
    marks = (False,) * 6 + (True,)
    seven = record(steps=4, samples_s=[1.0] * 6 + [9.0], fields={"is_throttled": marks})
    one = run(tmp_path, [seven])
    assert one.info.suite["measure"]["max_samples"] not in (6, 7)
    (benchmark,) = pytest_benchmark(one)["benchmarks"]
    assert (benchmark["stats"]["rounds"], benchmark["stats"]["data"]) == (6, [1.0] * 6)
    assert benchmark["extra_info"]["throttled_calls"] == 1


def test_a_benchmark_tells_its_settings_and_what_else_was_measured(tmp_path):
    records = [record(steps=4, fidelity=fidelity(0.75)), record(steps=9, batch_size=2)]
    first, second = pytest_benchmark(run(tmp_path, records))["benchmarks"]
    assert (first["name"], first["fullname"], first["group"]) == (
        "4 steps",
        "test::4 steps",
        "test",
    )
    assert second["params"] == {"steps": 9, "batch_size": 2}
    told = first["extra_info"]
    assert (told["key"], told["status"]) == (records[0].key, "ok")
    assert told["peak_allocated_bytes"] == 200 * MIB
    assert told["fidelity"] == 0.75


def test_what_has_no_times_is_listed_beside_the_benchmarks(two):
    content = pytest_benchmark(two)
    assert [one["name"] for one in content["benchmarks"]] == ["4 steps"]
    (failed,) = content["sdbench"]["without_times"]
    assert (failed["name"], failed["status"], failed["reason"]) == (
        "9 steps",
        "oom",
        "it ended oom",
    )


@pytest.mark.parametrize(
    ("commit", "id_and_dirt"),
    [("0123456789ab-dirty", ("0123456789ab", True)), (None, ("unversioned", False))],
)
def test_the_commit_is_told(tmp_path, commit, id_and_dirt):
    told = pytest_benchmark(run(tmp_path, [], environment={"commit": commit}))["commit_info"]
    assert (told["id"], told["dirty"]) == id_and_dirt


def test_the_file_has_the_keys_that_theirs_has(two, tmp_path):
    export(two, "pytest-benchmark", tmp_path / "run.json")
    content = json.loads((tmp_path / "run.json").read_text())
    assert {"machine_info", "commit_info", "benchmarks", "datetime", "version"} < set(content)
    (benchmark,) = content["benchmarks"]
    expected = {"group", "name", "fullname", "params", "param", "extra_info", "options", "stats"}
    assert set(benchmark) == expected


def test_what_was_derived_is_left_out_and_counted(tmp_path):
    content = pytest_benchmark(run(tmp_path, [record(steps=4), derived(steps=8)]))
    assert len(content["benchmarks"]) == 1
    assert content["sdbench"]["without_times"] == []
    assert content["sdbench"]["derived_left_out"] == 1
