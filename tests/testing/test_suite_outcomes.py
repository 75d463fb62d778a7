"""``pytest --sdbench SUITE``: which configurations pass, fail and are skipped, and what is told."""

from __future__ import annotations

from statistics import median

import pytest
from plugin_sessions import (
    NAMES,
    SUITE,
    Session,
    Write,
    fault,
    newest_run,
    stored,
    write_suite,
)

from sdbench.results.record import Status

pytest_plugins = ("pytester",)


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
