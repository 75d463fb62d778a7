"""The pytest plugin, in sessions of pytest's own: on a scripted device, and on tiny pipelines."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import tiny_pipelines

from sdbench.results.record import Status
from sdbench.results.store import Run, find_runs, read_run
from sdbench.run.environment import worker_environment
from sdbench.run.fork_launch import ForkServerLauncher

pytest_plugins = ("pytester",)

SUITE = """
name: ci
pipeline: {builtin: tiny}
axes:
  dtype: [fp32, bf16]
  steps: [2, 10]
measure: {warmup: 1, max_warmup: 1, min_samples: 3, max_samples: 3, timeout: 60s}
gates: {latency: 5%, between_runs: 1%, picture: off}
"""
NAMES = ("2_steps-fp32", "10_steps-fp32", "2_steps-bf16", "10_steps-bf16")
"""In the order of the plan."""

CONFTEST = """
def pytest_benchmark_generate_machine_info(config):
    return {"node": "test"}  # pytest-benchmark's own takes a second

def pytest_benchmark_generate_commit_info(config):
    return {"id": "test", "dirty": False}
"""
CHECKS = """
import pytest

QUICK = {{"max_warmup": 1, "min_samples": 2, "max_samples": 2}}
SMALL = {{"steps": 2, "height": 16, "width": 16, "measure": QUICK}}

@pytest.fixture
def pipe():
    import tiny_pipelines
    return tiny_pipelines.shared()

{tests}
"""

IMPORTED = """
sdbench.testing.suite_plugin sdbench.testing.check_plugin sdbench.tuning.applying
sdbench.tuning.local_worker sdbench.devices.cpu scipy.special
""".split()

Session = Callable[..., pytest.RunResult]
Write = Callable[..., None]


@pytest.fixture
def script(pytester: pytest.Pytester) -> Write:
    """What the scripted device does, from now on."""

    def write(**values: Any) -> None:
        script = {"noise_ratio": 0.001, **values}
        (pytester.path / "device.json").write_text(json.dumps(script))

    return write


class KeptLauncher(ForkServerLauncher):
    """Starts workers for the scripted device; its server outlives sessions and saves imports."""

    def close(self) -> None:
        pass


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """What a session inside imports it takes along when it ends; numpy and torch cannot come back.

    A pipeline of diffusers imports its parts only when it is made.
    """
    for name in IMPORTED:
        importlib.import_module(name)
    tiny_pipelines.shared()


@pytest.fixture(scope="module")
def launcher() -> Iterator[KeptLauncher]:
    modules = ("sdbench.run.worker", "sdbench.devices.scripted", "sdbench.pipelines.simulated")
    kept = KeptLauncher(worker_environment(os.environ), modules)
    yield kept
    ForkServerLauncher.close(kept)


@pytest.fixture
def session(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    script: Write,
    launcher: KeptLauncher,
) -> Session:
    """A session of pytest in a folder with a suite, a script for the device, and no tests."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setattr("sdbench.testing.suite_run.launcher_for", lambda *_: launcher)
    pytester.makeconftest(CONFTEST)
    (pytester.path / "suites").mkdir()
    write_suite(pytester)
    script()

    def run(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)

    return run


@pytest.fixture
def measure(session: Session, pytester: pytest.Pytester) -> Session:
    """A session that measures the suite."""

    def run(*arguments: str) -> pytest.RunResult:
        device = f"--sdbench-device=scripted:{pytester.path / 'device.json'}"
        return session("--sdbench", "suites/ci.yaml", device, *arguments)

    return run


@pytest.fixture
def check(session: Session, pytester: pytest.Pytester) -> Session:
    """A session with tests that use the fixture."""

    def run(tests: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_speed=CHECKS.format(tests=tests))
        return session(*arguments)

    return run


def write_suite(pytester: pytest.Pytester, text: str = SUITE) -> None:
    (pytester.path / "suites" / "ci.yaml").write_text(text)


def newest_run(pytester: pytest.Pytester, results: str = "results") -> Run:
    return read_run(find_runs(pytester.path / results)[-1])


def stored(pytester: pytest.Pytester, name: str) -> dict[str, Any]:
    """The benchmarks of a file that pytest-benchmark wrote, by name."""
    content = json.loads((pytester.path / name).read_text())
    return {one["name"]: one for one in content["benchmarks"]}


def item(steps: int, dtype: str) -> str:
    return f"suites/ci.yaml::{steps}_steps-{dtype}"


