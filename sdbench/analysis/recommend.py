"""Which configuration to run: feasible first, then fastest, ties named.

Fewer steps (or pixels) are always faster. So without a fidelity limit configurations are ranked
only against those that do the same work, and the headline is the choice for the most work: it gives
up nothing. With one, all that keep to it compete, whatever their number of steps; what differs in
size or content still does not, since a fidelity is that of a picture of this size and content.
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
"""Only configurations that agree in all of these compete; under a fidelity limit in all but the
steps."""

SMALLEST_GAIN = 1.05
"""A smaller ratio to the plainest configuration is not worth a sentence."""

EQUAL_MEMORY_RATIO = 0.02
EQUAL_MEMORY_BYTES = 16 * MIB
"""Allocated peaks that differ by less than either count as equal: the same bounds beyond which a
growth of memory is a regression."""

EQUAL_FIDELITY = 0.02
"""Scores that differ by no more than this count as equal."""

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
        run_limit_bytes=run.info.memory_limit_bytes,
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
    run_limit_bytes: int | None = None,
    code_of: CodeWriter | None = None,
) -> Advice:
    """The recommendation within the limits, for each amount of work and over all.

    Args:
        measured: What is known of each configuration, in the order of the plan.
        limits: What a recommendation must keep to.
        objective: What it minimises.
        device: Name of the device, for the headline.
        run_limit_bytes: What memory the run let every configuration use, for the headline.
        code_of: Writes the Python that runs a configuration.
    """
    everything = tuple(measured)
    varying = varying_knobs([m.knobs for m in everything if m.knobs])
    ranker = _Ranker(limits, objective.minimize, varying, code_of)
    groups = ranker.groups(everything)
    by_work = tuple(ranker.choose(group, work) for work, group in groups)
    best = ranker.headline(everything, by_work)
    return Advice(
        device=device,
        limits=limits,
        run_limit_bytes=run_limit_bytes,
        objective=objective,
        names=ranker.names,
        best=best,
        by_work=by_work,
        without_fidelity_limit=ranker.without_fidelity_limit(best, groups),
    )


def _amount(work: Mapping[str, JsonValue]) -> tuple[float, ...]:
    """Sorts the most work first; the pipeline's own value (None) gives up nothing."""
    values = [work.get(name) for name in reasons.AMOUNT_KNOBS]
    return tuple(-value if isinstance(value, (int, float)) else -math.inf for value in values)


_Group = tuple[Mapping[str, JsonValue], Sequence[Measurement]]
"""The work that configurations have in common, and these."""


@dataclass(frozen=True, slots=True)
class _Ranker:
    limits: Limits
    metric: Metric
    names: tuple[str, ...]
    code_of: CodeWriter | None

    def groups(self, everything: Iterable[Measurement]) -> list[_Group]:
        """Those that compete with each other; the most work first."""
        groups: dict[str, tuple[dict[str, JsonValue], list[Measurement]]] = {}
        for m in everything:
            if m.knobs:
                work = self._work(m)
                groups.setdefault(canonical_json(work), (work, []))[1].append(m)
        return sorted(groups.values(), key=lambda group: _amount(group[0]))

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
        faithful = _most_faithful(thrifty)
        estimate, chosen = min(faithful, key=lambda pair: (pair[0].point, _latency(pair[1])))
        gain = _gain(chosen, group)
        sentences = [
            reasons.qualification(group, self.limits),
            reasons.left_out(group, self.limits),
            *reasons.ranking(
                estimate,
                [e for e, _ in tied],
                len(thrifty),
                len(faithful),
                len(ranked),
                self.metric,
            ),
            reasons.gain_sentence(gain, self.names) if gain else "",
        ]
        return Choice(
            work=work,
            chosen=chosen,
            reason=" ".join(filter(None, sentences)),
            ties=tuple(m for _, m in tied if m is not chosen),
            gain=gain,
            code=self.code_of(chosen.knobs) if self.code_of else None,
        )

    def headline(self, everything: Sequence[Measurement], by_work: Sequence[Choice]) -> Choice:
        """The choice for the most work that has one."""
        best = next((choice for choice in by_work if choice.chosen), None)
        if best is None or best.chosen is None:
            return self._nothing(everything, {})
        sentences = [best.reason, reasons.most_work(best, by_work, self.names)]
        if self.limits.fidelity is None:
            sentences.append(reasons.offer_of_a_limit(best.chosen, everything, self.names))
        return replace(best, reason=" ".join(filter(None, sentences)))

    def without_fidelity_limit(self, best: Choice, groups: Sequence[_Group]) -> Choice | None:
        """The choice for the same work as the best one's if fidelity did not count."""
        if self.limits.fidelity is None:
            return None
        unlimited = replace(self, limits=replace(self.limits, fidelity=None))
        same = [group for group in groups if best.chosen is None or group[0] == best.work]
        choices = (unlimited.choose(group, work) for work, group in same)
        free = next((choice for choice in choices if choice.chosen), None)
        if free is None or free.chosen is None:
            return None
        ratio = self._times_as_fast(free.chosen, best.chosen)
        reason = reasons.without_the_limit(free.chosen, best.chosen, ratio, self.names)
        return replace(free, reason=reason)

    def _times_as_fast(self, one: Measurement, other: Measurement | None) -> float | None:
        """A ratio of latencies that is worth a sentence; None where speed is not the objective."""
        if other is None or self.metric is Metric.MEMORY:
            return None
        ours, theirs = self._metric_of(one), self._metric_of(other)
        if ours is None or theirs is None or ours.overlaps(theirs):
            return None
        ratio = theirs.point / ours.point
        return ratio if ratio >= SMALLEST_GAIN else None

    def _work(self, m: Measurement) -> dict[str, JsonValue]:
        separating = [n for n in WORK_KNOBS if n != "steps" or self.limits.fidelity is None]
        return {name: m.knobs[name] for name in separating if name in m.knobs}

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


def _most_faithful(
    tied: Sequence[tuple[Estimate, Measurement]],
) -> Sequence[tuple[Estimate, Measurement]]:
    """Those whose fidelity is as high as the highest; all of them where none is known."""
    known = [m.fidelity_score for _, m in tied if m.fidelity_score is not None]
    if not known:
        return tied
    bound = max(known) - EQUAL_FIDELITY
    return [
        (estimate, m)
        for estimate, m in tied
        if m.fidelity_score is not None and m.fidelity_score >= bound
    ]


def _latency(m: Measurement) -> float:
    return m.latency_per_image.point if m.latency_per_image else float("inf")


def _gain(chosen: Measurement, group: Sequence[Measurement]) -> Gain | None:
    """Against the measured configuration that turns the fewest knobs.

    Of several it is one with the most work, and of these the plan's first.
    """
    able = [
        m for m in group if m.status is Status.OK and m.latency_per_image and not m.is_degenerate
    ]
    plainest = min(able, key=lambda m: (_turned_knobs(m), _amount(m.knobs)))
    ours, theirs = chosen.latency_per_image, plainest.latency_per_image
    if ours is None or theirs is None or plainest is chosen or ours.overlaps(theirs):
        return None
    ratio = theirs.point / ours.point
    return Gain(ratio, plainest) if ratio >= SMALLEST_GAIN else None


def _turned_knobs(m: Measurement) -> int:
    return sum(name in KNOBS and value != KNOBS[name].neutral for name, value in m.knobs.items())
