from __future__ import annotations

from pathlib import Path

import factories
import pytest

from sdbench.compare.evidence import Evidence
from sdbench.compare.status import status_finding
from sdbench.compare.verdict import Verdict
from sdbench.results.prediction import Fit
from sdbench.results.record import Record, Status
from sdbench.suite.gates import Gates

OK, OOM, ERROR = Status.OK, Status.OOM, Status.ERROR


def side(*statuses: Status) -> dict[int, Record]:
    return {
        number: factories.record(status=status, fields={"round": number})
        for number, status in enumerate(statuses)
    }


def evidence(
    before: dict[int, Record], after: dict[int, Record], gates: Gates | None = None
) -> Evidence:
    return Evidence(
        key="k",
        knobs={},
        gates=gates or Gates(),
        baseline=before,
        candidate=after,
        baseline_folder=Path("baseline"),
        candidate_folder=Path("candidate"),
    )


@pytest.mark.parametrize(
    ("before", "after", "verdict", "reason"),
    [
        ([OK, OK], [OK, OK], Verdict.SAME, "ok on both sides"),
        ([OK, OK], [OOM, OOM], Verdict.BROKEN, "ok -> oom: it ended oom"),
        ([OK] * 4, [OK, OK, OK, OOM], Verdict.BROKEN, "ok -> oom in 1 of 4 rounds"),
        ([OK, OK], [ERROR, ERROR], Verdict.BROKEN, "ok -> error"),
        ([OK, OK], [Status.TIMEOUT, OK], Verdict.BROKEN, "ok -> timeout in 1 of 2 rounds"),
        ([OK] * 4, [OK, OK, OK, ERROR], Verdict.AMBIGUOUS, "ok -> error in 1 of 4 rounds"),
        ([OK], [Status.UNSUPPORTED], Verdict.BROKEN, "ok -> unsupported"),
        ([OOM, OOM], [OK, OK], Verdict.FIXED, "oom -> ok"),
        ([OOM, OOM], [OOM, OOM], Verdict.SAME, "it ran on neither side"),
        ([OOM], [ERROR], Verdict.AMBIGUOUS, "oom -> error: it ran on neither side"),
        ([OK, ERROR], [ERROR, ERROR], Verdict.AMBIGUOUS, "ok (1 of 2), error (1 of 2) -> error"),
        ([OK, OK, ERROR], [ERROR], Verdict.BROKEN, "ok -> error: it ended error"),
        ([OK, ERROR], [OOM], Verdict.BROKEN, "ok -> oom"),
        ([OK, OOM], [OOM], Verdict.AMBIGUOUS, "ok (1 of 2), oom (1 of 2) -> oom"),
        ([OK, OK], [], Verdict.MISSING, "the candidate has no measurement of it"),
        ([], [OK], Verdict.MISSING, "the baseline has no measurement of it"),
        ([OK], [Status.SKIPPED], Verdict.MISSING, "(it ended skipped)"),
        ([OK], [Status.UNSTABLE], Verdict.SAME, "ok on both sides"),
    ],
)
def test_statuses(before: list[Status], after: list[Status], verdict: Verdict, reason: str) -> None:
    finding = status_finding(evidence(side(*before), side(*after)))
    assert finding.verdict is verdict
    assert reason in finding.reason


def test_what_is_predicted_not_to_fit_fits_no_more() -> None:
    skipped = factories.record(status=Status.SKIPPED, fields={"predicted_fit": Fit.DOES_NOT_FIT})
    finding = status_finding(evidence(side(OK), {0: skipped}))
    assert finding.verdict is Verdict.BROKEN
    assert finding.candidate == "predicted-oom"


def test_gates_let_a_status_pass_and_what_is_missing_apart() -> None:
    lax = Gates(status=False)
    assert not status_finding(evidence(side(OK), side(OOM), lax)).is_gated
    assert status_finding(evidence(side(OK), {}, lax)).is_gated
    assert not status_finding(evidence(side(OK), {}, Gates(missing=False))).is_gated


def test_what_was_derived_is_no_evidence_of_a_build() -> None:
    found = status_finding(evidence(side(OK), {0: factories.derived()}))
    assert found.verdict is Verdict.MISSING
    assert found.reason == (
        "the candidate has no measurement of it (derived, not measured: run with --plan exhaustive)"
    )


def test_what_is_inferred_to_run_out_of_memory_ran_out() -> None:
    inferred = {0: factories.inferred_oom()}
    assert status_finding(evidence(side(OK), inferred)).verdict is Verdict.BROKEN
    assert status_finding(evidence(side(OOM), inferred)).verdict is Verdict.SAME
    assert status_finding(evidence(inferred, side(OK))).verdict is Verdict.FIXED
