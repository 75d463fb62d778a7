from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sdbench.measure.throttling import (
    accepted_samples,
    is_throttled,
    throttle_marks,
    throttle_note,
)


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (0x0, False),
        (0x1, False),  # idle
        (0x4, False),  # software power cap: a busy GPU's normal state
        (0x8, True),  # hardware slowdown
        (0x20, True),  # software thermal
        (0x40, True),  # hardware thermal
        (0x80, True),  # power brake
        (0x24, True),  # power cap and software thermal
    ],
)
def test_some_clock_event_reasons_spoil_a_sample(reasons: int, expected: bool) -> None:
    calm = {"clock_event_reasons": 0}
    state = {"clock_event_reasons": reasons}
    assert is_throttled((state, calm), None) is expected
    assert is_throttled((calm, state), None) is expected


def test_a_device_that_tells_nothing_is_not_throttled() -> None:
    assert throttle_marks([{}, {"reason": "NVML: Not Found"}, {}]) == [False, False]


def test_a_sample_is_throttled_below_three_quarters_of_the_fastest_clock() -> None:
    clocks = [2000, 1500, 1499, 2000]
    marks = throttle_marks([{"sm_clock_mhz": clock} for clock in clocks])
    assert marks == [False, True, True]


def test_a_slow_clock_is_noticed_also_where_it_comes_first() -> None:
    """The fastest clock so far is no reference while the device is throttled from the start."""
    clocks = [1000, 1000, 2000, 2000]
    marks = throttle_marks([{"sm_clock_mhz": clock} for clock in clocks])
    assert marks == [True, True, False]


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("..", [0, 1]),
        ("x.", [1]),
        ("xx.", [2]),  # two may always be set aside
        ("xxx.", None),  # three of four: more than two, and more than half
        ("xxx...", [3, 4, 5]),  # half
        ("xxxx...", None),  # four of seven
        ("x", None),
        ("xx", None),
    ],
)
def test_throttled_samples_are_set_aside_while_they_are_few(
    marks: str, expected: Sequence[float] | None
) -> None:
    samples = [float(index) for index in range(len(marks))]
    assert accepted_samples(samples, [mark == "x" for mark in marks]) == expected


@pytest.mark.parametrize("count", range(1, 12))
def test_never_are_all_samples_discarded(count: int) -> None:
    """Regression of nvbench: throttling could discard every sample."""
    for discards in range(count + 1):
        marks = [index < discards for index in range(count)]
        kept: Any = accepted_samples([1.0] * count, marks)
        assert kept is None or len(kept) == count - discards > 0


def test_throttling_that_begins_half_way_is_noted_with_its_cause() -> None:
    states = [{"clock_event_reasons": reasons} for reasons in (4, 4, 4, 4, 0x24, 0x24)]
    marks = throttle_marks(states)
    assert marks == [False, False, False, True, True]
    assert throttle_note(states, marks) == "2 of 5 samples while throttled: software thermal"


def test_several_causes_are_all_named() -> None:
    states = [{"clock_event_reasons": reasons} for reasons in (0x8, 0x40)]
    assert throttle_note(states, throttle_marks(states)) == (
        "1 of 1 samples while throttled: hardware slowdown, hardware thermal"
    )


def test_a_slow_clock_without_a_reason_is_the_cause() -> None:
    states = [{"sm_clock_mhz": clock} for clock in (2000, 2000, 1000)]
    assert throttle_note(states, throttle_marks(states)) == (
        "1 of 2 samples while throttled: the clock fell below 75% of the fastest"
    )


def test_a_device_that_was_not_throttled_has_no_note() -> None:
    assert throttle_note([{}, {}], [False]) is None