def fault(kind: str, **knobs: Any) -> Mapping[str, Any]:
    return {"fault": kind, "knobs": knobs}


# Collection


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


# pytest-benchmark


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


# What passes and what fails


def test_without_a_baseline_what_ran_passes_and_what_did_not_fails_by_its_reason(
    measure: Session, script: Write, pytester: pytest.Pytester
) -> None:
    script(faults=[fault("oom", steps=10, dtype="fp32"), fault("crash", steps=2, dtype="bf16")])
    result = measure("--benchmark-json=out.json")
    result.assert_outcomes(passed=2, failed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            f"*{NAMES[1]} *",
            "oom: *",
            "FAILED suites/ci.yaml::10_steps-fp32 - oom: *",
            "FAILED suites/ci.yaml::2_steps-bf16 - error: *SIGKILL*",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "not used at all" not in result.stdout.str()
    assert sorted(stored(pytester, "out.json")) == ["10_steps-bf16", "2_steps-fp32"]
    statuses = [record.status for record in newest_run(pytester).records]
    assert statuses == [Status.OK, Status.OOM, Status.ERROR, Status.OK]


def test_a_summary_names_latency_peak_fidelity_and_verdict(measure: Session) -> None:
    result = measure("-k", "2_steps-fp32")
    result.stdout.fnmatch_lines(
        [
            "*= sdbench =*",
            "configuration * latency * peak memory * fidelity * verdict",
            "2_steps-fp32 *107 ms * 3.88 GiB * – * ok",
            "results: *results/ci/*-scripted",
        ]
    )


def test_figures_go_to_the_junit_report_too(measure: Session, pytester: pytest.Pytester) -> None:
    measure("-k", "2_steps-fp32", "--junitxml=junit.xml")
    text = (pytester.path / "junit.xml").read_text()
    (record,) = newest_run(pytester).records
    assert f'<property name="latency_s" value="{median(record.samples_s)}" />' in text
    assert '<property name="verdict" value="ok" />' in text
    assert "None" not in text


def test_the_same_again_passes_against_the_baseline(measure: Session) -> None:
    measure("--sdbench-results=before").assert_outcomes(passed=4)
    again = measure("--sdbench-baseline=before")
    again.assert_outcomes(passed=4)
    again.stdout.fnmatch_lines(
        [
            "10_steps-fp32 * SAME",
            "slowdowns from 12.? % on would have been seen in each of them; *",
            "baseline: *before/ci/*",
        ]
    )


def test_a_slower_configuration_fails_by_the_gate_on_latency_and_is_stored_all_the_same(
    measure: Session, script: Write, pytester: pytest.Pytester
) -> None:
    measure("--sdbench-results=before")
    script(slowdowns=[{"ratio": 0.5, "knobs": {"steps": 10}}])
    result = measure("--sdbench-baseline=before", "--benchmark-json=out.json")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "latency: SLOWER, 5?.? % slower (*), beyond the margin of 5.0 %",
            "10_steps-fp32 * SLOWER",
        ]
    )
    assert sorted(stored(pytester, "out.json")) == sorted(NAMES)


def test_memory_that_grows_fails_by_its_gate(measure: Session, script: Write) -> None:
    measure("-k", "2_steps-fp32", "--sdbench-results=before")
    script(activation_bytes=1200 << 20)
    result = measure("-k", "2_steps-fp32", "--sdbench-baseline=before")
    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines("peak_allocated: MORE, *")


def test_what_ran_in_the_baseline_and_runs_out_of_memory_now_fails(
    measure: Session, script: Write
) -> None:
    measure("-k", "2_steps-fp32", "--sdbench-results=before")
    script(faults=[fault("oom")])
    result = measure("-k", "2_steps-fp32", "--sdbench-baseline=before")
    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines("status: BROKEN, ok -> oom: *")


def test_what_ran_out_of_memory_in_the_baseline_too_is_skipped(
    measure: Session, script: Write
) -> None:
    script(faults=[fault("oom")])
    measure("-k", "2_steps-fp32", "--sdbench-results=before").assert_outcomes(
        failed=1, deselected=3
    )
    result = measure("-k", "2_steps-fp32", "--sdbench-baseline=before", "-rs")
    result.assert_outcomes(skipped=1, deselected=3)
    result.stdout.fnmatch_lines("*no regression: oom -> oom*")


