"""The two stages of an A/B job: a first look at everything, fresh pairs for what looks slower.

The first look chooses, so it cannot decide: whoever was unlucky in it is chosen. Only pairs that
took no part in the choice say whether a suspect is slower.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sdbench.analysis.planned import planned_knobs
from sdbench.compare.effect import Effect, paired_effect
from sdbench.compare.evidence import ByRound, Evidence, calls_s, records_by_round, time_s
from sdbench.compare.precision import is_precise
from sdbench.results.ab import AbInfo, AbJob
from sdbench.results.pairs import pair_ratio
from sdbench.results.rounds import TIMED_STATUSES
from sdbench.suite.gates import Gates
from sdbench.suite.load import suite_from_json


@dataclass(frozen=True, slots=True)
class TimePair:
    """One time of one configuration on both sides, in one pair.

    Attributes:
        baseline_s: The baseline's median in seconds.
        candidate_s: The candidate's.
        ratio: How many times as long it took on the candidate; of calls in turn the median of the
            calls' ratios, and so not always that of the medians.
    """

    baseline_s: float
    candidate_s: float
    ratio: float


def wanted(job: AbJob) -> tuple[str, ...]:
    """Keys (the baseline's) of the configurations that are to get two more fresh pairs."""
    gates = gates_of(job)
    return tuple(one.key for one in evidences(job, gates) if _wants_more(one, job.info))


def gates_of(job: AbJob) -> Gates:
    """The gates of the suite that a job measured."""
    return suite_from_json(job.baseline.info.suite).gates


def evidences(job: AbJob, gates: Gates) -> Iterator[Evidence]:
    """What both sides have measured of each configuration, in the order of the plan."""
    before = records_by_round(job.baseline.records)
    after = records_by_round(job.candidate.records)
    knobs_before, knobs_after = planned_knobs(job.baseline), planned_knobs(job.candidate)
    for key, twin in job.info.twins.items():
        baseline, candidate = before.get(key, {}), after.get(twin, {})
        knobs = knobs_before.get(key) or knobs_after.get(twin, {})
        yield Evidence(
            key=key,
            knobs=knobs,
            gates=gates.for_knobs(knobs),
            baseline=baseline,
            candidate=candidate,
            baseline_folder=job.baseline.folder,
            candidate_folder=job.candidate.folder,
            in_turns=job.info.in_turns,
        )


def screening(evidence: Evidence, info: AbInfo) -> tuple[int, ...]:
    """The pairs of the first look."""
    return tuple(number for number in evidence.shared_rounds if number < info.screen_pairs)


def fresh(evidence: Evidence, info: AbInfo) -> tuple[int, ...]:
    """The pairs that came after it."""
    return tuple(number for number in evidence.shared_rounds if number >= info.screen_pairs)


def pairs_of(
    evidence: Evidence, metric: str, numbers: Sequence[int], info: AbInfo
) -> list[TimePair]:
    """A time's values in these pairs, of those in which both sides have one."""
    pairs = []
    for number in numbers:
        before, after = evidence.baseline[number], evidence.candidate[number]
        sides = [(one, metric, info.in_turns) for one in (before, after)]
        medians_s = [time_s(*side) for side in sides]
        ratio = pair_ratio(calls_s(*sides[0]), calls_s(*sides[1]), info.in_turns)
        if medians_s[0] is not None and medians_s[1] is not None and ratio is not None:
            pairs.append(TimePair(medians_s[0], medians_s[1], ratio))
    return pairs


def effect_of(pairs: Sequence[TimePair], most_degrees: int | None = None) -> Effect | None:
    """The effect that pairs show; see `paired_effect`."""
    return paired_effect([pair.ratio for pair in pairs], most_degrees)


def fresh_effect(evidence: Evidence, metric: str, info: AbInfo) -> Effect | None:
    """The effect on a time in fresh pairs, whose number hangs on what they showed."""
    found = pairs_of(evidence, metric, fresh(evidence, info), info)
    return effect_of(found, most_degrees=info.confirm_pairs - 1)


def screened_effect(evidence: Evidence, metric: str, info: AbInfo) -> Effect | None:
    """The effect on a time in the pairs of the first look."""
    return effect_of(pairs_of(evidence, metric, screening(evidence, info), info))


def is_suspect(evidence: Evidence, info: AbInfo) -> bool:
    """Whether a gated time's mean log-ratio was above half its margin at first look."""
    return any(
        effect.log > math.log1p(margin) / 2
        for metric, margin in _gated(evidence)
        if (effect := screened_effect(evidence, metric, info)) is not None
    )


def _gated(evidence: Evidence) -> Iterator[tuple[str, float]]:
    """Each gated time with its margin."""
    for metric in evidence.time_metrics:
        margin = evidence.time_margin(metric)
        if margin is not None:
            yield metric, margin


def _wants_more(evidence: Evidence, info: AbInfo) -> bool:
    if _has_failed(evidence.baseline) or _has_failed(evidence.candidate):
        return False
    if len(screening(evidence, info)) < info.screen_pairs:
        return False
    done = fresh(evidence, info)
    if not done:
        return is_suspect(evidence, info)
    if len(done) < info.confirm_pairs:
        return True
    return len(done) < info.most_pairs and not all(
        is_precise(fresh_effect(evidence, metric, info), margin)
        for metric, margin in _gated(evidence)
    )


def _has_failed(records: ByRound) -> bool:
    return any(record.status not in TIMED_STATUSES for record in records.values())
