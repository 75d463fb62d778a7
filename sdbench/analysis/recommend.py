"""Which configuration to run: feasible first, then fastest, ties named, per number of steps.

Fewer steps (or pixels) are always faster, and fidelity is not measured yet. So configurations are
ranked only against those that do the same work, and the headline is the choice for the most work:
it gives up nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sdbench.analysis import reasons
from sdbench.analysis.advice import Advice, Choice, Gain
from sdbench.analysis.code import python_code
from sdbench.analysis.feasibility import nearest_miss, obstacle
from sdbench.analysis.measurement import Measurement, measurements
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.registry import KNOBS, varying_knobs
from sdbench.results.record import Status
from sdbench.results.store import Run, RunInfo
from sdbench.statistics import Estimate
from sdbench.suite.model import Limits, Metric, Objective
from sdbench.units import MIB

WORK_KNOBS = (*reasons.AMOUNT_KNOBS, *reasons.CONTENT_KNOBS)
"""Only configurations that agree in all of these compete."""

SMALLEST_GAIN = 1.05
"""A smaller ratio to the plainest configuration is not worth a sentence."""

EQUAL_MEMORY_RATIO = 0.02
EQUAL_MEMORY_BYTES = 16 * MIB
"""Allocated peaks that differ by less than either count as equal: the same bounds beyond which a
growth of memory is a regression."""

CodeWriter = Callable[[Mapping[str, JsonValue]], str]


def recommend_for_run(
    run: Run, limits: Limits | None = None, objective: Objective | None = None
) -> Advice:
    """The recommendation for a run, with its code.

    Args:
        run: The run.
        limits: In place of the suite's own.
        objective: In place of the suite's own.
    """
    from sdbench.suite.load import suite_from_json

    suite = suite_from_json(run.info.suite)
    device = torch_device(run.info)
    return recommend(
        measurements(run),
        limits or suite.limits,
        objective or suite.objective,
        device=run.info.device,
        code_of=lambda knobs: python_code(suite, knobs, device),
    )


def torch_device(info: RunInfo) -> str:
    """Where torch put the tensors of a run, such as ``cpu`` or ``cuda:0``."""
    return str(info.environment.get("torch_device", "cpu"))


def recommend(
    measured: Iterable[Measurement],
    limits: Limits,
    objective: Objective,
    *,
    device: str = "this device",
    code_of: CodeWriter | None = None,
) -> Advice:
    """The recommendation within the limits, for each number of steps and over all.

    Args:
        measured: What is known of each configuration, in the order of the plan.
        limits: What a recommendation must keep to.
        objective: What it minimises.
        device: Name of the device, for the headline.
        code_of: Writes the Python that runs a configuration.
    """
    everything = tuple(measured)
    varying = varying_knobs([m.knobs for m in everything if m.knobs])
    ranker = _Ranker(limits, objective.minimize, varying, code_of)
    groups: dict[str, list[Measurement]] = {}
    for m in everything:
        if m.knobs:
            groups.setdefault(canonical_json(_work(m)), []).append(m)
    by_work = tuple(
        ranker.choose(group, _work(group[0]))
        for group in sorted(groups.values(), key=lambda group: _amount(_work(group[0])))
    )
    return Advice(
        device=device,
        limits=limits,
        objective=objective,
        names=ranker.names,
        best=ranker.headline(everything, by_work),
        by_work=by_work,
    )


def _work(m: Measurement) -> dict[str, JsonValue]:
    return {name: m.knobs.get(name) for name in WORK_KNOBS}


def _amount(work: Mapping[str, JsonValue]) -> tuple[float, ...]:
    """Sorts the most work first; the pipeline's own value (None) gives up nothing."""
    values = [work[name] for name in reasons.AMOUNT_KNOBS]
    return tuple(-value if isinstance(value, (int, float)) else -math.inf for value in values)