@pytest.mark.parametrize(("missing", "ending"), [("fail", "failed"), ("allow", "passed")])
def test_what_the_baseline_lacks_fails_unless_the_gates_allow_it(
    measure: Session, pytester: pytest.Pytester, missing: str, ending: str
) -> None:
    """pytest-benchmark lets a renamed benchmark that is ten times slower pass."""
    write_suite(pytester, SUITE.replace("picture: off", f"picture: off, missing: {missing}"))
    measure("-k", "2_steps-fp32", "--sdbench-results=before")
    result = measure("-k", "2_steps", "--sdbench-baseline=before")
    outcomes = {"passed": 1, "deselected": 2}
    outcomes[ending] = outcomes.get(ending, 0) + 1
    result.assert_outcomes(**outcomes)
    if ending == "failed":
        result.stdout.fnmatch_lines("status: MISSING, the baseline has no measurement of it*")


def test_on_another_device_the_baseline_only_advises(measure: Session, script: Write) -> None:
    measure("-k", "2_steps-fp32", "--sdbench-results=before")
    script(name="Another device", denoiser_s=0.5)
    result = measure("-k", "2_steps-fp32", "--sdbench-baseline=before")
    result.assert_outcomes(passed=1, deselected=3)
    result.stdout.fnmatch_lines(
        ["2_steps-fp32 * SLOWER (advisory)", "nothing fails by the baseline: *Another device*"]
    )


# Sessions that cannot be, or end early


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


START = """
import sys
import pytest

pytest.main(["-q", "-p", "no:cacheprovider"])
print(*sorted(name for name in sys.modules if name.split(".")[0] == "sdbench"))
print(*sorted({"torch", "pandas", "numpy", "pydantic", "click"} & {*sys.modules}))
"""


def test_a_session_that_does_not_use_it_imports_nothing_but_its_hooks(
    session: Session, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(test_unit="def test_unit(): pass")
    finished = subprocess.run(
        [sys.executable, "-c", START], cwd=pytester.path, capture_output=True, text=True, check=True
    )
    assert finished.stdout.splitlines()[-2:] == ["sdbench sdbench.pytest_plugin", ""]


# The fixture


def test_a_check_measures_a_pipeline_and_goes_to_pytest_benchmark(
    check: Session, pytester: pytest.Pytester
) -> None:
    result = check(
        """
def test_speed(sdbench, pipe):
    told = sdbench.check(pipe, prompt="a cat", max_latency="1h", max_memory="1TiB", **SMALL)
    assert len(told.samples_s) == 2
    assert min(told.samples_s) <= told.latency_s <= told.p95_s == max(told.samples_s)
    assert 0 < told.peak_memory_bytes < 100 << 20
""",
        "--benchmark-json=out.json",
        "--sdbench-results=checks",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*= sdbench checks =*", "test_speed.py::test_speed *MiB * ok"])
    (record,) = newest_run(pytester, "checks").records
    found = stored(pytester, "out.json")["test_speed"]
    assert found["stats"]["data"] == list(record.samples_s)
    assert found["extra_info"]["peak_allocated_bytes"] == record.peak_allocated_bytes.value
    assert (pytester.path / "checks" / "test_speed.py-test_speed").is_dir()


def test_a_broken_limit_fails_the_test_where_it_checks(check: Session) -> None:
    result = check(
        """
def test_slow(sdbench, pipe):
    sdbench.check(pipe, max_latency="1us", max_memory="1KiB", **SMALL)

def test_wrong_unit(sdbench, pipe):
    sdbench.check(pipe, max_latency="1 parsec", **SMALL)

def test_wrong_setting(sdbench, pipe):
    sdbench.check(pipe, stepz=4)

def test_loaded_otherwise(sdbench, pipe):
    sdbench.check(pipe, dtype="fp16")
"""
    )
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            '>       sdbench.check(pipe, max_latency="1us", max_memory="1KiB", [*][*]SMALL)',
            "E       Failed: sdbench.check of test_speed.py::test_slow:",
            "E       max_latency: the p95 of 2 calls of * exceeds *",
            "E       max_memory: the peak of * MiB exceeds 1.00 KiB",
            "E       Failed: sdbench.check: max_latency: '1 parsec' is not legal: *",
            "E       Failed: sdbench.check: *stepz: unknown knob: did you mean 'steps'*",
            "E       Failed: sdbench.check: dtype is settled when a pipeline is loaded, *",
            "FAILED test_speed.py::test_slow *",
        ]
    )
    assert "in_process.py" not in result.stdout.str()


