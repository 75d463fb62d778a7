from __future__ import annotations

import factories
import pytest
from pydantic import ValidationError

from sdbench.results.record import Status
from sdbench.run.messages import COMMANDS, EVENTS, Finished, Measure, Phase, Ready, Refused, Start


@pytest.mark.parametrize(
    "command",
    [
        Start(suite={"name": "x"}, device="cpu", trust_remote_code=False, name="worker-1"),
        Measure(knobs={"steps": 3, "height": None}, round=2, images_folder=None),
    ],
)
def test_a_command_arrives_as_it_was_sent(command: Start | Measure) -> None:
    assert COMMANDS.validate_json(COMMANDS.dump_json(command)) == command


@pytest.mark.parametrize(
    "event",
    [
        Phase(name="timing"),
        Refused(reason="no such device"),
        Ready(device="CPU", slug="cpu", torch_device="cpu", fingerprint={"a": 1}, environment={}),
        Finished(record=factories.record(steps=3)),
        Finished(record=factories.record(status=Status.OOM)),
    ],
)
def test_an_event_arrives_as_it_was_sent(event: Ready | Refused | Phase | Finished) -> None:
    line = EVENTS.dump_json(event)
    assert b"\n" not in line
    assert EVENTS.validate_json(line) == event


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(ValidationError):
        EVENTS.validate_json('{"type": "gossip"}')
