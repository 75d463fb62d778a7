"""How noisy a run was, and the smallest difference between two configurations that it can tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median, stdev

from sdbench.results.crowding import crowded_ratio
from sdbench.results.figure import Origin
from sdbench.results.record import Record, Status
from sdbench.results.rounds import Rounds
from sdbench.results.store import Run
from sdbench.results.table import accepted_samples
from sdbench.statistics import Estimate, median_estimate
from sdbench.units import MIB

LEAST_CONFIRMED = 2
"""Configurations measured again, from which a scatter between rounds can be told."""

_T_975 = tuple(
    map(
        float,
        "12.706 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262 2.228 "
        "2.201 2.179 2.160 2.145 2.131 2.120 2.110 2.101 2.093 2.086".split(),
    )
)
"""97.5 % quantile of Student's t from 1 degree of freedom on: a two-sided test at 5 %. The last one
stands for all that follow, which are smaller."""

_T_80 = tuple(
    map(
        float,
        "1.376 1.061 0.978 0.941 0.920 0.906 0.896 0.889 0.883 0.879 "
        "0.876 0.873 0.870 0.868 0.866 0.865 0.863 0.862 0.861 0.860".split(),
    )
)
"""Its 80 % quantile: the power with which the difference is to be seen."""

_LEAST_INFERRED_BYTES = 128 * MIB
"""Where the driver tells no processes apart, less than this in use beside the worker is none: a
CUDA context takes more, an idle driver less."""

NOTHING_TIMED = "no configuration was timed more than once"
NOT_CONFIRMED = (
    "nothing was measured again in fresh rounds, so that what a round of its own adds is not known"
)
CONFIRMED_ONE = (
    "only one configuration was measured again in fresh rounds: one shift tells of no scatter"
)
NO_DRIVER = "no driver told who else used the device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How far the latencies of a run can be trusted. All ratios: 1.0 = 100 %.

    Attributes:
        half_widths: For each configuration with two or more timed calls, half the width of the
            interval of its median latency as a share of that median, by key.
        median_half_width: The median of these; None where there are none.
        unstable: Configurations that were called unstable, since most samples were throttled.
        throttled: Configurations of which a timed call was throttled, unstable ones among them.
        outlying: Configurations with a timed call far from their median; it is kept.
        accompanied: Configurations beside which another process used the device; None where
            no driver tells, see ``accompanied_reason``.
        accompanied_reason: Why that is not known; None where it is.
        crowded: Configurations that waited for a processor for so long that their times tell of
            it; None where that is not told of any.
        within_ratio: The smallest difference of two medians of one round that their intervals
            show: two intervals of the median half-width that just do not overlap. What differs
            from process to process is not in it, so that it is a lower bound; None without
            intervals.
        within_reason: Why that is not known; None where it is.
        confirmed: Configurations that were measured again in fresh rounds.
        shift_ratio: By what share the fresh rounds were slower than the sweep, in the mean of the
            logarithms; below 0 where they were faster. It is drift, and the luck of those that
            were chosen for being fastest; None where nothing was measured again.
        between_sd: Standard deviation, over those, of the logarithm of the fresh latency over the
            swept one: what a round of its own adds; None below `LEAST_CONFIRMED` configurations.
        between_ratio: The smallest true difference of two configurations that is seen with 80 %
            power at the 5 % level where each rests on a round of its own:
            exp((t.975 + t.8) sd) - 1, of n - 1 degrees of freedom; None without ``between_sd``.
        between_reason: Why that is not known; None where it is.
    """

    half_widths: Mapping[str, float] = field(default_factory=dict)
    median_half_width: float | None = None
    unstable: int = 0
    throttled: int = 0
    outlying: int = 0
    accompanied: int | None = None
    accompanied_reason: str | None = None
    crowded: int | None = None
    within_ratio: float | None = None
    within_reason: str | None = None
    confirmed: int = 0
    shift_ratio: float | None = None
    between_sd: float | None = None
    between_ratio: float | None = None
    between_reason: str | None = None

    @property
    def smallest_ratio(self) -> float | None:
        """The smallest difference that the run can tell: the larger of the two that are known."""
        known = [one for one in (self.within_ratio, self.between_ratio) if one is not None]
        return max(known, default=None)


