"""How far what a staged run derived is from what an exhaustive run of the same suite measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from sdbench.derive.observation import observe
from sdbench.derive.pace import UsualPace
from sdbench.results.derived import DerivedLatency
from sdbench.results.record import Record, Status
from sdbench.results.store import Run
from sdbench.results.table import latency_estimate
from sdbench.statistics import quantile


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of latencies that were told, against those that were measured.

    Attributes:
        log_ratios: For each configuration the logarithm of the told over the measured latency.
        held: How many of their intervals hold what was measured; None where none has an interval.
    """

    log_ratios: Sequence[float]
    held: int | None

    @property
    def count(self) -> int:
        """Configurations that were compared."""
        return len(self.log_ratios)

    @property
    def median_ratio(self) -> float:
        """By what share they are off in the middle."""
        return median(self._shares)

    @property
    def p95_ratio(self) -> float:
        """By what share they are off at the 95th percentile."""
        return quantile(self._shares, 0.95)

    @property
    def coverage(self) -> float | None:
        """Share of the intervals that hold what was measured."""
        return None if self.held is None or not self.count else self.held / self.count

    @property
    def _shares(self) -> list[float]:
        return [abs(math.expm1(one)) for one in self.log_ratios]

    def __str__(self) -> str:
        if not self.count:
            return "nothing to compare"
        held = "" if self.held is None else f"; {self.coverage:.1%} of the intervals hold it"
        return f"{self.count}: off by {self.median_ratio:.1%}, p95 {self.p95_ratio:.1%}{held}"


def measured_s(run: Run) -> dict[str, float]:
    """Median seconds of a call in the sweep, of each configuration that it timed, by key."""
    return {
        key: estimate.point
        for key, rounds in run.rounds.items()
        if (record := rounds.swept).status is Status.OK
        and not record.is_derived
        and (estimate := latency_estimate(record)) is not None
    }


def usual_s(run: Run) -> dict[str, float]:
    """The same as it would be at the machine's usual pace during that run."""
    swept = (rounds.swept for rounds in run.rounds.values())
    seen = [one for record in swept if (one := observe(record)) is not None]
    pace = UsualPace(seen)
    return {one.key: pace.usual(one).call_s for one in seen}


def derived(run: Run) -> dict[str, DerivedLatency]:
    """The last that a run derived of each configuration, measured later or not, by key."""
    return {one.key: one.derived_latency for one in run.records if one.derived_latency is not None}


def drift_ratio(staged_s: Mapping[str, float], exhaustive_s: Mapping[str, float]) -> float:
    """How many times as long the same calls took in the staged run, in the middle; 1.0 if unknown.

    The two runs are minutes apart, and what the machine does between them is no error of the plan.
    """
    both = [math.log(staged_s[key] / exhaustive_s[key]) for key in staged_s.keys() & exhaustive_s]
    return math.exp(median(both)) if both else 1.0


def errors_of_derived(
    told: Mapping[str, DerivedLatency], exhaustive_s: Mapping[str, float], drift: float = 1.0
) -> Errors:
    """Errors of derived latencies.

    Args:
        told: What was derived, by key.
        exhaustive_s: What was measured, by key, in seconds of a call.
        drift: Multiplies what was measured.
    """
    pairs = [(told[key], exhaustive_s[key] * drift) for key in told if key in exhaustive_s]
    logs = [math.log(one.call_s / seen_s) for one, seen_s in pairs]
    return Errors(logs, sum(one.low_s <= seen_s <= one.high_s for one, seen_s in pairs))


def errors_of_measured(
    staged_s: Mapping[str, float], exhaustive_s: Mapping[str, float], drift: float = 1.0
) -> Errors:
    """The same of what both runs measured: nothing can be told better than it repeats."""
    both = [key for key in staged_s if key in exhaustive_s]
    return Errors([math.log(staged_s[k] / (exhaustive_s[k] * drift)) for k in both], None)


def counts(run: Run) -> dict[str, int]:
    """How many configurations ended how, ``derived`` and ``inferred-oom`` among the words."""
    found: dict[str, int] = {}
    for record in run.latest.values():
        word = _word(record)
        found[word] = found.get(word, 0) + 1
    return found


def _word(record: Record) -> str:
    if record.is_derived:
        return "derived"
    if record.is_inferred_oom:
        return "inferred-oom"
    return "measured" if record.status is Status.OK else record.status.value