@dataclass(frozen=True, slots=True)
class _Ranker:
    limits: Limits
    metric: Metric
    names: tuple[str, ...]
    code_of: CodeWriter | None

    def choose(self, group: Sequence[Measurement], work: Mapping[str, JsonValue]) -> Choice:
        """The choice among configurations that do the same work."""
        ranked = [
            (estimate, m)
            for m in group
            if obstacle(m, self.limits) is None and (estimate := self._metric_of(m)) is not None
        ]
        if not ranked:
            return self._nothing(group, work)
        first = min((estimate for estimate, _ in ranked), key=lambda estimate: estimate.point)
        tied = [(estimate, m) for estimate, m in ranked if estimate.overlaps(first)]
        thrifty = _least_memory([pair for pair in tied if pair[0].point <= first.high])
        estimate, chosen = min(thrifty, key=lambda pair: (pair[0].point, _latency(pair[1])))
        gain = _gain(chosen, group)
        sentences = [
            reasons.qualification(group, self.limits),
            *reasons.ranking(
                estimate, [e for e, _ in tied], len(thrifty), len(ranked), self.metric
            ),
            *([reasons.gain_sentence(gain, self.names)] if gain else []),
        ]
        return Choice(
            work=work,
            chosen=chosen,
            reason=" ".join(sentences),
            ties=tuple(m for _, m in tied if m is not chosen),
            gain=gain,
            code=self.code_of(chosen.knobs) if self.code_of else None,
        )

    def headline(self, everything: Sequence[Measurement], by_work: Sequence[Choice]) -> Choice:
        """The choice for the most work that has one."""
        best = next((choice for choice in by_work if choice.chosen), None)
        if best is None:
            return self._nothing(everything, {})
        why = reasons.most_work(best, by_work, self.names)
        return replace(best, reason=f"{best.reason} {why}".rstrip())

    def _nothing(self, group: Sequence[Measurement], work: Mapping[str, JsonValue]) -> Choice:
        miss, excess = nearest_miss(group, self.limits) or (None, ())
        reason = reasons.nothing_qualifies(group, self.limits, miss, excess, self.names)
        return Choice(work=work, chosen=None, reason=reason, nearest_miss=miss, excess=excess)

    def _metric_of(self, m: Measurement) -> Estimate | None:
        match self.metric:
            case Metric.LATENCY_PER_IMAGE:
                return m.latency_per_image
            case Metric.LATENCY:
                return m.latency
            case Metric.MEMORY:
                used = m.peak_memory_bytes
                return None if used is None else Estimate(used, used, used, 1.0, 1)


def _least_memory(
    tied: Sequence[tuple[Estimate, Measurement]],
) -> Sequence[tuple[Estimate, Measurement]]:
    """Those that allocate no more than the least one does, but for a difference without weight."""
    known = [m.peak_allocated_bytes for _, m in tied if m.peak_allocated_bytes is not None]
    if not known:
        return tied
    least = min(known)
    bound = least + max(EQUAL_MEMORY_BYTES, EQUAL_MEMORY_RATIO * least)
    return [
        (estimate, m)
        for estimate, m in tied
        if m.peak_allocated_bytes is not None and m.peak_allocated_bytes <= bound
    ]


def _latency(m: Measurement) -> float:
    return m.latency_per_image.point if m.latency_per_image else float("inf")


def _gain(chosen: Measurement, group: Sequence[Measurement]) -> Gain | None:
    """Against the measured configuration that turns the fewest knobs, the plan's first of them."""
    able = [m for m in group if m.status is Status.OK and m.latency_per_image]
    plainest = min(able, key=_turned_knobs)
    ours, theirs = chosen.latency_per_image, plainest.latency_per_image
    if ours is None or theirs is None or plainest is chosen or ours.overlaps(theirs):
        return None
    ratio = theirs.point / ours.point
    return Gain(ratio, plainest) if ratio >= SMALLEST_GAIN else None


def _turned_knobs(m: Measurement) -> int:
    return sum(name in KNOBS and value != KNOBS[name].neutral for name, value in m.knobs.items())