def noise(run: Run) -> Noise:
    """How noisy a run was."""
    rounds = run.rounds
    settled = {key: one.settled for key, one in rounds.items()}
    latencies = {key: found for key, one in settled.items() if (found := _latency(one)) is not None}
    half_widths = {
        key: latency.relative_half_width
        for key, latency in latencies.items()
        if latency.sample_count > 1 and latency.point > 0
    }
    middle = median(half_widths.values()) if half_widths else None
    within, within_reason = _within(middle)
    shifts = [shift for one in rounds.values() if (shift := _shift(one)) is not None]
    between, between_reason = _between(shifts)
    accompanied = [told for one in settled.values() if (told := has_company(one)) is not None]
    return Noise(
        half_widths=half_widths,
        median_half_width=middle,
        unstable=sum(one.status is Status.UNSTABLE for one in settled.values()),
        throttled=sum(any(one.is_throttled) for one in settled.values()),
        outlying=sum(any(one.is_outlier) for one in settled.values()),
        accompanied=sum(accompanied) if accompanied else None,
        accompanied_reason=None if accompanied else NO_DRIVER,
        crowded=sum(crowded_ratio(one) is not None for one in settled.values())
        if any(one.waited_s for one in settled.values())
        else None,
        within_ratio=within,
        within_reason=within_reason,
        confirmed=len(shifts),
        shift_ratio=math.expm1(mean(shifts)) if shifts else None,
        between_sd=stdev(shifts) if len(shifts) >= LEAST_CONFIRMED else None,
        between_ratio=between,
        between_reason=between_reason,
    )


def smallest_difference_ratio(shifts: Sequence[float]) -> float:
    """The smallest true difference of two configurations that their one pair of figures shows.

    ``k(n)`` of a comparison by n pairs is (t.975 + t.8) / sqrt(n). Here two configurations are
    compared by one pair, and the n shifts tell no more than its scatter: no division.

    Args:
        shifts: For n >= `LEAST_CONFIRMED` configurations, the logarithm of the latency in fresh
            rounds over that in the sweep.

    Returns:
        The difference as a share, such as 0.05.
    """
    at = min(len(shifts) - 1, len(_T_975)) - 1
    return math.expm1((_T_975[at] + _T_80[at]) * stdev(shifts))


def _within(half_width: float | None) -> tuple[float | None, str | None]:
    """The difference between medians whose intervals touch, or why it is not known.

    The intervals of m and (1 + d) m, each +- h of its median, touch where
    m (1 + h) = (1 + d) m (1 - h): d = 2 h / (1 - h). From h = 100 % on, they always do.
    """
    if half_width is None:
        return None, NOTHING_TIMED
    if half_width >= 1:
        return None, "the intervals are wider than what they are about"
    return 2 * half_width / (1 - half_width), None


def _between(shifts: Sequence[float]) -> tuple[float | None, str | None]:
    if len(shifts) >= LEAST_CONFIRMED:
        return smallest_difference_ratio(shifts), None
    return None, CONFIRMED_ONE if shifts else NOT_CONFIRMED


def _shift(rounds: Rounds) -> float | None:
    """The logarithm of the latency in fresh rounds over that in the sweep."""
    if not rounds.confirmed:
        return None
    swept, fresh = _latency(rounds.swept), _latency(rounds.settled)
    if swept is None or fresh is None or swept.point <= 0 or fresh.point <= 0:
        return None
    return math.log(fresh.point / swept.point)


def _latency(record: Record) -> Estimate | None:
    samples = accepted_samples(record)
    return median_estimate(samples) if samples else None


def has_company(record: Record) -> bool | None:
    """Whether another process used the device meanwhile; None where no driver tells."""
    others = record.device_memory.other_processes_bytes if record.device_memory else None
    if others is None or others.value is None:
        return None
    return others.value >= (_LEAST_INFERRED_BYTES if others.origin is Origin.INFERRED else 1)
