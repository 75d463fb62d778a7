"""Two stored runs, compared: processes that were measured at two times."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from sdbench.analysis.completeness import completeness
from sdbench.analysis.planned import planned_knobs
from sdbench.analysis.wording import count
from sdbench.compare.comparison import Comparison, Finding, Kind, Row, Unit
from sdbench.compare.conditions import other_conditions
from sdbench.compare.effect import ALPHA, detectable_ratio, unpaired_effect
from sdbench.compare.evidence import ByRound, Evidence, records_by_round, time_s
from sdbench.compare.fitness import unfitness
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
from sdbench.compare.sides import stored_sides
from sdbench.compare.status import STATUS
from sdbench.compare.times import TimeTest, judge_times
from sdbench.compare.verdict import Verdict
from sdbench.compare.wording import percent
from sdbench.results.ab import BASELINE, CANDIDATE
from sdbench.results.record import Record
from sdbench.results.store import Run
from sdbench.suite.gates import Gates
from sdbench.suite.load import suite_from_json


def compare_runs(
    baseline: Run,
    candidate: Run,
    gates: Gates | None = None,
    accepted: Collection[str] = (),
) -> Comparison:
    """Compares two runs of a suite.

    Args:
        baseline: The one that is held to be good.
        candidate: The one that is held against it.
        gates: Other gates than those of the candidate's suite.
        accepted: Names of conditions that may differ without making the comparison advisory.
    """
    asked = gates or suite_from_json(candidate.info.suite).gates
    known = _evidences(baseline, candidate, asked)
    shared = [one for one in known if _presence(one, baseline, candidate) is None]
    tests = [time_tests(one, _time_test) for one in shared]
    share = ALPHA / max(1, sum(test.is_in_family for some in tests for test in some))
    tests = [[_with_detectable(test, share) for test in some] for some in tests]
    findings, size = judge_times([test for some in tests for test in some])
    times = iter(times_by_evidence(findings, [len(some) for some in tests]))
    all_knobs = [one.knobs for one in known]
    rows = []
    for one in known:
        alone = _presence(one, baseline, candidate)
        found = (alone,) if alone else findings_of(one, next(times))
        rows.append(row(one, found, all_knobs))
    before, after = stored_sides(baseline, candidate)
    return Comparison(
        kind=Kind.STORED,
        suite=str(candidate.info.suite.get("name", candidate.folder.parent.name)),
        baseline=before,
        candidate=after,
        rows=tuple(rows),
        advisory=other_conditions(baseline, candidate, accepted),
        unfit=tuple(unfitness(baseline.records, candidate.records)),
        incomplete=(
            *_lacking_rounds(baseline, candidate),
            *nothing_ran(shared),
            *flaky(shared),
            *absent_stages(shared),
        ),
        family_size=size,
        units="processes",
        notes=(
            "builds are assumed to differ from run to run by "
            f"{percent(asked.between_runs)} (gates.between_runs), which two runs cannot tell",
        ),
    )


def compare_records(
    key: str,
    baseline: Run,
    candidate_records: Sequence[Record],
    gates: Gates,
    family_size: int,
    candidate_folder: Path,
) -> Row:
    """Compares one configuration as soon as it is measured, before the others of its job.

    Args:
        key: The configuration's key.
        baseline: The run that is held to be good.
        candidate_records: What was measured now.
        gates: The suite's gates.
        family_size: Gated times of the whole job, which share the chance of a false alarm.
        candidate_folder: Folder that the records' pictures are relative to.
    """
    before = records_by_round(baseline.records).get(key, {})
    after = {record.round: record for record in candidate_records}
    knobs = next(record.knobs for record in candidate_records)
    evidence = Evidence(
        key=key,
        knobs=knobs,
        gates=gates.for_knobs(knobs),
        baseline=before,
        candidate=after,
        baseline_folder=baseline.folder,
        candidate_folder=candidate_folder,
    )
    tests = [
        _with_detectable(test, ALPHA / family_size) for test in time_tests(evidence, _time_test)
    ]
    times, _ = judge_times(tests, family_size)
    return row(evidence, findings_of(evidence, times), [knobs])


def _evidences(baseline: Run, candidate: Run, gates: Gates) -> tuple[Evidence, ...]:
    """What both runs have of each configuration: the baseline's plan, then what is new."""
    before, after = records_by_round(baseline.records), records_by_round(candidate.records)
    knobs = {**planned_knobs(candidate), **planned_knobs(baseline)}
    keys = dict.fromkeys(
        (*baseline.info.planned_keys, *before, *candidate.info.planned_keys, *after)
    )
    return tuple(
        Evidence(
            key=key,
            knobs=knobs.get(key, {}),
            gates=gates.for_knobs(knobs.get(key, {})),
            baseline=before.get(key, {}),
            candidate=after.get(key, {}),
            baseline_folder=baseline.folder,
            candidate_folder=candidate.folder,
        )
        for key in keys
    )


def _lacking_rounds(baseline: Run, candidate: Run) -> Iterator[str]:
    """Runs that were cut off before every configuration had its rounds."""
    for label, run in ((BASELINE, baseline), (CANDIDATE, candidate)):
        lacking = completeness(run).lacking_rounds
        if lacking:
            yield (
                f"the {label}'s run was cut off: {count(lacking, 'configuration')} of it "
                f"{'lacks' if lacking == 1 else 'lack'} some of {run.info.planned_rounds} rounds "
                "(--resume goes on with them)"
            )


def _presence(evidence: Evidence, baseline: Run, candidate: Run) -> Finding | None:
    """That only one side was asked for a configuration, or None where both were."""
    is_old = evidence.baseline or evidence.key in baseline.info.planned_keys
    is_new = evidence.candidate or evidence.key in candidate.info.planned_keys
    if is_old and is_new:
        return None
    reason = (
        "the candidate was not asked for it: it is checked no more"
        if is_old
        else "the baseline was not asked for it: nothing checks it"
    )
    return Finding(
        metric=STATUS,
        unit=Unit.STATUS,
        verdict=Verdict.GONE if is_old else Verdict.NEW,
        reason=reason,
        is_gated=evidence.gates.missing,
    )


def _time_test(evidence: Evidence, metric: str) -> TimeTest:
    before, after = _by_process(evidence.baseline, metric), _by_process(evidence.candidate, metric)
    effect = unpaired_effect(before, after, evidence.gates.between_runs)
    measured = max(len(evidence.baseline), len(evidence.candidate))
    usable = min(len(before), len(after))
    return TimeTest(
        metric=metric,
        margin=evidence.time_margin(metric),
        baseline_s=median(before) if before else None,
        candidate_s=median(after) if after else None,
        effect=effect,
        missing=None if effect else missing_time(evidence, usable, measured, "process"),
        may_be_missing=not evidence.gates.missing,
    )


def _with_detectable(test: TimeTest, share: float) -> TimeTest:
    if test.effect is None:
        return test
    return replace(test, detectable_ratio=detectable_ratio(test.effect, test.tested_margin, share))


def _by_process(records: ByRound, metric: str) -> list[float]:
    """A time's value in each worker process, in seconds: the median of what it measured."""
    values: dict[str, list[float]] = {}
    for record in records.values():
        value = time_s(record, metric)
        if value is not None:
            values.setdefault(record.worker, []).append(value)
    return [median(some) for some in values.values()]
