from __future__ import annotations

import math

import pytest
from traces import begin, convolution, end, weights

from sdbench.predict.calibration import (
    EXACT,
    Observation,
    Pair,
    interval,
    interval_for,
    refit,
    stored_pairs,
)
from sdbench.predict.peaks import peaks
from sdbench.predict.trace import Trace
from sdbench.predict.workspaces import FITTED
from sdbench.results.figure import Origin
from sdbench.units import KIB, MIB


def pair(ratio: float) -> Pair:
    """Measured is ``ratio`` times what was predicted."""
    return Pair(
        subject="a configuration",
        predicted_bytes=10**9,
        measured_bytes=round(ratio * 10**9),
        is_fitted=False,
        origin=Origin.MEASURED,
        source="a run",
    )


def observation(ratio: float, side: int, capability: tuple[int, int] = (8, 6)) -> Observation:
    """What a device would report whose cuDNN takes ``ratio`` times input and output."""
    size = 16 * side * side * 2
    events = (weights(0, 4 * MIB), begin(1, size), begin(2, size), end(1, size))
    trace = Trace(events, (convolution(at=3, side=side),))
    truth = FITTED.with_ratio(FITTED.index_of(capability), is_half=True, ratio=ratio)
    return Observation(trace, capability, peaks(trace, capability, truth).allocated_bytes)


def test_an_interval_spans_the_residuals_and_the_share_that_further_ones_may_leave_them() -> None:
    """Logarithms from -0.04 to 0.05 of 5 pairs: wider by 0.09 * 2 / 6 = 0.03 on each side."""
    found = interval([pair(math.exp(log)) for log in (-0.04, 0.0, 0.0, 0.01, 0.05)])
    assert math.log(found.low_ratio) == pytest.approx(-0.07, abs=1e-6)
    assert math.log(found.high_ratio) == pytest.approx(0.08, abs=1e-6)
    assert found.pairs == 5


def test_an_interval_holds_the_prediction_itself() -> None:
    found = interval([pair(ratio) for ratio in (1.05, 1.06, 1.07)])
    assert found.low_ratio <= 1 < found.high_ratio
    low, high = found.around(1000)
    assert low <= 1000 < high


def test_an_interval_is_no_finer_than_the_constants() -> None:
    found = interval([pair(1.0)] * 9)
    assert math.log(found.high_ratio) == pytest.approx(0.024)
    assert math.log(found.low_ratio) == pytest.approx(-0.024)


def test_one_pair_makes_no_interval() -> None:
    with pytest.raises(ValueError, match="2 pairs or more, not 1"):
        interval([pair(1.0)])


def test_the_cpu_has_half_a_percent() -> None:
    assert EXACT.around(1000) == (995, 1005)
    assert interval_for(None) == EXACT


def test_where_constants_are_assumed_an_interval_is_twice_as_wide() -> None:
    fitted, assumed = interval_for((8, 6)), interval_for((9, 0))
    assert fitted == interval()
    assert math.log(assumed.high_ratio) == pytest.approx(2 * math.log(fitted.high_ratio))
    assert math.log(assumed.low_ratio) == pytest.approx(2 * math.log(fitted.low_ratio))


def test_the_pairs_that_are_shipped_say_where_they_come_from_and_are_near() -> None:
    pairs = stored_pairs()
    assert {each.is_fitted for each in pairs} == {True, False}
    for each in pairs:
        assert each.source
        assert abs(each.log_ratio) < 0.1
    assert interval().pairs == len(pairs)


def test_constants_are_found_again_from_what_they_lead_to() -> None:
    found = refit([observation(1.5, side) for side in (64, 96, 128)], FITTED)
    assert found.architectures[FITTED.index_of((8, 6))].half.ratio == 1.5
    assert found.architectures[0] == FITTED.architectures[0]


def test_one_observation_changes_no_constant() -> None:
    assert refit([observation(1.5, 64)], FITTED) == FITTED


def test_observations_of_one_architecture_do_not_change_anothers() -> None:
    measured = [observation(2.5, side, (9, 0)) for side in (64, 128)]
    found = refit(measured, FITTED)
    assert found.architectures[FITTED.index_of((9, 0))].half.is_fitted
    assert found.architectures[FITTED.index_of((8, 0))] == FITTED.architectures[2]


def test_sizes_are_those_of_the_allocator() -> None:
    assert observation(0.0, 32).measured_bytes == 4 * MIB + 2 * 32 * KIB
