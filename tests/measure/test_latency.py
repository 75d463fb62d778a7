from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from measure_types import LoggingDevice, PlannedPipeline

from sdbench.measure.deadline import Deadline
from sdbench.measure.latency import first_call, sample, warm_up
from sdbench.results.record import StopReason
from sdbench.suite.model import Protocol


def seconds(*durations_s: float) -> list[list[tuple[str, float]]]:
    return [[("denoiser", duration_s)] for duration_s in durations_s]


def never(device: LoggingDevice) -> Deadline:
    return Deadline.after(device, 1e6)


def test_the_first_call_is_told_apart(device: LoggingDevice, planned: PlannedPipeline) -> None:
    planned.plans = seconds(9.0, 1.0)  # type: ignore[assignment]
    assert first_call(planned, device)[0] == pytest.approx(9.0)


def test_warm_up_goes_on_until_calls_are_steady(
    device: LoggingDevice, planned: PlannedPipeline
) -> None:
    planned.plans = seconds(3.0, 2.0, 1.0, 1.01, 1.0)  # type: ignore[assignment]
    warmed = warm_up(planned, device, Protocol(warmup=1, max_warmup=9), 9.0, never(device))
    assert warmed == pytest.approx([3.0, 2.0, 1.0, 1.01])


def test_warm_up_that_never_gets_steady_ends(
    device: LoggingDevice, planned: PlannedPipeline
) -> None:
    planned.plans = seconds(1.0, 2.0, 4.0, 8.0, 16.0)  # type: ignore[assignment]
    warmed = warm_up(planned, device, Protocol(warmup=1, max_warmup=3), 9.0, never(device))
    assert warmed == pytest.approx([1.0, 2.0, 4.0])


def test_equal_samples_converge_at_the_sixth(
    device: LoggingDevice, planned: PlannedPipeline
) -> None:
    samples = sample(planned, device, Protocol(min_samples=2), never(device))
    assert [timing.wall_s for timing in samples.timings] == pytest.approx([1.0] * 6)
    assert samples.stop_reason is StopReason.CONVERGED
    assert samples.throttled == [False] * 6


def test_samples_that_scatter_go_on_to_the_last(
    device: LoggingDevice, planned: PlannedPipeline
) -> None:
    planned.plans = seconds(1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0)  # type: ignore[assignment]
    samples = sample(planned, device, Protocol(max_samples=8), never(device))
    assert len(samples.timings) == 8
    assert samples.stop_reason is StopReason.MAX_SAMPLES


def test_the_time_budget_ends_sampling(device: LoggingDevice, planned: PlannedPipeline) -> None:
    planned.plans = seconds(10.0, 20.0, 10.0, 20.0)  # type: ignore[assignment]
    samples = sample(planned, device, Protocol(min_samples=2, time_budget_s=35.0), never(device))
    assert len(samples.timings) == 3  # 10, 30, 40 s spent
    assert samples.stop_reason is StopReason.TIME_BUDGET


def test_what_each_call_waited_for_a_processor_is_told_apart_from_the_others(
    device: LoggingDevice, planned: PlannedPipeline
) -> None:
    """Before the timed calls it waits as well; a call takes 2 s of which another program has 1."""
    device.is_crowded = True
    device.advance(5.0)
    samples = sample(planned, device, Protocol(min_samples=2, max_samples=3), never(device))
    assert [timing.wall_s for timing in samples.timings] == pytest.approx([2.0] * 3)
    assert samples.waited_s == pytest.approx([1.0] * 3)


def test_a_device_that_tells_no_waits_has_none(
    device: LoggingDevice, planned: PlannedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "waited_ns", lambda: None)
    assert sample(planned, device, Protocol(min_samples=2), never(device)).waited_s == []


