"""``pytest --sdbench SUITE``: what is collected, stored by pytest-benchmark, and refused."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest
from plugin_sessions import (
    NAMES,
    Session,
    Write,
    fault,
    item,
    newest_run,
    stored,
)

pytest_plugins = ("pytester",)


def test_each_configuration_is_an_item_named_by_what_varies_in_the_order_of_the_plan(
    measure: Session, pytester: pytest.Pytester
) -> None:
    result = measure("--collect-only", "-q")
    assert result.outlines[:4] == [f"suites/ci.yaml::{name}" for name in NAMES]
    assert not (pytester.path / "results").exists()


def test_items_are_filtered_by_words_markers_and_node_ids(measure: Session) -> None:
    by_word = measure("--collect-only", "-q", "-k", "bf16 and not 10_steps")
    assert by_word.outlines[0] == item(2, "bf16")
    by_marker = measure("--collect-only", "-q", "-m", "sdbench(steps=10, dtype='fp32')")
    assert by_marker.outlines[0] == item(10, "fp32")
    by_node_id = measure("--collect-only", "-q", item(10, "bf16"))
    assert by_node_id.outlines[0] == item(10, "bf16")
    by_node_id.stdout.fnmatch_lines("1 test collected*")


def test_other_tests_run_only_where_they_are_named(
    measure: Session, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(test_unit="def test_unit(): pass")
    alone = measure("--collect-only", "-q")
    assert "test_unit" not in alone.stdout.str()
    both = measure("--collect-only", "-q", "test_unit.py")
    assert both.outlines[:2] == ["test_unit.py::test_unit", item(2, "fp32")]


def test_only_what_is_selected_is_planned_and_one_worker_measures_it(
    measure: Session, pytester: pytest.Pytester
) -> None:
    measure("-k", "fp32").assert_outcomes(passed=2, deselected=2)
    run = newest_run(pytester)
    assert [record.knobs["steps"] for record in run.records] == [2, 10]
    assert run.missing_keys == ()
    assert {record.worker for record in run.records} == {"worker-1"}


def test_stored_statistics_are_those_of_the_measured_samples_to_the_bit(
    measure: Session, pytester: pytest.Pytester
) -> None:
    measure("--benchmark-json=out.json").assert_outcomes(passed=4)
    benchmarks = stored(pytester, "out.json")
    assert sorted(benchmarks) == sorted(NAMES)
    for record in newest_run(pytester).records:
        found = benchmarks[f"{record.knobs['steps']}_steps-{record.knobs['dtype']}"]
        assert found["stats"]["data"] == list(record.samples_s)
        assert found["stats"]["median"] == median(record.samples_s)
        assert found["fullname"] == f"suites/ci.yaml::{found['name']}"
        assert found["group"] == "ci"
        assert found["options"]["timer"] == "measured_by_sdbench"
        told = found["extra_info"]
        assert (told["key"], told["status"], told["verdict"]) == (record.key, "ok", "ok")
        assert told["peak_allocated_bytes"] == record.peak_allocated_bytes.value
        assert told["fidelity"] is None


def test_runs_are_saved_and_compared_by_pytest_benchmark(measure: Session, script: Write) -> None:
    compared = ("--benchmark-compare=0001", "--benchmark-compare-fail=median:10%")
    measure("-k", "10_steps-fp32", "--benchmark-save=before")
    same = measure("-k", "10_steps-fp32", *compared)
    assert same.ret == pytest.ExitCode.OK
    same.stdout.fnmatch_lines("*10_steps-fp32 (0001_before)*")
    script(denoiser_s=0.03)
    slower = measure("-k", "10_steps-fp32", *compared)
    assert slower.ret != pytest.ExitCode.OK
    slower.stderr.fnmatch_lines("*Performance has regressed*")


def test_skipped_benchmarks_are_not_measured(measure: Session, pytester: pytest.Pytester) -> None:
    measure("--benchmark-skip").assert_outcomes(skipped=4)
    assert not (pytester.path / "results").exists()


def test_disabled_benchmarks_are_called_once_and_compared_with_nothing(
    measure: Session, pytester: pytest.Pytester, script: Write
) -> None:
    measure("-k", "2_steps-fp32").assert_outcomes(passed=1, deselected=3)
    script(denoiser_s=9.0)
    disabled = measure("-k", "2_steps", "--benchmark-disable", "--sdbench-baseline=results")
    disabled.assert_outcomes(passed=2, deselected=2)
    disabled.stdout.fnmatch_lines("*each configuration is called once, and nothing is compared")
    assert [len(record.samples_s) for record in newest_run(pytester).records] == [1, 1]


def test_only_benchmarks_are_run_where_that_is_asked(
    measure: Session, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(test_unit="def test_unit(): pass")
    measure("-k", "2_steps-fp32 or unit", "--benchmark-only", "test_unit.py").assert_outcomes(
        passed=1, skipped=1, deselected=3
    )


@pytest.mark.parametrize("arguments", [("-n", "2"), ("--dist", "load", "--tx", "popen")])
def test_parallel_sessions_are_refused_with_the_reason(
    measure: Session, arguments: tuple[str, ...]
) -> None:
    result = measure(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: --sdbench measures one configuration after the other: *")


def test_without_pytest_benchmark_the_suite_is_refused_and_other_tests_run(
    measure: Session, session: Session, pytester: pytest.Pytester
) -> None:
    refused = measure("-p", "no:benchmark")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines("ERROR: *pytest-benchmark, which is not there: install*")
    pytester.makepyfile(test_unit="def test_unit(): pass")
    pytester.makeconftest("")
    session("-p", "no:benchmark", "test_unit.py").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--sdbench", "suites/none.yaml"), "*none.yaml*"),
        (("--sdbench", "suites/bad.yaml"), "*suites/bad.yaml:*unknown key*"),
        (("--sdbench", "suites/ci.yaml", "--sdbench-baseline", "suites"), "*neither a run nor*"),
    ],
)
def test_a_suite_or_baseline_that_cannot_be_read_is_a_usage_error(
    session: Session, pytester: pytest.Pytester, arguments: tuple[str, ...], problem: str
) -> None:
    (pytester.path / "suites" / "bad.yaml").write_text("name: bad\naxis: {}\n")
    result = session(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"ERROR: {problem}")


def test_a_device_that_is_not_there_ends_the_session_as_a_usage_error(session: Session) -> None:
    result = session("--sdbench", "suites/ci.yaml", "--sdbench-device=scripted:none.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines("*Exit: sdbench: *none.json is no script of a device*")


def test_ctrl_c_ends_the_session_as_interrupted_and_leaves_no_worker(
    session: Session, pytester: pytest.Pytester, script: Write
) -> None:
    script(faults=[fault("hang", steps=10)])
    command = (
        *(sys.executable, "-u", "-m", "pytest", "-p", "no:cacheprovider", "-v"),
        *("--sdbench", "suites/ci.yaml", "--sdbench-device=scripted:device.json"),
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=pytester.path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "2_steps-fp32 PASSED" in line:
                break
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in output
    assert not _processes_with(f"SDBENCH_CONTROLLER={process.pid}")


def _processes_with(variable: str) -> list[str]:
    """Processes that a controller has started."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if variable in environment.read_text(errors="replace"):
                found.append(environment.parent.name)
        except OSError:
            continue
    return found
