"""Which configuration to run: feasible first, then fastest, ties named.

Fewer steps (or pixels) are always faster. So without a fidelity limit configurations are ranked
only against those that do the same work, and the headline is the choice for the most work: it gives
up nothing. With one, all that keep to it compete, whatever their number of steps; what differs in
size or content still does not, since a fidelity is that of a picture of this size and content.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sdbench.analysis import reasons
from sdbench.analysis.advice import Advice, Choice
from sdbench.analysis.code import python_code
from sdbench.analysis.competing import Group, competing, same_picture
from sdbench.analysis.feasibility import does_not_fit, nearest_miss, obstacle, why_not
from sdbench.analysis.gain import Gain, gain_sentence
from sdbench.analysis.measurement import Measurement, by_latency, measurements
from sdbench.analysis.objective import contenders, figure_of, like_for_like
from sdbench.analysis.relaxing import SMALLEST_GAIN, relaxations
from sdbench.analysis.suite_lines import reproducing_suite
from sdbench.jsontypes import JsonValue
from sdbench.knobs.registry import varying_knobs
from sdbench.results.record import Status
from sdbench.results.store import Run, RunInfo
from sdbench.statistics import Estimate
from sdbench.suite.model import Limits, Metric, Objective
from sdbench.units import MIB

EQUAL_MEMORY_RATIO = 0.02
EQUAL_MEMORY_BYTES = 16 * MIB
"""Allocated peaks that differ by less than either count as equal: the same bounds beyond which a
growth of memory is a regression."""

EQUAL_FIDELITY = 0.02
"""Scores that differ by no more than this count as equal."""

TextWriter = Callable[[Mapping[str, JsonValue]], str]
"""Writes something for a configuration, given its values."""


def recommend_for_run(
    run: Run,
    limits: Limits | None = None,
    objective: Objective | None = None,
    *,
    prefers_confirmed: bool = True,
) -> Advice:
    """The recommendation for a run, with its code.

    Args:
        run: The run.
        limits: In place of the suite's own.
        objective: In place of the suite's own.
        prefers_confirmed: See `recommend`.
    """
    from sdbench.suite.defaults import default_configurations, unswept_defaults
    from sdbench.suite.load import suite_from_json

    suite = suite_from_json(run.info.suite)
    device = torch_device(run.info)
    return recommend(
        measurements(run),
        limits or suite.limits,
        objective or suite.objective,
        device=run.info.device,
        run_limit_bytes=run.info.memory_limit_bytes,
        default_keys={one.key for one in default_configurations(suite)},
        unswept_keys={one.key for one in unswept_defaults(suite)},
        prefers_confirmed=prefers_confirmed,
        code_of=lambda knobs: python_code(suite, knobs, device),
        suite_of=lambda knobs: reproducing_suite(suite, knobs),
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
    default_keys: Collection[str] = (),
    unswept_keys: Collection[str] | None = None,
    prefers_confirmed: bool = True,
    code_of: TextWriter | None = None,
    suite_of: TextWriter | None = None,
) -> Advice:
    """The recommendation within the limits, for each amount of work and over all.

    Args:
        measured: What is known of each configuration, in the order of the plan.
        limits: What a recommendation must keep to.
        objective: What it minimises.
        device: Name of the device, for the headline.
        run_limit_bytes: What memory the run let every configuration use, for the headline.
        default_keys: Keys of the default configurations, one for each picture asked for
            (`sdbench.suite.defaults`).
        unswept_keys: Of these the keys that the suite does not sweep, which are no work of their
            own; by default all of them.
        prefers_confirmed: Whether what was measured again gives way only to what beat it in the
            sweep too (`sdbench.analysis.objective.contenders`).
        code_of: Writes the Python that runs a configuration.
        suite_of: Writes the suite that measures it again.
    """
    everything = tuple(measured)
    varying = varying_knobs([m.knobs for m in everything if m.knobs])
    defaults = tuple(m for m in everything if m.key in default_keys and m.knobs)
    unswept = tuple(m for m in defaults if unswept_keys is None or m.key in unswept_keys)
    ranker = _Ranker(
        limits=limits,
        metric=objective.minimize,
        names=varying,
        defaults=defaults,
        confirmed_count=sum(m.confirmed_rounds > 0 for m in everything),
        prefers_confirmed=prefers_confirmed,
        code_of=code_of,
        suite_of=suite_of,
    )
    groups = competing(everything, unswept, across_steps=limits.fidelity is not None)
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
        unswept_defaults=unswept,
        without_fidelity_limit=ranker.without_fidelity_limit(best, groups),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranker:
    limits: Limits
    metric: Metric
    names: tuple[str, ...]
    defaults: tuple[Measurement, ...]
    confirmed_count: int
    prefers_confirmed: bool
    code_of: TextWriter | None
    suite_of: TextWriter | None

    def lets_in(self, group: Sequence[Measurement]) -> bool:
        """Whether any of a group keeps to the limits."""
        return any(obstacle(m, self.limits) is None for m in group)

    def choose(self, group: Sequence[Measurement], work: Mapping[str, JsonValue]) -> Choice:
        """The choice among configurations that do the same work."""
        ranked = [
            (estimate, m)
            for m in group
            if obstacle(m, self.limits) is None
            and (estimate := figure_of(m, self.metric)) is not None
        ]
        if not ranked:
            return self._nothing(group, work)
        able = contenders(ranked, self.metric) if self.prefers_confirmed else ranked
        first, fastest = min(able, key=lambda pair: pair[0].point)
        tied = [(estimate, m) for estimate, m in able if estimate.overlaps(first)]
        is_settled = not fastest.is_derived or self.metric is Metric.MEMORY
        as_fast = sum(e.overlaps(first) or e.point < first.point for e, _ in ranked)
        set_aside = as_fast - len(tied)
        near = [
            (estimate, m)
            for estimate, m in tied
            if m is fastest
            or (is_settled and estimate.point <= first.high and not self._is_told(m))
        ]
        thrifty = _least_memory(near)
        faithful = _most_faithful(thrifty)
        estimate, chosen = min(faithful, key=lambda pair: (pair[0].point, by_latency(pair[1])))
        gain = self._gain(chosen)
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
                is_alone=not set_aside,
                is_settled=is_settled,
                has_told=any(self._is_told(m) for _, m in tied),
            ),
            reasons.confirmation(chosen, self.confirmed_count),
            reasons.swept_alone(set_aside),
            gain_sentence(gain, self.names) if gain else "",
        ]
        return Choice(
            work=work,
            chosen=chosen,
            reason=" ".join(filter(None, sentences)),
            ties=tuple(m for _, m in tied if m is not chosen),
            gain=gain,
            relaxations=relaxations(group, self.limits, chosen, self.metric),
            code=self.code_of(chosen.knobs) if self.code_of else None,
            suite=self.suite_of(chosen.knobs) if self.suite_of else None,
        )

    def _is_told(self, m: Measurement) -> bool:
        """Whether its figure is only derived: it wins where it is the best, and by no tie."""
        return m.is_derived and self.metric is not Metric.MEMORY

    def headline(self, everything: Sequence[Measurement], by_work: Sequence[Choice]) -> Choice:
        """The choice for the most work that has one."""
        best = next((choice for choice in by_work if choice.chosen), None)
        if best is None or best.chosen is None:
            return self._nothing(everything, {})
        sentences = [best.reason, reasons.most_work(best, by_work, self.names)]
        if self.limits.fidelity is None:
            sentences.append(reasons.offer_of_a_limit(best.chosen, everything, self.names))
        return replace(best, reason=" ".join(filter(None, sentences)))

    def without_fidelity_limit(self, best: Choice, groups: Sequence[Group]) -> Choice | None:
        """The choice for the same work as the best one's if fidelity did not count."""
        if self.limits.fidelity is None:
            return None
        unlimited = replace(self, limits=replace(self.limits, fidelity=None))
        same = [group for group in groups if best.chosen is None or group[0] == best.work]
        choices = (
            unlimited.choose(group, work) for work, group in same if unlimited.lets_in(group)
        )
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
        pair = like_for_like(one, other, self.metric)
        if pair is None or pair[0].overlaps(pair[1]):
            return None
        ratio = pair[1].point / pair[0].point
        return ratio if ratio >= SMALLEST_GAIN else None

    def _nothing(self, group: Sequence[Measurement], work: Mapping[str, JsonValue]) -> Choice:
        miss, excess = nearest_miss(group, self.limits) or (None, ())
        reason = reasons.nothing_qualifies(group, self.limits, miss, excess, self.names)
        return Choice(
            work=work,
            chosen=None,
            reason=reason,
            nearest_miss=miss,
            excess=excess,
            relaxations=relaxations(group, self.limits, None, self.metric),
        )

    def _gain(self, chosen: Measurement) -> Gain | None:
        """Against the default that is asked for the same picture."""
        default = next((m for m in self.defaults if same_picture(m, chosen)), None)
        if default is None:
            return None
        pair = like_for_like(chosen, default, self.metric)
        ratio = None
        if default.status is Status.OK and pair and not pair[0].overlaps(pair[1]):
            ratio = pair[1].point / pair[0].point if pair[0].point else None
        steps_differ = default.knobs.get("steps") != chosen.knobs.get("steps")
        return Gain(
            default=default,
            ratio=ratio,
            obstacle=obstacle(default, self.limits),
            reason=why_not(default, self.limits),
            does_not_fit=does_not_fit(default, self.limits),
            is_chosen=default is chosen,
            is_other_work=steps_differ and self.limits.fidelity is None,
            metric=self.metric,
        )


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
