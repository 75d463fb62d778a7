"""Taking timed calls in turn with other workers, so that a machine's moods meet all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sdbench.results.record import StopReason

AwaitTurn = Callable[[StopReason | None], StopReason | None]
"""Waits until it is a worker's turn. Takes why it needs no further call, or None where it does;
gives why it is to take none, or None where it is to take one."""


def common_stop(reasons: Iterable[StopReason | None]) -> StopReason | None:
    """Why nobody takes a further call, so that all take as many.

    They go on until all have enough, but only as long as each can.

    Args:
        reasons: For each worker why it needs no further call, or None.
    """
    known = tuple(reasons)
    final = next((one for one in known if one not in (None, StopReason.CONVERGED)), None)
    if final is not None or None in known:
        return final
    return StopReason.CONVERGED
