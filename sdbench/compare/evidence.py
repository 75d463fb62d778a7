"""What two sides have measured of one configuration, and which of it counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from sdbench.analysis.noise import has_company
from sdbench.compare.verdict import Verdict
from sdbench.jsontypes import JsonValue
from sdbench.results.crowding import crowded_ratio
from sdbench.results.record import Record, Status
from sdbench.results.rounds import TIMED_STATUSES
from sdbench.results.table import accepted_samples
from sdbench.suite.gates import Gates

LATENCY, LOAD, FIRST_CALL = "latency", "load", "first_call"
STAGE_PREFIX = "stage:"

ByRound = Mapping[int, Record]
"""The records of one configuration on one side, by round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One configuration on both sides.

    Attributes:
        key: The baseline's key, or the candidate's where it is new.
        knobs: The baseline's knobs, or the candidate's where it is new.
        gates: The gates of this configuration.
        baseline: What the baseline has measured.
        candidate: What the candidate has measured.
        baseline_folder: The baseline's run, which holds its pictures.
        candidate_folder: The candidate's.
        in_turns: Whether timed calls took turns, so that what else ran met both sides alike.
    """

    key: str
    knobs: Mapping[str, JsonValue]
    gates: Gates
    baseline: ByRound
    candidate: ByRound
    baseline_folder: Path
    candidate_folder: Path
    in_turns: bool = False

    @property
    def shared_rounds(self) -> tuple[int, ...]:
        """Rounds that both sides have measured, in order: the pairs of an A/B job."""
        return tuple(sorted(self.baseline.keys() & self.candidate.keys()))

    @property
    def time_metrics(self) -> tuple[str, ...]:
        """Names of the times that either side has of it, the latency first."""
        records = (*self.baseline.values(), *self.candidate.values())
        stages = dict.fromkeys(stage for record in records for stage in record.stages_s)
        found = [LATENCY, *(f"{STAGE_PREFIX}{stage}" for stage in stages), FIRST_CALL, LOAD]
        return tuple(
            metric
            for metric in found
            if any(time_s(record, metric, self.in_turns) is not None for record in records)
        )

    def time_margin(self, metric: str) -> float | None:
        """The margin of a time, or None where it is not gated."""
        if metric.startswith(STAGE_PREFIX):
            return self.gates.stage(metric.removeprefix(STAGE_PREFIX))
        margins = {
            LATENCY: self.gates.latency,
            LOAD: self.gates.load,
            FIRST_CALL: self.gates.first_call,
        }
        return margins[metric]

    def gates_it(self, margin: float | None, verdict: Verdict) -> bool:
        """Whether a metric with this margin is gated; what the suite lets be missing is not."""
        return margin is not None and (self.gates.missing or verdict is not Verdict.MISSING)


def records_by_round(records: Iterable[Record]) -> dict[str, dict[int, Record]]:
    """The records of each configuration by key, then by round; of one round the latest counts."""
    found: dict[str, dict[int, Record]] = {}
    for record in records:
        found.setdefault(record.key, {})[record.round] = record
    return found


def is_spoiled(record: Record, in_turns: bool = False) -> bool:
    """Whether its times say more about the device than about the build.

    Args:
        record: The record.
        in_turns: Whether calls took turns: then both sides waited alike for the processor.
    """
    is_crowded = not in_turns and crowded_ratio(record) is not None
    return record.status is Status.UNSTABLE or has_company(record) is True or is_crowded


def time_s(record: Record, metric: str, in_turns: bool = False) -> float | None:
    """One process's value of a time: the median over its calls that count, in seconds.

    None where it has none that is finite and above 0, or where what it has is spoiled.
    """
    calls = calls_s(record, metric, in_turns)
    value = median(calls) if calls else None
    return value if value is not None and 0 < value < math.inf else None


def calls_s(record: Record, metric: str, in_turns: bool = False) -> Sequence[float]:
    """One process's times of each call that counts, in seconds; what happens once is one.

    None where what it has is spoiled.
    """
    if record.status not in TIMED_STATUSES or is_spoiled(record, in_turns):
        return ()
    if metric == LATENCY:
        return accepted_samples(record)
    if metric in (LOAD, FIRST_CALL):
        once = record.load_s if metric == LOAD else record.first_call_s
        return () if once is None else (once,)
    return record.stages_s.get(metric.removeprefix(STAGE_PREFIX), ())
