"""The latency pass: first call, warm-up, timed calls."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sdbench.devices.base import Device, DeviceState
from sdbench.measure.deadline import Deadline
from sdbench.measure.stopping import stop_reason
from sdbench.measure.throttling import accepted_samples, throttle_marks
from sdbench.measure.timing import StageMarks, Timing, time_call
from sdbench.measure.turns import AwaitTurn
from sdbench.measure.warmup import is_warm
from sdbench.pipelines.base import Call
from sdbench.results.record import StopReason
from sdbench.suite.model import Protocol

_WAIT_DIGITS = 6
"""Microseconds: what is finer would only make records longer."""


@dataclass(slots=True)
class Samples:
    """The timed calls of a configuration, growing.

    Attributes:
        timings: Every timed call, in order.
        throttled: For each, whether the device was throttled.
        waited_s: For each, seconds that it waited for a processor; empty where that is not told.
        states: The device before the first and after each of them.
        span_s: Seconds from the first of these readings to the last one, waits for turns left out.
        company: Other processes that were on the device, in words, by number.
        stop_reason: Why no further one was taken; None while sampling.
        is_unstable: Whether too many were throttled to set them aside.
    """

    timings: list[Timing] = field(default_factory=list)
    throttled: list[bool] = field(default_factory=list)
    waited_s: list[float] = field(default_factory=list)
    states: list[DeviceState] = field(default_factory=list)
    span_s: float = 0.0
    company: dict[int, str] = field(default_factory=dict)
    stop_reason: StopReason | None = None
    is_unstable: bool = False


def first_call(call: Call, device: Device) -> tuple[float, Sequence[Any]]:
    """Seconds of the first call, with lazy loading, compilation and autotuning; and its images."""
    marks = StageMarks(device)
    with call.observed(marks):
        timing, images = time_call(call, device, marks)
    return timing.wall_s, images


def warm_up(
    call: Call, device: Device, protocol: Protocol, first_call_s: float, deadline: Deadline
) -> list[float]:
    """Repeats the call until it is steady, and leaves time for a timed one; seconds of each."""
    durations_s = [first_call_s]
    marks = StageMarks(device)
    with call.observed(marks):
        while not is_warm(
            durations_s, protocol.warmup, protocol.max_warmup
        ) and deadline.leaves_room_for(2, durations_s[-1]):
            timing, _ = time_call(call, device, marks)
            durations_s.append(timing.wall_s)
    return durations_s[1:]


def sample(
    call: Call,
    device: Device,
    protocol: Protocol,
    deadline: Deadline,
    await_turn: AwaitTurn | None = None,
) -> Samples:
    """Times calls until the protocol says that there are enough, or no further one would fit.

    The device's state is read before and after each sample, outside of the timed window; nothing
    is polled, printed or sent meanwhile.

    Args:
        call: What is timed.
        device: Where.
        protocol: When there are enough.
        deadline: When the controller gives the configuration up.
        await_turn: Waits until the next call may be taken, and decides whether there is one; None
            where it need not be waited for. What it waits is no time of this configuration.
    """
    samples = Samples()
    marks = StageMarks(device)
    gc.collect()
    samples.company.update(device.company())
    samples.states.append(device.state())
    begun_ns = device.now_ns()
    with call.observed(marks):
        while True:
            if await_turn is not None:
                asked_ns = device.now_ns()
                samples.stop_reason = await_turn(samples.stop_reason)
                until_turn_ns = device.now_ns() - asked_ns
                begun_ns, deadline = begun_ns + until_turn_ns, deadline.later_by(until_turn_ns)
            if samples.stop_reason is not None:
                break
            before_ns = device.waited_ns()
            timing, _ = time_call(call, device, marks)
            after_ns = device.waited_ns()
            samples.timings.append(timing)
            if before_ns is not None and after_ns is not None:
                waited_s = round((after_ns - before_ns) * 1e-9, _WAIT_DIGITS)
                samples.waited_s.append(min(waited_s, timing.wall_s))
            samples.states.append(device.state())
            samples.span_s = (device.now_ns() - begun_ns) * 1e-9
            samples.stop_reason = _stop_reason(samples, protocol, deadline)
    samples.company.update(device.company())
    return samples


def _stop_reason(samples: Samples, protocol: Protocol, deadline: Deadline) -> StopReason | None:
    every_s = [timing.wall_s for timing in samples.timings]
    samples.throttled = throttle_marks(samples.states)
    accepted_s = accepted_samples(every_s, samples.throttled)
    samples.is_unstable = accepted_s is None
    counted_s = every_s if accepted_s is None else accepted_s
    reason = stop_reason(counted_s, len(every_s), samples.span_s, protocol)
    if reason is None and not deadline.leaves_room_for(1, every_s[-1]):
        reason = StopReason.TIME_BUDGET
    return StopReason.THROTTLED if reason and samples.is_unstable else reason
