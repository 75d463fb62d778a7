"""Which GPU measures which shard, from the first to the last; knows nothing of Ray itself."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sdbench.fleet.ray_copy import ShardCopy
from sdbench.results.record import Record

_WHOLE_RUN_CODES = (0, 3)
"""Exit codes of a ``sdbench run`` that went to its end; 3 says that something has no answer."""

_GO_ON = "; go on with: "
"""Stands in its output behind the reason why it was stopped."""


class Seats(Protocol):
    """GPUs, each held by a process on its node; named by numbers."""

    def start(self, seat: int, job: Mapping[str, Any]) -> None:
        """Has a seat begin a shard."""

    def poll(self, seat: int) -> None:
        """Asks a seat what is new."""

    def next_answer(self) -> tuple[int, Mapping[str, Any]]:
        """Waits for an answer of any seat that was asked.

        Beside the answers of `GpuWorker` there is ``gone`` with a ``reason``: the seat answers no
        more. ``is_node_dead`` tells a dead node from a dead process on a living one.
        """

    def where(self, seat: int) -> str:
        """Address of a seat's node."""


class FleetListener(Protocol):
    """Told how it goes."""

    def recorded(self, shard: str, record: Record) -> None:
        """A record came, or was written for what nobody measures."""

    def note(self, text: str) -> None:
        """Something that the user should know."""


def measure(
    seats: Seats,
    seats_by_kind: Mapping[str, Sequence[int]],
    copies: Sequence[ShardCopy],
    listener: FleetListener,
) -> None:
    """Measures all shards, each on a GPU of its kind; what cannot be measured gets records too.

    A shard whose node died goes on, with the records that came, on an equal GPU as soon as one is
    free. A shard that crashed is not tried again: a crash is a result.
    """
    waiting: dict[str, deque[ShardCopy]] = defaultdict(deque)
    for copy in copies:
        waiting[copy.kind].append(copy)
    free = {kind: deque(numbers) for kind, numbers in seats_by_kind.items()}
    running: dict[int, ShardCopy] = {}
    while True:
        for kind, shards in waiting.items():
            while shards and free[kind]:
                seat, copy = free[kind].popleft(), shards.popleft()
                if copy.problem is not None:
                    copy.moved = f"went on on node {seats.where(seat)}, since {copy.problem}"
                    listener.note(f"{copy.name} goes on on node {seats.where(seat)}")
                running[seat] = copy
                seats.start(seat, copy.job().to_plain())
            if shards and not any(copy.kind == kind for copy in running.values()):
                for copy in shards:
                    reason = f"lost: {copy.problem}; no other {kind} is left"
                    _give_up(copy, reason, listener)
                shards.clear()
        if not running:
            return
        seat, answer = seats.next_answer()
        copy = running[seat]
        for record in copy.take(answer):
            listener.recorded(copy.name, record)
        for name in answer.get("left_out", ()):
            listener.note(f"{copy.name}: {name} is too large to be fetched from the node")
        status = answer["status"]
        if status in ("started", "running"):
            seats.poll(seat)
            continue
        del running[seat]
        if status == "gone" and answer["is_node_dead"]:
            copy.problem = f"node {seats.where(seat)} died"
            listener.note(f"{copy.name}: {copy.problem}")
            waiting[copy.kind].append(copy)
            continue
        if status != "gone":
            free[copy.kind].append(seat)
        if (failure := _failure(answer, copy)) is not None:
            _give_up(copy, f"{failure} on node {seats.where(seat)}", listener)
        else:
            copy.problem = None
            copy.close()


def _failure(answer: Mapping[str, Any], copy: ShardCopy) -> str | None:
    """Why a shard ended before its end, or None."""
    if answer["status"] != "ended":
        return str(answer["reason"])
    code = answer["exit_code"]
    if code in _WHOLE_RUN_CODES and not copy.is_cut_off:
        return None
    ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    lines = answer["log"].strip().splitlines()
    if code in _WHOLE_RUN_CODES:  # what it said at its end is of no use to others, but why it ended
        lines = [line.partition(_GO_ON)[0] for line in lines if _GO_ON in line]
    *_, last = lines or [""]
    return f"its process {ended}{f' ({last})' if last else ''}"


def _give_up(copy: ShardCopy, reason: str, listener: FleetListener) -> None:
    listener.note(f"{copy.name}: {reason}")
    for record in copy.give_up(reason):
        listener.recorded(copy.name, record)
    copy.close()
