from __future__ import annotations

import pytest

from sdbench.devices.script import Script
from sdbench.devices.scripted import DeviceLost, ScriptedDevice, SimulatedOutOfMemory


def test_the_clock_moves_only_where_the_script_says_so() -> None:
    device = ScriptedDevice(Script())
    device.synchronize()
    device.state()
    device.use_memory(1)
    assert device.now_ns() == 0
    device.advance(0.25)
    device.advance(0.5)
    assert device.now_ns() == device.mark() == 750_000_000


def test_marks_are_told_apart_in_seconds() -> None:
    device = ScriptedDevice(Script())
    start = device.mark()
    device.advance(1.5)
    assert device.seconds_between(start, device.mark()) == 1.5


def test_peaks_are_those_since_the_watch_began() -> None:
    device = ScriptedDevice(Script(memory_bytes=1000))
    device.use_memory(900)
    device.use_memory(100)
    with device.watch_memory(()) as watch:
        watch.enter_stage("denoiser")
        device.use_memory(700)
        device.use_memory(200)
        watch.leave_stage("denoiser")
        device.use_memory(300)
        peaks = watch.peaks()
    assert peaks.allocated_bytes.value == 700
    assert peaks.allocated_bytes_by_stage == {"other": 300, "denoiser": 700}


def test_what_is_in_use_when_the_watch_begins_counts() -> None:
    device = ScriptedDevice(Script(memory_bytes=1000))
    device.use_memory(400)
    with device.watch_memory(()) as watch:
        assert watch.peaks().allocated_bytes.value == 400


def test_all_memory_may_be_used_but_no_byte_more() -> None:
    device = ScriptedDevice(Script(memory_bytes=1000))
    device.use_memory(1000)
    with pytest.raises(SimulatedOutOfMemory, match="Tried to allocate 1 bytes") as raised:
        device.use_memory(1001)
    assert device.is_out_of_memory(raised.value)
    assert not device.is_out_of_memory(RuntimeError("something else"))


def test_what_is_held_is_in_use_until_nothing_refers_to_it() -> None:
    device = ScriptedDevice(Script(memory_bytes=1000))
    held = device.hold(600)
    with pytest.raises(SimulatedOutOfMemory, match="Tried to allocate 401 bytes"):
        device.hold(401)
    assert device.allocated_bytes() == 600
    del held
    assert device.allocated_bytes() == 0


def test_a_leak_stays() -> None:
    device = ScriptedDevice(Script(memory_bytes=1000))
    device.leak(300)
    device.clear()
    assert device.allocated_bytes() == 300


def test_a_limit_below_the_capacity_is_what_may_be_used() -> None:
    device = ScriptedDevice(Script(memory_bytes=1000))
    device.limit_memory(700)
    with pytest.raises(SimulatedOutOfMemory, match="700 bytes allowed"):
        device.use_memory(701)
    device.limit_memory(2000)
    with pytest.raises(SimulatedOutOfMemory, match=r"1000 bytes is free\. Of"):
        device.use_memory(1001)


def test_a_lost_device_answers_no_more() -> None:
    device = ScriptedDevice(Script())
    assert "device-side assert" in str(device.lose())
    for touch in (device.synchronize, device.clear):
        with pytest.raises(DeviceLost):
            touch()


def test_a_throttled_device_tells_software_thermal_slowdown() -> None:
    device = ScriptedDevice(Script())
    assert device.state() == {"clock_event_reasons": 0}
    device.is_throttled = True
    assert device.state() == {"clock_event_reasons": 0x20}