class OtherWorkers:
    """Takes a minute before each turn, and ends after some calls.

    Attributes:
        told: What it was told before each turn: why no further call is needed.
    """

    def __init__(self, device: LoggingDevice, calls: int) -> None:
        self.told: list[StopReason | None] = []
        self._device = device
        self._calls = calls

    def __call__(self, stop_reason: StopReason | None) -> StopReason | None:
        self.told.append(stop_reason)
        self._device.advance(60.0)
        return StopReason.CONVERGED if len(self.told) > self._calls else None


def test_in_turns_the_wait_is_no_time_of_the_configuration(
    device: LoggingDevice, planned: PlannedPipeline
) -> None:
    """Neither the time budget nor the deadline is used up by calls of others."""
    others = OtherWorkers(device, calls=4)
    protocol = Protocol(min_samples=2, time_budget_s=20.0)
    samples = sample(planned, device, protocol, Deadline.after(device, 30.0), others)
    assert [timing.wall_s for timing in samples.timings] == pytest.approx([1.0] * 4)
    assert samples.span_s == pytest.approx(4.0)
    assert others.told == [None] * 5


def test_in_turns_whoever_has_enough_says_so_and_goes_on_as_it_is_told(
    device: LoggingDevice, planned: PlannedPipeline
) -> None:
    others = OtherWorkers(device, calls=8)
    samples = sample(planned, device, Protocol(), never(device), others)
    assert len(samples.timings) == 8
    assert samples.stop_reason is StopReason.CONVERGED
    assert others.told == [None] * 6 + [StopReason.CONVERGED] * 3


def test_the_device_is_read_between_samples_only(
    device: LoggingDevice, planned: PlannedPipeline
) -> None:
    sample(planned, device, Protocol(min_samples=2, max_samples=2), never(device))
    one_sample = ["prepare", "synchronize", "call", "synchronize", "state"]
    assert device.log == ["state", *one_sample, *one_sample]


States = Callable[[Sequence[bool]], list[Any]]


def test_few_throttled_samples_are_marked_and_replaced(
    device: LoggingDevice, planned: PlannedPipeline, throttled_while: States
) -> None:
    device.states = throttled_while([False, False, True, False])
    samples = sample(planned, device, Protocol(min_samples=2), never(device))
    # The third reading spoils the samples before and after it; six others converge.
    assert samples.throttled == [False, True, True, *[False] * 5]
    assert samples.stop_reason is StopReason.CONVERGED
    assert not samples.is_unstable


def test_a_device_that_is_always_throttled_still_gives_samples(
    device: LoggingDevice, planned: PlannedPipeline, throttled_while: States
) -> None:
    """Regression of nvbench: it discarded every sample."""
    device.states = throttled_while([True] * 99)
    samples = sample(planned, device, Protocol(), never(device))
    assert len(samples.timings) == 6
    assert samples.throttled == [True] * 6
    assert samples.is_unstable
    assert samples.stop_reason is StopReason.THROTTLED


def test_a_slow_configuration_yields_the_samples_that_fit_before_its_timeout(
    device: LoggingDevice, planned: PlannedPipeline
) -> None:
    """Calls of a minute ended as timeout after ten, without a figure."""
    # 330 s are left: samples at 60, 120, 180, 240 s leave 90 s, which is above 1.25 * 60 = 75 s;
    # after the fifth 30 s are left.
    planned.plans = seconds(*[60.0] * 9)  # type: ignore[assignment]
    samples = sample(planned, device, Protocol(min_samples=6), Deadline.after(device, 330.0))
    assert len(samples.timings) == 5
    assert samples.stop_reason is StopReason.TIME_BUDGET


def test_warm_up_leaves_time_for_a_timed_call(
    device: LoggingDevice, planned: PlannedPipeline
) -> None:
    # Two calls of 60 s and a quarter are 150 s: none but the timed one fits into 130 s.
    planned.plans = seconds(60.0, 60.0)  # type: ignore[assignment]
    deadline = Deadline.after(device, 130.0)
    assert warm_up(planned, device, Protocol(), 60.0, deadline) == []
    assert len(sample(planned, device, Protocol(), deadline).timings) == 1
