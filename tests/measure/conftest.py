from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from measure_types import LoggingDevice, PlannedPipeline


@pytest.fixture
def device() -> LoggingDevice:
    return LoggingDevice([])


@pytest.fixture
def planned(device: LoggingDevice) -> PlannedPipeline:
    """A pipeline, and its own call at once, on ``device``; each call takes a second at first."""
    return PlannedPipeline(device)


@pytest.fixture
def throttled_while() -> Callable[[Sequence[bool]], list[Mapping[str, Any]]]:
    """States of a device for each reading, by whether it is throttled then."""
    return lambda marks: [{"clock_event_reasons": 0x20 if mark else 0} for mark in marks]
