"""A staged run: what the plan asks for is measured, the rest derived, the best of that measured.

    ask the plan -> measure -> ask again ... -> derive the rest -> draw its pictures -> measure the
    best of it -> ask again, derive anew -> fresh rounds (`sdbench.run.confirm`)

The plan keeps nothing and looks at records alone, so that a run that was cut off goes on where it
stopped. What was derived before the cut is no measurement: it is derived anew, and written again
where that tells something else. What failed is an answer for the plan, and not tried again; a run
that goes on begins with it. What others contradict, and what was preferred for the moment at which
it was measured, is measured once more: the later record counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from sdbench.derive.staged import BatchKind
from sdbench.results.derived import DerivedLatency
from sdbench.results.fidelity import Fidelity
from sdbench.results.plan_file import PlanNotes, write_plan_notes
from sdbench.results.record import Record, Status
from sdbench.results.store import Run, read_run
from sdbench.run.budget import RESERVED_RATIO
from sdbench.run.confirm import MOST_PASSES, Leaders
from sdbench.run.plan import load_key
from sdbench.run.staging import Plans, Site, Staging
from sdbench.suite.configuration import Configuration
from sdbench.units import format_seconds

RESERVED_FOR_FRESH_RATIO = RESERVED_RATIO / 2
"""Share of a budget that even the best ones leave for fresh rounds."""

_SAME_RATIO = 0.01
"""What is derived anew is written again where an end of its interval moved by more: each round that
comes in moves all of them by a trace."""

_WRITTEN_AT_ONCE = 32
"""Derived records for one sync: a kill costs the drawings of no more of them."""

_THEY_FOLLOW = "they follow from what was measured"

_NO_TIME_TO_DRAW = "the time was over before its picture was drawn"


class StagedRun:
    """The sweep of a staged run.

    Args:
        plan: What says what to measure.
        staging: What says which are the best.
        site: Where it is measured.
        configurations: What the plan was made for, in the order of the run.
        earlier: What the run has of them already, by key: its sweep.
        notes: How it went so far, where it goes on and has come to an end of its own.
    """

    def __init__(
        self,
        plan: Plans,
        staging: Staging,
        site: Site,
        configurations: Sequence[Configuration],
        earlier: Mapping[str, Record],
        notes: PlanNotes | None = None,
    ) -> None:
        self._plan = plan
        self._staging = staging
        self._site = site
        self._all = tuple(configurations)
        self._positions = {one.key: position for position, one in enumerate(self._all)}
        self._measured = {
            key: record
            for key, record in earlier.items()
            if key in self._positions and is_measured(record)
        }
        self._told = {
            key: record
            for key, record in earlier.items()
            if record.is_derived or record.is_inferred_oom
        }
        self._failed = [
            one for one in self._all if one.key in earlier and not earlier[one.key].is_answer
        ]
        self._notes = notes or PlanNotes()
        self._load: str | None = None
        self._refused: set[str] = set()
        self._compared: set[str] = set()
        self._is_finished = False

    def run(self) -> None:
        """Measures what the plan asks for, derives the rest, and measures the best of that.

        Raises:
            CannotStart: A worker died, and no other could be started in its place.
        """
        site = self._site
        if not site.budget.is_limited:
            site.judge.prepare([one for one in self._all if one.key not in self._measured])
        if self._failed:
            self._measure(self._failed, "without an answer so far")
        self._follow_plan()
        if untold := self._untold():
            self._measure(untold, "nothing tells of them")
        self._derive()
        self._measure_the_best()
        for remark in self._remarks():
            site.listener.note(remark)
        self._is_finished = not site.budget.has_refused

    def measured_leaders(self, run: Run, leaders: Leaders) -> Run:
        """Measures the leaders that are only derived, as long as such come up."""
        for _ in range(MOST_PASSES):
            wanted = self._only_told(leaders(run))
            why = "the recommendation rests on them, and they are only derived so far"
            if not wanted or not self._measure(wanted, why, reserved_ratio=0.0):
                return run
            run = read_run(self._site.writer.folder)
        return run

    def write_notes(self) -> None:
        """Stores how it went, whatever ended it."""
        budget = self._site.budget
        notes = PlanNotes(
            remarks=self._remarks(),
            is_finished=self._is_finished,
            stopped_by_budget=budget.has_refused,
            elapsed_s=(self._notes.elapsed_s or 0.0) + budget.elapsed_s,
        )
        write_plan_notes(self._site.writer.folder, notes)

    def _follow_plan(self) -> None:
        while (batch := self._plan.next(self._measured)) is not None:
            may_be_known = batch.kind is BatchKind.AGAIN
            wanted = [
                one
                for one in batch.configurations
                if (self._is_to_be_seen_again(one) if may_be_known else self._is_new(one))
            ]
            if not wanted:
                self._site.listener.note(
                    "the plan asks again for what was measured: it is left at that"
                )
                return
            if not self._measure(wanted, batch.why):
                return

    def _is_new(self, configuration: Configuration) -> bool:
        return configuration.key not in self._measured

    def _is_to_be_seen_again(self, configuration: Configuration) -> bool:
        before = self._measured.get(configuration.key)
        return before is not None and before.first_look_s is None

    def _measure(
        self,
        configurations: Iterable[Configuration],
        why: str,
        reserved_ratio: float = RESERVED_RATIO,
        *,
        keeps_order: bool = False,
    ) -> bool:
        """Measures what the time allows of these; whether it was all.

        What the loaded pipeline serves comes first, and the rest load by load, in the order of the
        run or as they are given.
        """
        site = self._site
        waiting = self._load_by_load(
            configurations if keeps_order else sorted(configurations, key=self._position)
        )
        if site.budget.left_s(reserved_ratio=reserved_ratio) > 0:
            site.listener.batch(why, len(waiting))
        refused: set[str] = set()
        while waiting:
            one = waiting.pop(0)
            if not site.budget.allows(one, reserved_ratio=reserved_ratio):
                refused.add(one.key)
                continue
            if site.budget.is_limited:
                site.judge.prepare([one])
            since_s = site.budget.elapsed_s
            site.controller.measure([one], site.writer, site.listener, self._completed)
            record = self._measured[one.key]
            site.budget.took(one, since_s, record.load_s)
            self._load = load_key(one)
            if record.status is Status.OOM:
                waiting = list(self._plan.still_open(waiting, self._measured))
        if news := refused - self._refused:
            site.listener.note(
                f"no time is left for {len(news)} more: {why} (--resume goes on with them)"
            )
        self._refused |= refused
        return not refused

    def _position(self, configuration: Configuration) -> int:
        return self._positions[configuration.key]

    def _load_by_load(self, configurations: Iterable[Configuration]) -> list[Configuration]:
        """Those that the loaded pipeline serves, then those of each other load, else in order."""
        by_load: dict[str, list[Configuration]] = {self._load or "": []}
        for one in configurations:
            by_load.setdefault(load_key(one), []).append(one)
        return [one for some in by_load.values() for one in some]

    def _completed(self, configuration: Configuration, record: Record) -> Record:
        record = self._site.complete(configuration, record)
        if (before := self._measured.get(record.key)) is not None and before.samples_s:
            record = _looked_at_again(record, before)
        self._measured[record.key] = record
        self._told.pop(record.key, None)
        return record

    def _untold(self) -> list[Configuration]:
        """What has to be measured although the plan needs it no more: nothing tells of it."""
        told = self._plan.derived(self._measured) if self._plan.is_worthwhile else {}
        return [one for one in self._all if one.key not in self._measured and one.key not in told]

    def _derive(self) -> None:
        """Writes what follows for the rest, with its fidelity; what the time allows of that."""
        site = self._site
        told = self._plan.derived(self._measured)
        news = [one for one in self._all if one.key in told and self._is_news(told[one.key])]
        if not news:
            return
        if site.budget.is_limited:
            news.sort(key=lambda one: _seconds_per_image(told[one.key]))
        is_anew = any(one.key in self._told for one in news)
        why = "what was measured since tells more of them" if is_anew else _THEY_FOLLOW
        site.listener.batch(why, len(news))
        done: list[Record] = []
        try:
            for one in news:
                record = self._judged(one, told[one.key])
                self._told[one.key] = record
                done.append(record)
                site.listener.finished(one, record)
                if len(done) == _WRITTEN_AT_ONCE:
                    written, done = done, []
                    site.writer.append_all(written)
        finally:
            site.writer.append_all(done)

    def _judged(self, configuration: Configuration, record: Record) -> Record:
        site = self._site
        if not site.budget.is_limited or not site.judge.draws_for(configuration):
            return site.complete(configuration, record)
        if not site.budget.allows(configuration, reserved_ratio=RESERVED_RATIO):
            return replace(record, fidelity=Fidelity.absent(_NO_TIME_TO_DRAW))
        site.judge.prepare([configuration])
        return site.complete(configuration, record)

    def _is_news(self, record: Record) -> bool:
        """Whether it differs from what was written of its configuration, beyond a trace."""
        before = self._told.get(record.key)
        if before is None or before.fidelity.reason == _NO_TIME_TO_DRAW:
            return True
        one, other = before.derived_latency, record.derived_latency
        if one is None or other is None:
            return before.inferred_oom_key != record.inferred_oom_key
        peaks = before.peak_allocated_bytes, record.peak_allocated_bytes
        return peaks[0] != peaks[1] or not _tells_the_same(one, other)

    def _measure_the_best(self) -> None:
        """Measures the best of what is derived, and what comes up when these are known.

        A finished run has had its first pass.
        """
        first = self._staging.leaders if self._notes.is_finished else self._staging.tops
        for number in range(MOST_PASSES):
            best = self._staging.leaders if number else first
            told = self._only_told(best(read_run(self._site.writer.folder)))
            if not self._measure_best(told, "among the best, and only derived so far"):
                return
            doubtful = self._disputed()
            why = "which of them is better was decided by the machine's pace: side by side"
            if not self._measure_best(doubtful, why, keeps_order=True):
                return
            if not (told or doubtful):
                return

    def _measure_best(
        self, configurations: Sequence[Configuration], why: str, *, keeps_order: bool = False
    ) -> bool:
        """Measures these, and derives anew; whether the time allowed all of it.

        The plan is asked again: the best ones check what was derived, too.
        """
        if not configurations:
            return True
        is_all = self._measure(
            configurations, why, RESERVED_FOR_FRESH_RATIO, keeps_order=keeps_order
        )
        if is_all:
            self._follow_plan()
        self._derive()
        return is_all

    def _disputed(self) -> list[Configuration]:
        """Those whose order hangs on the machine's pace, and was not looked at again yet."""
        usual_call_s = self._plan.usual_call_s(self._measured)
        keys = self._staging.disputed(read_run(self._site.writer.folder), usual_call_s)
        asked = [self._all[self._positions[key]] for key in keys if key in self._positions]
        wanted = [
            one
            for one in asked
            if one.key not in self._compared
            and (self._is_new(one) or self._is_to_be_seen_again(one))
        ]
        self._compared.update(one.key for one in wanted)
        return wanted

    def _only_told(self, keys: Iterable[str]) -> list[Configuration]:
        return [
            self._all[self._positions[key]]
            for key in keys
            if key in self._told and key in self._positions
        ]

    def _remarks(self) -> tuple[str, ...]:
        has_derived = any(record.is_derived for record in self._told.values())
        return self._plan.remarks(self._measured) if has_derived else ()


def _looked_at_again(record: Record, before: Record) -> Record:
    """The record of a second look, which stands in place of the first."""
    first_s = median(before.samples_s)
    told = f"{format_seconds(first_s)} a call at first, which was in doubt: measured once more"
    return replace(record, first_look_s=first_s, notes=(*record.notes, told))


def is_measured(record: Record) -> bool:
    """Whether a record of a sweep is one of a round that gave an answer."""
    is_told = record.is_ruled_out or record.is_derived or record.is_inferred_oom
    return record.is_answer and not is_told


def _seconds_per_image(record: Record) -> float:
    told = record.derived_latency
    return math.inf if told is None else told.call_s / told.images_per_call


def _tells_the_same(one: DerivedLatency, other: DerivedLatency) -> bool:
    return all(
        math.isclose(ours, theirs, rel_tol=_SAME_RATIO)
        for ours, theirs in (
            (one.call_s, other.call_s),
            (one.low_s, other.low_s),
            (one.high_s, other.high_s),
        )
    )
