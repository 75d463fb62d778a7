"""All rounds of one configuration: the sweep's, and fresh ones that were taken afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Figure
from sdbench.results.record import Record, Status

TIMED_STATUSES = (Status.OK, Status.UNSTABLE)
"""Rounds that end so have timed calls."""

_PEAKS = (
    "peak_allocated_bytes",
    "peak_reserved_bytes",
    "peak_device_used_bytes",
    "peak_rss_bytes",
    "load_peak_allocated_bytes",
)


@dataclass(frozen=True, slots=True)
class Rounds:
    """What was measured of one configuration.

    The sweep chose it among many, so its sweep's latency may owe its place to luck; fresh rounds
    do not know of that choice.

    Attributes:
        swept: The record of the sweep.
        fresh: The records of fresh rounds, in order.
    """

    swept: Record
    fresh: tuple[Record, ...] = ()

    @property
    def failed(self) -> Record | None:
        """The latest fresh round without timed calls, or None."""
        return next((one for one in reversed(self.fresh) if not _is_timed(one)), None)

    @property
    def confirmed(self) -> int:
        """Fresh rounds that the latency rests on alone; none where one of them has failed."""
        return 0 if self.failed else len(self.fresh)

    @property
    def settled(self) -> Record:
        """What is known of the configuration, as one record.

        The timed calls are those of fresh rounds alone, where there are any; peaks are the largest
        of all rounds. A fresh round that did not end ``ok`` is not outvoted by others: its status
        stands. All else is the sweep's.
        """
        if not self.fresh:
            return self.swept
        if (failed := self.failed) is not None:
            return replace(
                failed,
                reason=_in_a_fresh_round(failed),
                fidelity=self.swept.fidelity,
                notes=_notes((self.swept, *self.fresh)),
            )
        return _pooled(self.swept, self.fresh)


def rounds_by_key(records: Iterable[Record]) -> dict[str, Rounds]:
    """The rounds of each configuration that has a record, by key, in order of first appearance.

    A record of the sweep takes the place of all earlier ones: a run that goes on measures again
    what ended without an answer, and a staged one what others contradict. Of two records of one
    fresh round the later counts.
    """
    found: dict[str, Rounds] = {}
    for record in records:
        known = found.get(record.key)
        if known is None or record.round == 0:
            found[record.key] = Rounds(record)
        else:
            others = (one for one in known.fresh if one.round != record.round)
            found[record.key] = replace(known, fresh=(*others, record))
    return found


def _is_timed(record: Record) -> bool:
    return record.status in TIMED_STATUSES


def _in_a_fresh_round(record: Record) -> str | None:
    return record.reason and f"in a fresh round: {record.reason}"


def _pooled(swept: Record, fresh: Sequence[Record]) -> Record:
    unstable = next((one for one in reversed(fresh) if one.status is not Status.OK), None)
    everything = (swept, *fresh)
    peaks: dict[str, Any] = {
        name: _largest([getattr(one, name) for one in everything]) for name in _PEAKS
    }
    return replace(
        swept,
        round=fresh[-1].round,
        worker=fresh[-1].worker,
        status=swept.status if unstable is None else unstable.status,
        reason=swept.reason if unstable is None else _in_a_fresh_round(unstable),
        samples_s=tuple(chain.from_iterable(one.samples_s for one in fresh)),
        device_samples_s=_of_all_calls([one.device_samples_s for one in fresh]),
        is_outlier=tuple(chain.from_iterable(_marks(one, one.is_outlier) for one in fresh)),
        is_throttled=tuple(chain.from_iterable(_marks(one, one.is_throttled) for one in fresh)),
        waited_s=_of_all_calls([one.waited_s for one in fresh]),
        stop_reason=fresh[-1].stop_reason,
        stages_s={
            stage: tuple(chain.from_iterable(one.stages_s[stage] for one in fresh))
            for stage in fresh[0].stages_s
            if all(stage in one.stages_s for one in fresh)
        },
        stage_peak_allocated_bytes=_largest_by_stage(everything),
        device_memory=_fullest(everything),
        notes=_notes(everything),
        **peaks,
    )


def _marks(record: Record, marks: Sequence[bool]) -> Sequence[bool]:
    """One mark for each sample, also of a record that has none."""
    samples = len(record.samples_s)
    return marks if len(marks) == samples else (False,) * samples


def _of_all_calls(rounds: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """What was told of each call, where it was told in every round."""
    return tuple(chain.from_iterable(rounds)) if all(rounds) else ()


def _largest(figures: Sequence[Figure]) -> Figure:
    """The largest one that is known, or the first one where none is."""
    known = [figure for figure in figures if figure.value is not None]
    return max(known, key=lambda figure: figure.value or 0, default=figures[0])


def _largest_by_stage(records: Sequence[Record]) -> dict[str, int]:
    largest: dict[str, int] = {}
    for record in records:
        for stage, peak in record.stage_peak_allocated_bytes.items():
            largest[stage] = max(peak, largest.get(stage, peak))
    return largest


def _fullest(records: Sequence[Record]) -> DeviceMemory | None:
    """What the driver told in the round in which most was in use."""
    told = [one.device_memory for one in records if one.device_memory is not None]
    return max(told, key=lambda memory: memory.peak_used_bytes.value or 0, default=None)


def _notes(records: Sequence[Record]) -> tuple[str, ...]:
    """The remarks of all of them, each once."""
    return tuple(dict.fromkeys(note for record in records for note in record.notes))