def test_several_checks_of_a_test_need_names_and_the_first_is_the_benchmark(
    check: Session, pytester: pytest.Pytester
) -> None:
    result = check(
        """
def test_two(sdbench, pipe):
    sdbench.check(pipe, **SMALL)
    sdbench.check(pipe, name="wide", **{**SMALL, "width": 32})

def test_nameless(sdbench, pipe):
    sdbench.check(pipe, **SMALL)
    sdbench.check(pipe, **SMALL)
""",
        "--benchmark-json=out.json",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines("*another check of this test has no name already*")
    found = stored(pytester, "out.json")["test_two"]["extra_info"]
    assert found["checks"]["wide"]["key"] != found["key"]


def test_a_check_with_gates_is_held_against_the_baselines_run_of_the_same_test(
    check: Session,
) -> None:
    gated = """
GATES = {"latency": "off", "memory_growth": 0}

def test_same(sdbench, pipe):
    sdbench.check(pipe, gates=GATES, **SMALL)
"""
    check(gated, "--sdbench-results=checks").assert_outcomes(passed=1)
    again = check(
        gated
        + """
def test_new(sdbench, pipe):
    sdbench.check(pipe, gates={**GATES, "missing": "fail"}, **SMALL)
""",
        "--sdbench-baseline=checks",
    )
    again.assert_outcomes(passed=1, failed=1)
    again.stdout.fnmatch_lines(
        ["E * holds no run of this check", "test_speed.py::test_same * SAME"]
    )
    larger = gated.replace("**SMALL", '**{**SMALL, "batch_size": 2}')
    changed = check(larger, "--sdbench-baseline=checks")
    changed.assert_outcomes(failed=1)
    changed.stdout.fnmatch_lines("E       status: MISSING, the baseline has no measurement of it*")


def test_a_baseline_that_is_not_there_fails_a_check_with_gates_before_it_is_measured(
    check: Session,
) -> None:
    result = check(
        """
def test_gated(sdbench, pipe):
    sdbench.check(pipe, gates={}, **SMALL)
""",
        "--sdbench-baseline=none",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("E       Failed: sdbench.check: *none is neither a run nor*")
    assert "sdbench checks" not in result.stdout.str()


def test_the_pipeline_is_left_as_it_was(check: Session) -> None:
    shared = tiny_pipelines.shared()
    before = (shared.scheduler, type(shared.unet), dict(vars(shared.unet)))
    check(
        """
def test_sliced(sdbench, pipe):
    sdbench.check(pipe, scheduler="euler", attention_slicing="max", channels_last="on", **SMALL)
"""
    ).assert_outcomes(passed=1)
    assert (shared.scheduler, type(shared.unet), dict(vars(shared.unet))) == before


def test_a_check_works_without_pytest_benchmark(
    check: Session, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pytest_benchmark", None)  # as if it were not installed
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (pytester.path / "conftest.py").unlink()
    result = check(
        """
def test_speed(sdbench, pipe):
    assert len(sdbench.check(pipe, **SMALL).samples_s) == 2
""",
        *("-p", "sdbench.pytest_plugin"),
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines("test_speed.py::test_speed * ok")


def test_disabled_benchmarks_are_called_once_and_held_to_limits_on_memory_alone(
    check: Session,
) -> None:
    result = check(
        """
def test_time(sdbench, pipe):
    assert len(sdbench.check(pipe, max_latency="1us", **SMALL).samples_s) == 1

def test_memory(sdbench, pipe):
    sdbench.check(pipe, max_memory="1KiB", **SMALL)
""",
        "--benchmark-disable",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines("FAILED test_speed.py::test_memory *")


def test_a_users_own_benchmark_beside_the_fixture_is_timed_by_the_real_clock(
    check: Session, pytester: pytest.Pytester
) -> None:
    check(
        """
def test_own(benchmark, sdbench):
    benchmark.pedantic(sorted, ([3, 1, 2],), rounds=3)
""",
        "--benchmark-json=out.json",
    ).assert_outcomes(passed=1)
    assert 0 < stored(pytester, "out.json")["test_own"]["stats"]["min"] < 10


def test_benchmarks_are_skipped_or_chosen_with_the_fixture_too(check: Session) -> None:
    tests = """
def test_speed(sdbench, pipe):
    sdbench.check(pipe, **SMALL)

def test_unit():
    pass
"""
    check(tests, "--benchmark-skip").assert_outcomes(passed=1, skipped=1)
    check(tests, "--benchmark-only").assert_outcomes(passed=1, skipped=1)
