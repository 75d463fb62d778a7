from __future__ import annotations

import pytest

from sdbench.devices.clock_events import clock_event_words


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        (0, []),
        (0x1, ["idle"]),
        (0x24, ["software power cap", "software thermal"]),
        (0x48, ["hardware slowdown", "hardware thermal"]),
        (0x80, ["power brake"]),
        (0x1000, ["reason 0x1000"]),  # a bit that came after this was written
    ],
)
def test_reasons_are_told_in_words(reasons: int, expected: list[str]) -> None:
    assert clock_event_words(reasons) == expected
