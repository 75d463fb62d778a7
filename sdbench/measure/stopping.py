"""When there are enough samples. On precision, never on significance."""

from __future__ import annotations

from collections.abc import Sequence

from sdbench.results.record import StopReason
from sdbench.statistics import median_estimate
from sdbench.suite.model import Protocol


def stop_reason(
    accepted_s: Sequence[float], taken: int, spent_s: float, protocol: Protocol
) -> StopReason | None:
    """Why sampling should stop now, or None where it should go on.

    Convergence needs an interval of full confidence, and so at least six accepted samples,
    however small ``min_samples`` is.

    Args:
        accepted_s: Seconds of the samples that count.
        taken: Number of samples taken, throttled ones among them.
        spent_s: Seconds since sampling began.
        protocol: The suite's ``measure``.
    """
    if len(accepted_s) >= protocol.min_samples:
        estimate = median_estimate(accepted_s)
        if estimate.is_confident and estimate.relative_half_width <= protocol.target_interval:
            return StopReason.CONVERGED
    if taken >= protocol.max_samples:
        return StopReason.MAX_SAMPLES
    if taken >= protocol.min_samples and spent_s >= protocol.time_budget_s:
        return StopReason.TIME_BUDGET
    return None
