from __future__ import annotations

from collections.abc import Sequence

import pytest

from sdbench.measure.stopping import stop_reason
from sdbench.results.record import StopReason
from sdbench.suite.model import Protocol

PROTOCOL = Protocol(min_samples=3, max_samples=10, target_interval=0.01, time_budget_s=60.0)


@pytest.mark.parametrize(
    ("accepted_s", "taken", "spent_s", "expected"),
    [
        ([1.0] * 2, 2, 1.0, None),
        ([1.0] * 5, 5, 1.0, None),  # equal, but five samples have no interval of 95 %
        ([1.0] * 6, 6, 1.0, StopReason.CONVERGED),
        # six: the interval is the whole range, half of 0.019 around a median of 1
        ([0.991, 1.0, 1.0, 1.0, 1.0, 1.01], 6, 1.0, StopReason.CONVERGED),
        ([0.98, 1.0, 1.0, 1.0, 1.0, 1.01], 6, 1.0, None),
        # nine: from the second smallest to the second largest, so one far one does not matter
        ([1.0] * 8 + [9.0], 9, 1.0, StopReason.CONVERGED),
        ([1.0, 2.0] * 5, 10, 1.0, StopReason.MAX_SAMPLES),
        ([1.0, 2.0], 2, 99.0, None),  # the least number of samples goes before the time
        ([1.0, 2.0, 3.0], 3, 60.0, StopReason.TIME_BUDGET),
        # throttled samples count as taken, not as accepted
        ([1.0] * 5, 10, 1.0, StopReason.MAX_SAMPLES),
        ([1.0], 3, 60.0, StopReason.TIME_BUDGET),
    ],
)
def test_sampling_stops_on_precision_number_or_time(
    accepted_s: Sequence[float], taken: int, spent_s: float, expected: StopReason | None
) -> None:
    assert stop_reason(accepted_s, taken, spent_s, PROTOCOL) is expected
