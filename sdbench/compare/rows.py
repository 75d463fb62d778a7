"""Findings, gathered into rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sdbench.analysis.wording import count, settings
from sdbench.compare.comparison import Finding, Row
from sdbench.compare.evidence import LATENCY, STAGE_PREFIX, Evidence, is_spoiled
from sdbench.compare.memory import memory_findings
from sdbench.compare.pictures import picture_findings
from sdbench.compare.status import ran, status_finding, went_wrong
from sdbench.compare.times import TimeTest
from sdbench.compare.verdict import Verdict
from sdbench.jsontypes import JsonValue
from sdbench.knobs.registry import varying_knobs
from sdbench.suite.margins import ALL_STAGES


def row(
    evidence: Evidence,
    findings: tuple[Finding, ...],
    all_knobs: Sequence[Mapping[str, JsonValue]],
    is_confirmed: bool = False,
) -> Row:
    """The row of one configuration, named by what varies among ``all_knobs``."""
    known = [knobs for knobs in all_knobs if knobs]
    names = varying_knobs(known) if known else ()
    return Row(
        key=evidence.key,
        knobs=evidence.knobs,
        name=settings(evidence.knobs, names) if evidence.knobs else evidence.key,
        findings=findings,
        is_confirmed=is_confirmed,
    )


def findings_of(evidence: Evidence, times: Iterable[Finding]) -> tuple[Finding, ...]:
    """What is found of a configuration; its status alone where it did not run on both sides."""
    status = status_finding(evidence)
    if not (ran(evidence.baseline) and ran(evidence.candidate)):
        return (status,)
    return (status, *times, *memory_findings(evidence), *picture_findings(evidence))


def time_tests(evidence: Evidence, measured: Callable[[Evidence, str], TimeTest]) -> list[TimeTest]:
    """The times of a configuration; none where it ran on one side alone, as its status says.

    Args:
        evidence: The configuration on both sides.
        measured: What is found of a time by its name.
    """
    if not (ran(evidence.baseline) and ran(evidence.candidate)):
        return []
    tests = [measured(evidence, metric) for metric in evidence.time_metrics or (LATENCY,)]
    return [test for test in tests if test.margin is not None or test.effect is not None]


def times_by_evidence(
    findings: Sequence[Finding], lengths: Sequence[int]
) -> Iterator[Sequence[Finding]]:
    """The findings of all times, apart again by configuration."""
    start = 0
    for length in lengths:
        yield findings[start : start + length]
        start += length


def missing_time(evidence: Evidence, usable: int, measured: int, unit: str) -> str:
    """Why there is no effect of a time."""
    records = (*evidence.baseline.values(), *evidence.candidate.values())
    spoiled = sum(is_spoiled(record, evidence.in_turns) for record in records)
    if spoiled:
        return (
            f"{count(spoiled, 'round')} of {len(records)} spoiled by throttling or by what else "
            f"used the device, which leaves {count(usable, unit)}"
        )
    return f"{count(usable, unit)} of {measured} with a value on both sides: two are needed"


def nothing_ran(known: Sequence[Evidence]) -> Iterator[str]:
    """That all went wrong on both sides, as where no model can be loaded.

    What does not fit, or is not supported, is an answer.
    """
    if any(ran(one.baseline) or ran(one.candidate) for one in known):
        return
    if any(went_wrong(one.baseline) and went_wrong(one.candidate) for one in known):
        yield "no configuration ran on either side, so that nothing was compared"


def flaky(known: Sequence[Evidence]) -> Iterator[str]:
    """That configurations failed in some rounds and ran in others, so that nothing decides them."""
    number = sum(
        one.gates.status
        and (ran(one.baseline) or ran(one.candidate))
        and status_finding(one).verdict is Verdict.AMBIGUOUS
        for one in known
    )
    if number:
        what = "configuration ended" if number == 1 else "configurations ended"
        yield f"{number} {what} otherwise in some rounds, which decides nothing"


def absent_stages(known: Sequence[Evidence]) -> Iterator[str]:
    """Stages that a gate names and no configuration has: a name that was changed, or mistyped."""
    gated = {
        stage
        for one in known
        for stage, margin in one.gates.stages.items()
        if margin is not None and stage != ALL_STAGES
    }
    found = {metric for one in known for metric in one.time_metrics}
    if not found:
        return
    for stage in sorted(gated):
        if f"{STAGE_PREFIX}{stage}" not in found:
            yield f"no configuration has the stage {stage}, which gates.stages names"
