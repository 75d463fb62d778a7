from __future__ import annotations

import factories
import pytest
from pydantic import ValidationError

from sdbench.results.record import Status
from sdbench.run.messages import (
    COMMANDS,
    EVENTS,
    Declined,
    Drawn,
    Finished,
    Measure,
    Phase,
    Ready,
    Refused,
    Start,
)


@pytest.mark.parametrize(
    "command",
    [
        Start(suite={"name": "x"}, device="cpu", trust_remote_code=False, name="worker-1"),
        Start(
            suite={}, device="cpu", trust_remote_code=False, name="w", memory_limit_bytes=8 << 30
        ),
        Measure(knobs={"steps": 3, "height": None}, round=2, images_folder=None),
    ],
)
def test_a_command_arrives_as_it_was_sent(command: Start | Measure) -> None:
    assert COMMANDS.validate_json(COMMANDS.dump_json(command)) == command


@pytest.mark.parametrize(
    "event",
    [
        Phase(name="timing"),
        Phase(name="loading", rss_bytes=1 << 40),
        Drawn(status=Status.OOM, reason="too large", is_spent=True),
        Finished(record=factories.record(status=Status.OOM), is_spent=True),
        Refused(reason="no such device"),
        Declined(reason="2 GiB stayed in use"),
        Ready(device="CPU", slug="cpu", torch_device="cpu", fingerprint={"a": 1}, environment={}),
        Finished(record=factories.record(steps=3)),
        Finished(record=factories.record(status=Status.OOM)),
    ],
)
def test_an_event_arrives_as_it_was_sent(
    event: Ready | Refused | Declined | Phase | Finished | Drawn,
) -> None:
    line = EVENTS.dump_json(event)
    assert b"\n" not in line
    assert EVENTS.validate_json(line) == event


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(ValidationError):
        EVENTS.validate_json('{"type": "gossip"}')
