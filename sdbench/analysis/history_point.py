"""What one run tells of each of its configurations: a point of each one's history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from statistics import median

from sdbench.analysis.conditions import facts_of
from sdbench.analysis.measurement import measurement_of
from sdbench.analysis.noise import has_company
from sdbench.analysis.planned import planned_knobs
from sdbench.jsontypes import JsonValue
from sdbench.results.crowding import crowded_ratio
from sdbench.results.record import Status
from sdbench.results.rounds import TIMED_STATUSES, Rounds
from sdbench.results.store import Run
from sdbench.results.table import MISSING, NO_RECORD, accepted_samples
from sdbench.statistics import Estimate, median_estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A configuration in one run.

    Attributes:
        status: How it ended, as a word; ``missing`` where it was planned and has no record.
        reason: Why it did not end ``ok``; None where it did.
        latency: Seconds of one call: the median of the medians of the worker processes, with its
            interval; of a single process that of its calls. None where it has no timed calls.
        processes: Worker processes that the latency rests on.
        peak_allocated_bytes: Peak of live tensors, or None where it is not known.
        fidelity: The fidelity's score, or None where it is not known.
        is_disturbed: Whether most calls were throttled, another process used the device, or other
            programs had the processor: the latency is shown, and no level rests on it.
    """

    status: str
    reason: str | None = None
    latency: Estimate | None = None
    processes: int = 0
    peak_allocated_bytes: int | None = None
    fidelity: float | None = None
    is_disturbed: bool = False

    @property
    def level_s(self) -> float | None:
        """The latency where it tells of the level; above 0."""
        if self.is_disturbed or self.latency is None or self.latency.point <= 0:
            return None
        return self.latency.point


@dataclass(frozen=True, slots=True)
class RunPoints:
    """All that a history keeps of a run.

    Attributes:
        name: Name of its folder.
        suite: Name of its suite.
        device: Its device.
        started_at: UTC time at which it began, ISO 8601.
        commit: What was checked out where it was started, or None.
        conditions: What must be equal for two runs to be comparable.
        points: Each configuration by key, in the order of the plan, but for those whose figures
            follow from others': they tell nothing of their own.
        knobs: The settings of each configuration, as far as records or the suite tell.
    """

    name: str
    suite: str
    device: str
    started_at: str
    commit: str | None
    conditions: Mapping[str, JsonValue]
    points: Mapping[str, Point]
    knobs: Mapping[str, Mapping[str, JsonValue]]


def run_points(run: Run) -> RunPoints:
    """What a history keeps of a run."""
    rounds, info = run.rounds, run.info
    told = {key for key, one in rounds.items() if _follows(one)}
    keys = dict.fromkeys(key for key in (*info.planned_keys, *rounds) if key not in told)
    missing = Point(status=MISSING, reason=NO_RECORD)
    commit = info.environment.get("commit")
    return RunPoints(
        name=run.folder.name,
        suite=str(info.suite.get("name", "")),
        device=info.device,
        started_at=info.started_at,
        commit=commit if isinstance(commit, str) else None,
        conditions=facts_of(run),
        points={
            key: _point(rounds[key], info.planned_rounds > 1) if key in rounds else missing
            for key in keys
        },
        knobs=planned_knobs(run),
    )


def _follows(rounds: Rounds) -> bool:
    settled = rounds.settled
    return settled.is_derived or settled.is_inferred_oom


def _point(rounds: Rounds, is_repeated: bool) -> Point:
    settled = rounds.settled
    m = measurement_of(settled)
    by_process = _calls_by_process(rounds, is_repeated) if m.status in TIMED_STATUSES else {}
    medians = [median(calls) for calls in by_process.values()]
    known = medians if len(medians) > 1 else list(chain.from_iterable(by_process.values()))
    return Point(
        status=m.status_word,
        reason=m.reason,
        latency=median_estimate(known) if known else None,
        processes=len(medians),
        peak_allocated_bytes=m.peak_allocated_bytes,
        fidelity=m.fidelity_score,
        is_disturbed=m.status is Status.UNSTABLE
        or has_company(settled) is True
        or crowded_ratio(settled) is not None,
    )


def _calls_by_process(rounds: Rounds, is_repeated: bool) -> dict[str, list[float]]:
    """The timed calls that count, by worker.

    They are those of fresh rounds alone where the sweep's latency was what chose it for them; where
    every configuration was to be repeated, the sweep is a round like the others.
    """
    counted = rounds.fresh or (rounds.swept,)
    found: dict[str, list[float]] = {}
    for record in (rounds.swept, *rounds.fresh) if is_repeated else counted:
        if calls := accepted_samples(record):
            found.setdefault(record.worker, []).extend(calls)
    return found
