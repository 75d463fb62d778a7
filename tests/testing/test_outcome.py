from __future__ import annotations

import pytest
from factories import record

from sdbench.compare.comparison import Finding, Row, Unit
from sdbench.compare.verdict import Verdict
from sdbench.results.record import Record, Status
from sdbench.suite.gates import Gates
from sdbench.testing.outcome import Ending, outcome_against, outcome_alone

GATES = Gates()


def finding(metric: str, verdict: Verdict, is_gated: bool = True) -> Finding:
    return Finding(
        metric=metric, unit=Unit.SECONDS, verdict=verdict, reason="so it is", is_gated=is_gated
    )


def row(one: Record, *findings: Finding) -> Row:
    return Row(key=one.key, knobs=one.knobs, name="it", findings=findings)


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        (Status.OK, Ending.PASSED),
        (Status.UNSTABLE, Ending.PASSED),
        (Status.UNSUPPORTED, Ending.SKIPPED),
        (Status.OOM, Ending.FAILED),
        (Status.ERROR, Ending.FAILED),
        (Status.TIMEOUT, Ending.FAILED),
        (Status.SKIPPED, Ending.FAILED),
    ],
)
def test_without_a_baseline_the_status_decides(status: Status, ending: Ending) -> None:
    assert outcome_alone(record(status=status), GATES).ending is ending


def test_what_the_gates_leave_out_is_skipped_and_not_passed() -> None:
    outcome = outcome_alone(record(status=Status.OOM), Gates(status=False))
    assert outcome.ending is Ending.SKIPPED
    assert outcome.reasons == ("oom: it ended oom",)


def test_each_regression_is_a_reason_and_what_is_only_shown_is_none() -> None:
    one = record()
    found = row(
        one,
        finding("status", Verdict.SAME),
        finding("latency", Verdict.SLOWER),
        finding("load", Verdict.SLOWER, is_gated=False),
        finding("peak_allocated", Verdict.MORE),
    )
    outcome = outcome_against(found, one, GATES)
    assert outcome.ending is Ending.FAILED
    assert outcome.verdict == "SLOWER"
    assert outcome.reasons == ("latency: SLOWER, so it is", "peak_allocated: MORE, so it is")


def test_an_advisory_baseline_fails_nothing_but_what_is_missing() -> None:
    one = record()
    slower = row(one, finding("status", Verdict.SAME), finding("latency", Verdict.SLOWER))
    outcome = outcome_against(slower, one, GATES, ("another device",))
    assert (outcome.ending, outcome.verdict) == (Ending.PASSED, "SLOWER (advisory)")
    assert outcome.advisory == ("another device",)
    missing = row(one, finding("status", Verdict.MISSING))
    assert outcome_against(missing, one, GATES, ("another device",)).ending is Ending.FAILED


def test_what_runs_out_of_memory_fails_under_an_advisory_baseline_too() -> None:
    one = record(status=Status.OOM)
    same = row(one, finding("status", Verdict.SAME))
    assert outcome_against(same, one, GATES, ("another device",)).ending is Ending.FAILED


def test_missing_data_passes_only_where_the_gates_allow_it() -> None:
    one = record()
    missing = row(one, finding("status", Verdict.SAME), finding("latency", Verdict.MISSING))
    assert outcome_against(missing, one, GATES).ending is Ending.FAILED
    assert outcome_against(missing, one, Gates(missing=False)).ending is Ending.PASSED


@pytest.mark.parametrize(
    ("status", "verdict", "ending"),
    [
        (Status.OOM, Verdict.SAME, Ending.SKIPPED),
        (Status.OOM, Verdict.BROKEN, Ending.FAILED),
        (Status.UNSUPPORTED, Verdict.BROKEN, Ending.FAILED),
        (Status.OK, Verdict.FIXED, Ending.PASSED),
        (Status.OK, Verdict.AMBIGUOUS, Ending.PASSED),  # it ran in some of the baseline's rounds
    ],
)
def test_where_a_side_did_not_run_the_status_decides(
    status: Status, verdict: Verdict, ending: Ending
) -> None:
    one = record(status=status)
    assert outcome_against(row(one, finding("status", verdict)), one, GATES).ending is ending
