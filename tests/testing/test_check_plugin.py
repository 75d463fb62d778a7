"""The fixture ``sdbench``: a pipeline of the test's own, measured where it is."""

from __future__ import annotations

import sys

import pytest
import tiny_pipelines
from plugin_sessions import (
    Session,
    newest_run,
    stored,
)

pytest_plugins = ("pytester",)


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


@pytest.fixture
def check(session: Session, pytester: pytest.Pytester) -> Session:
    """A session with tests that use the fixture."""

    def run(tests: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_speed=CHECKS.format(tests=tests))
        return session(*arguments)

    return run


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


def test_a_project_s_own_fixture_that_asks_for_it_uses_it(
    session: Session, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def sdbench(sdbench):
            return sdbench

        def test_wrapped(sdbench):
            pass
        """
    )
    session("--benchmark-skip").assert_outcomes(skipped=1)
