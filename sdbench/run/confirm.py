"""What a recommendation rests on is measured again, in rounds that took no part in the choice.

The least of many noisy figures is too low: whoever was lucky is chosen (the winner's curse). Only
rounds of their own say how fast the chosen ones are.

A round has a worker of its own. What a process adds to all of its calls is noise too, and calls of
one process taken for independent ones hide it. Within a round all configurations share the worker,
so that it adds the same to each of them. They run in the order of the plan, so that a load serves
all that it can, and in every second round backwards, so that a drift of the device favours none:

    round 1 (worker 2)    A B C
    round 2 (worker 3)    C B A

What other runs are to be compared with gets such rounds of all its configurations (`repeat`): only
the spread between processes says how far a difference between two runs can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from sdbench.results.record import Record, Status
from sdbench.results.rounds import Rounds
from sdbench.results.store import Run, RunWriter, read_run
from sdbench.run.budget import Budget
from sdbench.run.controller import Controller, Progress
from sdbench.run.plan import plan
from sdbench.suite.configuration import Configuration

MOST_PASSES = 3
"""Times that the choice is looked at: each may let in others, which then are measured again too."""

Leaders = Callable[[Run], Sequence[str]]
"""Keys of the configurations that a run's recommendation rests on."""

MeasuresFirst = Callable[[Run, Leaders], Run]
"""Measures what of the leaders has no round yet, and reads the run again."""


class ConfirmListener(Progress, Protocol):
    """Told how it goes."""

    def again(self, count: int, number: int, rounds: int) -> None:
        """Round ``number`` of ``rounds`` begins, of ``count`` configurations."""


def repeat(
    controller: Controller, writer: RunWriter, rounds: int, listener: ConfirmListener
) -> None:
    """Measures every configuration again that ended ``ok``, see `confirm`."""
    confirm(controller, writer, lambda run: tuple(run.rounds), rounds, listener)


def confirm(
    controller: Controller,
    writer: RunWriter,
    leaders: Leaders,
    rounds: int,
    listener: ConfirmListener,
    repeated: int = 0,
    budget: Budget | None = None,
    measures_first: MeasuresFirst | None = None,
) -> None:
    """Measures the leaders again until all of them have their fresh rounds, or `MOST_PASSES`.

    A configuration that was measured again is left alone; one of which a fresh round was cut off
    gets those that are missing. One that fails in a fresh round gets no more.

    Args:
        controller: What measures.
        writer: Where the records go.
        leaders: Says what the recommendation rests on, given all records so far.
        rounds: Fresh rounds of each; 0 for none.
        listener: Told how it goes.
        repeated: Fresh rounds that every configuration got; they count among those of the leaders.
        budget: The time that they may take; None for no end. A round is begun where all of it is
            expected to fit: a part of one would not treat all alike.
        measures_first: Where configurations may be derived alone: a leader among them is measured
            in the sweep before it gets its fresh rounds.

    Raises:
        CannotStart: A worker died, and no other could be started in its place.
    """
    if not rounds:
        return
    budget = budget or Budget()
    for _ in range(MOST_PASSES):
        run = read_run(writer.folder)
        if measures_first is not None:
            run = measures_first(run, leaders)
        wanted = _wanted(run, leaders, rounds, repeated)
        if not wanted:
            return
        for number in range(1, rounds + 1):
            if not budget.allows(*_lacking(wanted, number)):
                listener.note(
                    f"no time is left for fresh round {number} of {rounds}: what is recommended "
                    "was measured less often (--resume goes on)"
                )
                return
            wanted = _one_round(controller, writer, wanted, number, rounds, listener)
    if left := _wanted(read_run(writer.folder), leaders, rounds, repeated):
        listener.note(
            f"the choice is still open: {len(left)} more came up, and were not measured again "
            "(--resume goes on with them)"
        )


def _wanted(run: Run, leaders: Leaders, rounds: int, repeated: int) -> dict[str, Rounds]:
    """What lacks a fresh round, by key: of the leaders, and of what was begun and cut off."""
    leading = set(leaders(run))
    return {
        key: known
        for key, known in run.rounds.items()
        if (key in leading or len(known.fresh) > repeated)
        and known.settled.status is Status.OK
        and len(known.fresh) < rounds
    }


def _lacking(wanted: Mapping[str, Rounds], number: int) -> list[Configuration]:
    """Those that lack a fresh round."""
    return [
        Configuration(one.swept.knobs)
        for one in wanted.values()
        if number not in {fresh.round for fresh in one.fresh}
    ]


def _one_round(
    controller: Controller,
    writer: RunWriter,
    wanted: Mapping[str, Rounds],
    number: int,
    rounds: int,
    listener: ConfirmListener,
) -> dict[str, Rounds]:
    """One round of those that lack it; returns all but those that failed in it."""
    lacking = _lacking(wanted, number)
    if not lacking:
        return dict(wanted)
    failed = set()
    listener.again(len(lacking), number, rounds)
    controller.kill_worker()
    ordered = plan(lacking)
    for configuration in ordered if number % 2 else reversed(ordered):
        swept = wanted[configuration.key].swept
        record = controller.round(configuration, number, writer.folder, listener)
        record = _with_what_stays(record, swept)
        writer.append(record)
        listener.finished(configuration, record)
        if record.status is not Status.OK:
            failed.add(record.key)
    return {key: one for key, one in wanted.items() if key not in failed}


def _with_what_stays(record: Record, swept: Record) -> Record:
    """The record with what the sweep has found out of its configuration for good."""
    is_skipped = record.status is Status.SKIPPED
    return replace(
        record,
        fidelity=swept.fidelity,
        predicted_allocated_bytes=swept.predicted_allocated_bytes,
        # What is skipped for another reason is not ruled out, see `Record.is_ruled_out`.
        predicted_fit=None if is_skipped else swept.predicted_fit,
    )
