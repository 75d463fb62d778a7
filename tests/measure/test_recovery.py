from __future__ import annotations

import gc
import weakref

import pytest

from sdbench.devices.script import Script
from sdbench.devices.scripted import ScriptedDevice, SimulatedOutOfMemory
from sdbench.measure.recovery import TOLERANCE_BYTES, clear, excess_bytes, let_go


def failed(device: ScriptedDevice) -> SimulatedOutOfMemory:
    """An error whose traceback, and that of its cause, hold memory of the device."""

    def inner() -> None:
        held = device.hold(400)
        assert held
        device.hold(device.script.memory_bytes)

    def outer() -> None:
        held = device.hold(300)
        assert held
        try:
            inner()
        except SimulatedOutOfMemory as error:
            raise device.out_of_memory(1) from error

    try:
        outer()
    except SimulatedOutOfMemory as error:
        return error
    raise AssertionError


def test_what_an_error_and_its_causes_hold_is_let_go() -> None:
    device = ScriptedDevice(Script(memory_bytes=1000))
    error = failed(device)
    assert device.allocated_bytes() == 700
    let_go(error)
    clear(device)
    assert device.allocated_bytes() == 0
    assert error.__traceback__ is error.__cause__ is error.__context__ is None


def test_frames_that_still_run_are_left_alone() -> None:
    kept = ScriptedDevice(Script())
    try:
        raise ValueError
    except ValueError as error:
        let_go(error)
    assert kept.allocated_bytes() == 0


def test_cycles_are_cleared() -> None:
    class Node:
        def __init__(self) -> None:
            self.other = self

    gone = weakref.ref(Node())
    clear(ScriptedDevice(Script()))
    assert gone() is None
    assert gc.isenabled()


@pytest.mark.parametrize(("more_bytes", "is_excess"), [(0, False), (1, True)])
def test_small_buffers_are_tolerated(more_bytes: int, is_excess: bool) -> None:
    device = ScriptedDevice(Script())
    device.leak(100 + TOLERANCE_BYTES + more_bytes)
    excess = excess_bytes(device, baseline_bytes=100)
    assert excess == (TOLERANCE_BYTES + 1 if is_excess else 0)
