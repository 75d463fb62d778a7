"""Rounds of several workers that are alive together, whose timed calls take turns.

What a shared machine does for seconds, it then does to calls of all sides. So each call is compared
with its neighbour, and between two workers one after the other the machine may have changed: on a
shared CPU their ratio scattered by 18 %, that of ten calls a side in turn by 4 %.
"""

from __future__ import annotations

from collections.abc import Mapping

from sdbench.measure.turns import common_stop
from sdbench.results.record import Record, StopReason
from sdbench.run.controller import InTurns


def take_turns(rounds: Mapping[str, InTurns[Record]]) -> dict[str, Record]:
    """Takes rounds to their ends; only one of them is active at any time.

    Each is set up and warmed up in their order, then each takes a timed call in the same order:
    baseline, candidate, baseline, candidate, so that every call comes after one of another worker.
    All take as many calls, unless a worker dies.

    Args:
        rounds: The rounds, none of them begun, by any name.

    Returns:
        What they yielded, by name.
    """
    records: dict[str, Record] = {}
    waiting: dict[str, StopReason | None] = {}

    def step(name: str, stop_reason: StopReason | None) -> None:
        try:
            waiting[name] = rounds[name].send(stop_reason)
        except StopIteration as ended:
            waiting.pop(name, None)
            records[name] = ended.value

    for name in rounds:
        step(name, None)
    while waiting:
        stop = common_stop(waiting.values())
        for name in tuple(waiting):
            step(name, stop)
    return records
