from __future__ import annotations

import pytest

from sdbench.measure.turns import common_stop
from sdbench.results.record import StopReason

CONVERGED, MOST, BUDGET = StopReason.CONVERGED, StopReason.MAX_SAMPLES, StopReason.TIME_BUDGET


@pytest.mark.parametrize(
    ("reasons", "common"),
    [
        ((None, None), None),
        ((CONVERGED, None), None),
        ((CONVERGED, CONVERGED), CONVERGED),
        ((MOST, MOST), MOST),
        ((None, BUDGET), BUDGET),
        ((CONVERGED, BUDGET, None), BUDGET),
        ((StopReason.THROTTLED, None), StopReason.THROTTLED),
    ],
)
def test_all_take_as_many_calls(
    reasons: tuple[StopReason | None, ...], common: StopReason | None
) -> None:
    """Until all have enough, but no longer than each can."""
    assert common_stop(reasons) is common
