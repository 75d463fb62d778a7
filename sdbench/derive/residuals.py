"""How far derived latencies are from measured ones, and so how sure the others are."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from sdbench.derive.design import LEAST_HELD_OUT
from sdbench.derive.latency import LatencyModel, tells_its_own
from sdbench.derive.observation import Observation
from sdbench.jsontypes import JsonValue
from sdbench.statistics import MAD_TO_SIGMA

CONFIDENCE = 0.95
"""Confidence of derived intervals."""

LEAST_ERROR = 0.005
"""Standard deviation of derived latencies that is assumed at least: a handful of residuals may be
small by luck."""

SUSPICIOUS_ERROR = 0.03
"""Errors up to this are not looked into, however much smaller the others are."""

SUSPICIOUS_SIGMAS = 3.5
"""A residual this far beyond the scatter of all is no noise: a setting interacts."""


@dataclass(frozen=True, slots=True)
class Residual:
    """A configuration that was measured and, without its own record, derived.

    Attributes:
        observation: What was measured.
        log_ratio: Logarithm of the measured over the derived latency.
        log_unexplained: The same, less what the machine's pace explains.
    """

    observation: Observation
    log_ratio: float
    log_unexplained: float


def residuals(
    observations: Sequence[Observation],
    knobs: Mapping[str, Mapping[str, JsonValue]],
    checking: Iterable[str],
) -> tuple[Residual, ...]:
    """The residual of each configuration that checks the model, derived from all but itself.

    One without which its scheduler's own terms in its cell would not be known checks nothing. Its
    evaluations were counted, and have no noise: where no other tells them, they count as known.

    Args:
        observations: What was measured.
        knobs: The knobs of each, by key.
        checking: Keys of those that check.
    """
    wanted = set(checking)
    near: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for one in observations:
        near[one.cell, one.sampler].append(one)
    found = []
    for one in observations:
        own = near[one.cell, one.sampler]
        rest = [other for other in own if other.key != one.key]
        if one.key not in wanted or tells_its_own(own) > tells_its_own(rest):
            continue
        model = LatencyModel(other for other in observations if other.key != one.key)
        expected = model.expected(knobs[one.key], one.evaluations)
        if expected is not None and expected.call_s > 0:
            usual = model.at_usual_pace(one)
            logs = (math.log(seen.call_s / expected.call_s) for seen in (one, usual))
            found.append(Residual(one, *logs))
    return tuple(found)


def single_errors(
    found: Sequence[Residual], held_out: Iterable[str], first_looks_s: Mapping[str, float]
) -> list[float]:
    """How far single measurements of any configuration lie from what is derived, as logarithms.

    Only what was held out by its key alone tells that: the best ones were chosen for what was
    derived of them. A measurement that was repeated since it was in doubt counts as it was at
    first, for a doubtful moment may come upon any other. Where fewer than `LEAST_HELD_OUT` of the
    held-out ones check the model, all that do are taken.

    Args:
        found: The residuals.
        held_out: Keys of what was held out.
        first_looks_s: Seconds of a call at first of what was measured once more, by key.
    """
    wanted = set(held_out)
    singles = {
        one.observation.key: one.log_ratio
        + math.log(
            first_looks_s.get(one.observation.key, one.observation.call_s) / one.observation.call_s
        )
        for one in found
    }
    drawn = [log_ratio for key, log_ratio in singles.items() if key in wanted]
    return drawn if len(drawn) >= LEAST_HELD_OUT else list(singles.values())


def interval_factor(errors: Sequence[float]) -> float | None:
    """The factor by which a derived latency may be off either way, at `CONFIDENCE`.

    exp(t s), s being the root mean square of the errors and t Student's quantile of as many
    degrees of freedom as there are errors. None for fewer than two.

    Args:
        errors: Logarithms, see `single_errors`.
    """
    if len(errors) < 2:
        return None
    square = math.fsum(log_ratio**2 for log_ratio in errors) / len(errors)
    spread = max(math.sqrt(square), LEAST_ERROR)
    return math.exp(_t_quantile(1 - (1 - CONFIDENCE) / 2, len(errors)) * spread)


def suspicious(found: Sequence[Residual]) -> tuple[Residual, ...]:
    """Those that neither the machine's pace nor the scatter of all explains."""
    far = outliers({one.observation.key: one.log_unexplained for one in found})
    return tuple(one for one in found if one.observation.key in far)


def outliers(log_ratios: Mapping[str, float]) -> frozenset[str]:
    """Names of those that are farther from 0 than the scatter of all explains.

    Args:
        log_ratios: Logarithms of what was seen over what was expected, by name.
    """
    if not log_ratios:
        return frozenset()
    scale = MAD_TO_SIGMA * median(map(abs, log_ratios.values()))
    bound = max(math.log1p(SUSPICIOUS_ERROR), SUSPICIOUS_SIGMAS * scale)
    return frozenset(name for name, log_ratio in log_ratios.items() if abs(log_ratio) > bound)


def _t_quantile(share: float, degrees: int) -> float:
    from scipy import special

    return float(special.stdtrit(degrees, share))
