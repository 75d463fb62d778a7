"""An A/B job: two installations on one device, in turn, until suspects are told from noise.

A pair is a worker of each side, for each load of the plan, and of the control for its own load.
Either timed calls of workers that are alive together take turns (`run.ab_turns`), or one worker
measures and ends, and then one of the other side. Which side begins alternates from pair to pair,
so that a drift of the device favours none:

    pair 0    baseline   candidate  control      baseline   candidate
    pair 1    control    candidate  baseline     candidate  baseline
              (the load that serves the control) (another load)

Pictures are drawn before the first pair, by each side for itself: nothing is drawn between timed
rounds.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from sdbench.results.ab import BASELINE, CANDIDATE, CONTROL, AbJob, read_ab_job, write_ab_info
from sdbench.results.pairs import pair_ratio
from sdbench.results.record import Record
from sdbench.results.rounds import TIMED_STATUSES
from sdbench.results.store import utc_now
from sdbench.results.table import accepted_samples
from sdbench.run.ab_listener import AbListener, Pair, Stage, StageKind
from sdbench.run.ab_order import AbOrder, AbPlan, Group, calls_take_turns
from sdbench.run.ab_side import AbSide
from sdbench.run.ab_turns import take_turns
from sdbench.run.launch import Launcher
from sdbench.run.messages import Ready
from sdbench.run.run_folder import free_folder
from sdbench.run.surroundings import Unfit
from sdbench.run.worker_process import CannotStart

INTERRUPTED = "interrupted"

PAIRS_AT_ONCE = 2
"""Fresh pairs come two by two: one of each order."""

TURNS = (BASELINE, CANDIDATE, CONTROL)
"""Whose turn it is in pairs of even numbers; in the others it is the other way round."""

Wanted = Callable[[AbJob], Sequence[str]]
"""The baseline's keys of the configurations that are to get two more pairs."""

Problems = Callable[[str], Sequence[str]]
"""Why times of a device would be worth nothing, in sentences; takes torch's name for it."""


@dataclass(frozen=True, slots=True)
class AbOutcome:
    """How a job went.

    Attributes:
        folder: Where it lies.
        stopped: Why it ended early, or None where it did not.
    """

    folder: Path
    stopped: str | None

    @property
    def is_interrupted(self) -> bool:
        """Whether the user ended it."""
        return self.stopped == INTERRUPTED


def run_ab(
    order: AbOrder,
    launchers: Mapping[str, Launcher],
    listener: AbListener,
    wanted: Wanted,
    problems: Problems = lambda torch_device: (),
) -> AbOutcome:
    """Measures both sides of an order in turn.

    Args:
        order: What the user asked for.
        launchers: What starts the workers of each side and of the control.
        listener: Told how it goes.
        wanted: Says, after the first look and after every two pairs, what to measure on.
        problems: Looks at the device while no worker is on it, before anything is measured.

    Raises:
        CannotStart: No worker could start on a side.
        Unfit: The sides have different devices, or the device has problems.
        NoTurns: Calls were asked to take turns on a device where they cannot.
    """
    job_plan = AbPlan(order)
    parent = order.results / order.suite.name
    parent.mkdir(parents=True, exist_ok=True)
    logs = Path(tempfile.mkdtemp(prefix=".starting-", dir=parent))
    try:
        with ExitStack() as stack:
            sides = {
                name: stack.enter_context(
                    AbSide(name, job_plan.order(name), launchers[name], logs / name)
                )
                for name in job_plan.sides
            }
            _import_side_by_side(sides.values())
            readies = {name: sides[name].ready() for name in (BASELINE, CANDIDATE)}
            _require_one_device(readies[BASELINE], readies[CANDIDATE])
            found = tuple(problems(readies[BASELINE].torch_device))
            if found and not order.ignores_problems:
                raise Unfit(
                    "the device is not fit to measure on (--ignore-unfit measures nevertheless): "
                    + "; ".join(found)
                )
            in_turns = calls_take_turns(order, readies[BASELINE])
            notes = (*order.notes, *found)
            started_at = utc_now()
            folder = free_folder(parent, started_at, f"{readies[BASELINE].slug}-ab")
            for name, side in sides.items():
                side.create_run(folder / name, readies.get(name, readies[BASELINE]), started_at)
            info = job_plan.info(in_turns=in_turns, is_finished=False, notes=notes)
            write_ab_info(folder, info)
            listener.begun(folder, readies[BASELINE].device, order.configurations)
            for note in notes:
                listener.note(note)
            stopped = None
            try:
                _Measuring(order, job_plan, sides, folder, listener, in_turns).to_the_end(wanted)
                write_ab_info(folder, replace(info, is_finished=True))
            except KeyboardInterrupt:
                stopped = INTERRUPTED
            except CannotStart as error:
                stopped = str(error)
            return AbOutcome(folder, stopped)
    finally:
        shutil.rmtree(logs, ignore_errors=True)


def _require_one_device(baseline: Ready, candidate: Ready) -> None:
    if (baseline.device, baseline.slug) != (candidate.device, candidate.slug):
        raise Unfit(
            f"the two sides have different devices: the baseline {baseline.device}, the candidate "
            f"{candidate.device}; both must see the same one (CUDA_VISIBLE_DEVICES, and a torch "
            "that is built for it)"
        )


def _import_side_by_side(sides: Iterable[AbSide]) -> None:
    """Has what workers are forked from import what it forks, before anything is timed.

    Raises:
        CannotStart: One could not.
    """
    importing = tuple(sides)
    for side in importing:
        side.begin_server()
    for side in importing:
        side.await_server()


