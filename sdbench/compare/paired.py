"""An A/B job, compared: pairs of processes that were measured in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from statistics import median

from sdbench.analysis.wording import count
from sdbench.compare.comparison import Comparison, Finding, Kind
from sdbench.compare.control import control_finding, is_alarm
from sdbench.compare.effect import ALPHA, Effect, detectable_ratio, pairs_needed
from sdbench.compare.evidence import Evidence
from sdbench.compare.fitness import unfitness
from sdbench.compare.precision import detectable_by_fresh_pairs
from sdbench.compare.rows import (
    absent_stages,
    findings_of,
    flaky,
    missing_time,
    nothing_ran,
    row,
    time_tests,
    times_by_evidence,
)
from sdbench.compare.sides import installed_sides
from sdbench.compare.status import ran
from sdbench.compare.suspects import (
    evidences,
    fresh,
    fresh_effect,
    gates_of,
    is_suspect,
    pairs_of,
    screened_effect,
    screening,
)
from sdbench.compare.times import TimeTest, judge_times
from sdbench.compare.verdict import Verdict
from sdbench.results.ab import AbInfo, AbJob
from sdbench.suite.gates import Gates


def compare_ab(job: AbJob, gates: Gates | None = None) -> Comparison:
    """Compares the two sides of an A/B job, also of one that is not finished.

    Args:
        job: The job.
        gates: Other gates than the suite's.
    """
    asked = gates or gates_of(job)
    known = tuple(evidences(job, asked))
    tests = [time_tests(one, partial(_time_test, info=job.info)) for one in known]
    family = sum(test.is_in_family for some in tests for test in some)
    tests = [[_with_detectable(test, family, job.info) for test in some] for some in tests]
    findings, size = judge_times([test for some in tests for test in some])
    times = times_by_evidence(findings, [len(some) for some in tests])
    rows = tuple(
        row(one, findings_of(one, found), [other.knobs for other in known], _is_confirmed(one, job))
        for one, found in zip(known, times, strict=True)
    )
    control = control_finding(job, asked)
    baseline, candidate = installed_sides(job)
    return Comparison(
        kind=Kind.PAIRED,
        suite=str(job.baseline.info.suite.get("name", job.folder.parent.name)),
        baseline=baseline,
        candidate=candidate,
        rows=rows,
        control=control,
        unfit=(
            *((control.reason,) if control is not None and is_alarm(control) else ()),
            *unfitness(job.baseline.records, job.candidate.records, in_turns=job.info.in_turns),
        ),
        incomplete=(
            *_incomplete(known, job.info),
            *_without_control(control),
            *nothing_ran(known),
            *flaky(known),
            *absent_stages(known),
        ),
        family_size=size,
        units="pairs",
        notes=job.info.notes,
    )


def _is_confirmed(evidence: Evidence, job: AbJob) -> bool:
    return bool(fresh(evidence, job.info))


def _time_test(evidence: Evidence, metric: str, info: AbInfo) -> TimeTest:
    is_fresh = bool(fresh(evidence, info))
    numbers = fresh(evidence, info) or screening(evidence, info)
    effect = (fresh_effect if is_fresh else screened_effect)(evidence, metric, info)
    pairs = pairs_of(evidence, metric, numbers, info)
    return TimeTest(
        metric=metric,
        margin=evidence.time_margin(metric),
        baseline_s=median(pair.baseline_s for pair in pairs) if pairs else None,
        candidate_s=median(pair.candidate_s for pair in pairs) if pairs else None,
        effect=effect,
        missing=None if effect else missing_time(evidence, len(pairs), len(numbers), "pair"),
        may_be_missing=not evidence.gates.missing,
        can_fail=is_fresh,
    )


def _with_detectable(test: TimeTest, family: int, info: AbInfo) -> TimeTest:
    """The test with what it could have seen, and how many pairs would tell more."""
    effect, margin = test.effect, test.tested_margin
    if effect is None:
        return test
    share = ALPHA / max(1, family) if test.is_in_family else ALPHA
    return replace(
        test,
        detectable_ratio=_detectable(effect, margin, family, test.can_fail, info),
        units_needed=_even(pairs_needed(effect, margin, share)),
    )


def _even(number: int | None) -> int | None:
    """As many pairs in which each side begins as often."""
    return None if number is None else number + number % 2


def _detectable(effect: Effect, margin: float, family: int, is_fresh: bool, info: AbInfo) -> float:
    """What was no suspect would have been one more test of the family."""
    if is_fresh:
        return detectable_ratio(effect, margin, ALPHA / max(1, family))
    share = ALPHA / (family + 1)
    return detectable_by_fresh_pairs(effect, margin, share, info.confirm_pairs, info.most_pairs)


def _without_control(control: Finding | None) -> Iterator[str]:
    """That the control was asked for and tells nothing, so that nobody knows whether times do."""
    if control is not None and control.verdict is Verdict.MISSING:
        yield control.reason


def _undecided(known: Sequence[Evidence], info: AbInfo) -> Iterator[str]:
    """That fresh pairs have not decided all suspects of a finished job.

    A round of a suspect failed, or these are other gates than those that chose the suspects.
    """
    number = sum(
        ran(one.baseline)
        and ran(one.candidate)
        and one.gates.missing
        and is_suspect(one, info)
        and len(fresh(one, info)) < info.confirm_pairs
        for one in known
    )
    if number:
        yield f"fresh pairs are missing of {count(number, 'suspect')}, which nothing decides"


def _incomplete(known: Sequence[Evidence], info: AbInfo) -> tuple[str, ...]:
    if info.is_finished:
        return tuple(_undecided(known, info))
    cut = [one for one in known if len(screening(one, info)) < info.screen_pairs]
    open_suspects = [
        one
        for one in known
        if one not in cut
        and len(fresh(one, info)) < info.confirm_pairs
        and (fresh(one, info) or is_suspect(one, info))
    ]
    sentences = ["the job was cut off"]
    if cut:
        sentences.append(
            f"pairs of the first look are missing of {len(cut)} of "
            f"{count(len(known), 'configuration')}"
        )
    if open_suspects:
        sentences.append(f"fresh pairs are missing of {count(len(open_suspects), 'suspect')}")
    return tuple(sentences)
