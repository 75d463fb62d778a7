from __future__ import annotations

from typing import Any

import pytest
from measure_types import LoggingDevice, PlannedPipeline

from sdbench.measure.timing import StageMarks, time_call

PLAN = [
    (None, 0.25),
    ("text_encoding", 0.5),
    ("denoiser", 2.0),
    ("scheduler_step", 0.125),
    ("denoiser", 3.0),
    ("scheduler_step", 0.125),
    (None, 0.25),
    ("vae_decode", 1.0),
]
"""7.25 s: text 0.5, denoiser 2 + 3, scheduler 0.25, decoding 1, and 0.5 in no stage."""


def test_a_call_is_divided_into_its_stages(device: LoggingDevice, planned: PlannedPipeline) -> None:
    planned.plans = [PLAN]
    marks = StageMarks(device)
    with planned.observed(marks):
        timing, images = time_call(planned, device, marks)
    assert timing.wall_s == pytest.approx(7.25)
    assert timing.device_s is None
    assert dict(timing.stages_s) == pytest.approx(
        {
            "text_encoding": 0.5,
            "denoiser": 5.0,
            "scheduler_step": 0.25,
            "vae_decode": 1.0,
            "other": 0.5,
        }
    )
    assert timing.denoiser_evaluations == 2
    assert len(images) == 1


def test_each_call_is_told_by_itself(device: LoggingDevice, planned: PlannedPipeline) -> None:
    """Regression of pytest-codspeed, whose figures of one iteration were mixed with others'."""
    planned.plans = [PLAN]
    marks = StageMarks(device)
    with planned.observed(marks):
        timings = [time_call(planned, device, marks)[0] for _ in range(3)]
    assert [timing.stages_s["denoiser"] for timing in timings] == pytest.approx([5.0] * 3)
    assert [timing.denoiser_evaluations for timing in timings] == [2, 2, 2]


def test_a_call_that_raised_does_not_count_towards_the_next(
    device: LoggingDevice, planned: PlannedPipeline
) -> None:
    planned.plans = [[("denoiser", 1.0)], KeyError("x"), [("denoiser", 2.0)]]
    marks = StageMarks(device)
    with planned.observed(marks):
        time_call(planned, device, marks)
        with pytest.raises(KeyError):
            time_call(planned, device, marks)
        timing, _ = time_call(planned, device, marks)
    assert timing.stages_s["denoiser"] == pytest.approx(2.0)


def test_within_the_timed_window_is_nothing_but_the_call(
    device: LoggingDevice, planned: PlannedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = device.now_ns

    def now_ns() -> int:
        device.log.append("clock")
        return clock()

    monkeypatch.setattr(device, "now_ns", now_ns)
    time_call(planned, device, StageMarks(device))
    assert device.log == ["prepare", "synchronize", "clock", "call", "synchronize", "clock"]


def test_a_device_with_its_own_clock_tells_its_own_seconds(
    device: LoggingDevice, planned: PlannedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device counts half as fast here: 2 s of work, of which 1.5 s lie in the denoiser."""
    monkeypatch.setattr(device, "has_own_clock", True, raising=False)

    def seconds_between(start: Any, end: Any) -> float:
        return float(end - start) * 0.5e-9

    monkeypatch.setattr(device, "seconds_between", seconds_between)
    planned.plans = [[("denoiser", 3.0), (None, 1.0)]]
    marks = StageMarks(device)
    with planned.observed(marks):
        timing, _ = time_call(planned, device, marks)
    assert (timing.wall_s, timing.device_s) == (pytest.approx(4.0), pytest.approx(2.0))
    assert dict(timing.stages_s) == pytest.approx({"denoiser": 1.5, "other": 0.5})
