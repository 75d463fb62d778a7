"""The A/A control: one installation against itself, measured like the two sides of the job."""

from __future__ import annotations

from statistics import median

from sdbench.compare.comparison import Finding, Unit
from sdbench.compare.effect import pairs_needed
from sdbench.compare.evidence import LATENCY, Evidence, records_by_round
from sdbench.compare.suspects import effect_of, pairs_of
from sdbench.compare.verdict import Verdict
from sdbench.compare.wording import percent, slower_or_faster
from sdbench.results.ab import AbJob
from sdbench.suite.gates import LATENCY_MARGIN, Gates

ALARM = 0.005
"""Chance of an alarm, in each direction, of a control whose true difference is its margin: one job
in a hundred is given up for nothing at most."""


def control_finding(job: AbJob, gates: Gates) -> Finding | None:
    """What the control shows by the gates of its configuration; None where the job has none.

    It is AMBIGUOUS where it is not told apart from its margin, which is no alarm.
    """
    key = job.info.control_key
    if job.control is None or key is None:
        return None
    baseline = records_by_round(job.baseline.records).get(key, {})
    knobs = next((record.knobs for record in baseline.values()), {})
    evidence = Evidence(
        key=key,
        knobs=knobs,
        gates=gates.for_knobs(knobs),
        baseline=baseline,
        candidate=records_by_round(job.control.records).get(key, {}),
        baseline_folder=job.baseline.folder,
        candidate_folder=job.control.folder,
    )
    pairs = pairs_of(evidence, LATENCY, evidence.shared_rounds, job.info)
    effect = effect_of(pairs)
    gated = evidence.time_margin(LATENCY)
    margin = LATENCY_MARGIN if gated is None else gated
    if effect is None:
        verdict, reason = Verdict.MISSING, "the control has fewer than two pairs"
    elif min(effect.p_above(margin), effect.p_below(margin)) < ALARM:
        verdict = Verdict.SLOWER if effect.ratio > 1 else Verdict.FASTER
        reason = (
            f"the baseline against itself is {slower_or_faster(effect)}, beyond the margin of "
            f"{percent(margin)}: no time of this job can be trusted"
        )
    else:
        is_same = effect.is_within(margin)
        verdict = Verdict.SAME if is_same else Verdict.AMBIGUOUS
        reason = f"the baseline against itself is {slower_or_faster(effect)}"
    return Finding(
        metric=LATENCY,
        unit=Unit.SECONDS,
        verdict=verdict,
        reason=reason,
        is_gated=False,
        baseline=median(pair.baseline_s for pair in pairs) if pairs else None,
        candidate=median(pair.candidate_s for pair in pairs) if pairs else None,
        margin=margin,
        effect=effect,
        units_needed=pairs_needed(effect, margin) if effect else None,
    )


def is_alarm(control: Finding) -> bool:
    """Whether a control says that the job's times cannot be trusted."""
    return control.verdict in (Verdict.SLOWER, Verdict.FASTER)
