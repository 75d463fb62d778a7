"""The record of a configuration of which no round was run."""

from __future__ import annotations

from collections.abc import Mapping

from sdbench.jsontypes import JsonValue
from sdbench.results.record import Record, Status
from sdbench.results.store import utc_now

NO_WORKER = "none"
"""Stands for the worker of what was not run."""


def not_run(key: str, knobs: Mapping[str, JsonValue], reason: str) -> Record:
    """A skipped record, to which is added what is known all the same.

    Args:
        key: The configuration's key.
        knobs: One value for every knob.
        reason: Why it was not run.
    """
    return Record(
        key=key,
        knobs=dict(knobs),
        worker=NO_WORKER,
        started_at=utc_now(),
        status=Status.SKIPPED,
        reason=reason,
    )