class _Measuring:
    """The pairs of a job, one after the other."""

    def __init__(
        self,
        order: AbOrder,
        job_plan: AbPlan,
        sides: Mapping[str, AbSide],
        folder: Path,
        listener: AbListener,
        in_turns: bool,
    ) -> None:
        self._order = order
        self._in_turns = in_turns
        self._plan = job_plan
        self._sides = sides
        self._folder = folder
        self._listener = listener
        self._failed: set[str] = set()
        self._has_control = job_plan.control is not None

    def to_the_end(self, wanted: Wanted) -> None:
        """Pictures, the first look, and fresh pairs as long as some are wanted.

        Raises:
            CannotStart: A worker died, and no other could be started in its place.
        """
        for name in (BASELINE, CANDIDATE):
            self._sides[name].draw(self._listener)
        everything = tuple(self._plan.twins)
        screen_pairs, most_pairs = self._order.screen_pairs, self._order.most_pairs
        self._announce(StageKind.SCREENING, everything, screen_pairs)
        for number in range(screen_pairs):
            self._pair(number, everything, StageKind.SCREENING)
        announced: tuple[str, ...] = ()
        for done in range(0, most_pairs, PAIRS_AT_ONCE):
            keys = self._left(wanted(read_ab_job(self._folder)))
            if not keys:
                return
            unconfirmed = self._order.confirm_pairs - done
            kind = StageKind.CONFIRMING if unconfirmed > 0 else StageKind.SHARPENING
            if keys != announced or kind is StageKind.SHARPENING:
                self._announce(kind, keys, max(unconfirmed, PAIRS_AT_ONCE))
                announced = keys
            for number in range(done, min(done + PAIRS_AT_ONCE, most_pairs)):
                self._pair(screen_pairs + number, keys, kind)

    def _left(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Those that have not failed: one that fails on a side gets no more pairs on either."""
        return tuple(key for key in keys if key in self._plan.twins and key not in self._failed)

    def _announce(self, kind: StageKind, keys: Sequence[str], pairs: int) -> None:
        groups = self._plan.groups(keys, with_control=self._has_control)
        rounds = pairs * sum(len(sides) for group in groups for sides in group)
        self._listener.stage(Stage(kind, len(keys), pairs, rounds))

    def _pair(self, number: int, keys: Sequence[str], kind: StageKind) -> None:
        """One round of each of these configurations on both sides, and of the control."""
        records: dict[str, dict[str, Record]] = {name: {} for name in TURNS}
        groups = self._plan.groups(self._left(keys), with_control=self._has_control)
        measuring = {name for group in groups for sides in group for name in sides}
        _import_side_by_side(self._sides[name] for name in TURNS if name in measuring)
        turns = TURNS if number % 2 == 0 else TURNS[::-1]
        measure = self._calls_in_turn if self._in_turns else self._workers_in_turn
        for group in groups:
            for name, record in measure(group, turns, number):
                records[name][record.key] = record
        self._end_servers()
        self._note_failures(records)
        is_screening = kind is StageKind.SCREENING
        before = self._order.screen_pairs
        baseline = records[BASELINE]
        self._listener.pair(
            Pair(
                kind=kind,
                number=1 + (number if is_screening else number - before),
                changes=tuple(
                    ratio
                    for key, twin in self._plan.twins.items()
                    if (ratio := self._ratio(records[CANDIDATE].get(twin), baseline.get(key)))
                ),
                control=next(
                    (self._ratio(one, baseline.get(key)) for key, one in records[CONTROL].items()),
                    None,
                ),
                failed=len(self._failed),
            )
        )

    def _workers_in_turn(
        self, group: Group, turns: Sequence[str], number: int
    ) -> Iterator[tuple[str, Record]]:
        """A round of each, in one worker of a side after the other."""
        for name in turns:
            some = [sides[name] for sides in group if name in sides]
            if some:
                for record in self._sides[name].measure(some, number, self._listener):
                    yield name, record

    def _calls_in_turn(
        self, group: Group, turns: Sequence[str], number: int
    ) -> Iterator[tuple[str, Record]]:
        """A round of each, in a worker of each side, whose timed calls take turns."""
        try:
            for sides in group:
                rounds = {
                    name: self._sides[name].round_in_turns(sides[name], number, self._listener)
                    for name in turns
                    if name in sides
                }
                yield from take_turns(rounds).items()
        finally:
            for side in self._sides.values():
                side.end_worker()

    def _ratio(self, after: Record | None, before: Record | None) -> float | None:
        """How many times as long a call took; None where one of them has none."""
        if after is None or before is None:
            return None
        return pair_ratio(accepted_samples(before), accepted_samples(after), self._in_turns)

    def _note_failures(self, records: Mapping[str, Mapping[str, Record]]) -> None:
        for key, twin in self._plan.twins.items():
            if _has_failed(records[BASELINE].get(key)) or _has_failed(records[CANDIDATE].get(twin)):
                self._failed.add(key)
        control = self._plan.control
        if control is not None and (
            control.key in self._failed or _has_failed(records[CONTROL].get(control.key))
        ):
            self._has_control = False

    def _end_servers(self) -> None:
        for side in self._sides.values():
            side.end_server()


def _has_failed(record: Record | None) -> bool:
    return record is not None and record.status not in TIMED_STATUSES
