"""What became of the planned configurations: a sweep with silent holes is not to be trusted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sdbench.results.record import OPEN_STATUSES, Record, Status
from sdbench.results.store import Run


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of a run is there.

    Attributes:
        planned: Configurations that were planned.
        by_status: Configurations with a record, planned or not, by how their rounds ended.
        missing: Configurations without a record.
        ruled_out: Configurations that were not measured since they were predicted not to fit. They
            are not among those of `by_status`, nor are those that follow from others.
        derived: Configurations whose figures follow from those of measured ones.
        inferred: Configurations that need no less memory than what ran out of it.
        unplanned: Configurations with a record that the plan does not name: a search plans what is
            wanted alone, and runs what it comes to.
        confirmed: Configurations that were measured again in fresh rounds.
        lacking_rounds: Configurations that ended ``ok`` in fewer rounds than were planned.
        is_stopped_by_budget: Whether time was over before all was done: what is missing then was
            not asked for at any cost.
        shard: Which part of the suite it is, such as ``2/4``; None where it is all of it.
    """

    planned: int
    by_status: dict[Status, int]
    missing: int
    ruled_out: int = 0
    derived: int = 0
    inferred: int = 0
    unplanned: int = 0
    confirmed: int = 0
    lacking_rounds: int = 0
    is_stopped_by_budget: bool = False
    shard: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every configuration has an answer and its rounds, and at least one was timed."""
        has_holes = (
            (self.missing and not self.is_stopped_by_budget)
            or self.lacking_rounds
            or any(self.by_status.get(status) for status in OPEN_STATUSES)
        )
        return not has_holes and self.by_status.get(Status.OK, 0) > 0

    @property
    def summary(self) -> str:
        """One line: what became of how many."""
        parts = [f"{count} {status.value}" for status, count in self.by_status.items()]
        if self.derived:
            parts.append(f"{self.derived} derived")
        if self.inferred:
            parts.append(f"{self.inferred} inferred out of memory")
        if self.ruled_out:
            parts.append(f"{self.ruled_out} predicted not to fit")
        if self.missing:
            when = "reached in the time given" if self.is_stopped_by_budget else "measured"
            parts.append(f"{self.missing} not {when}")
        beyond = f" ({self.unplanned} beyond the plan)" if self.unplanned else ""
        total = self.planned + self.unplanned
        again = f"; {self.confirmed} measured again" if self.confirmed else ""
        lacking = f"; {self.lacking_rounds} lack rounds" if self.lacking_rounds else ""
        told = ", ".join(parts) or "none measured"
        part = f"; shard {self.shard} of the suite alone" if self.shard else ""
        return f"{total} configurations{beyond}: {told}{again}{lacking}{part}"


def completeness(run: Run) -> Completeness:
    """Counts what became of each configuration that was planned or measured."""
    rounds = run.rounds
    records = [one.settled for one in rounds.values()]
    counts = Counter(record.status for record in records if not _is_told(record))
    by_status = {status: counts[status] for status in Status if counts[status]}
    return Completeness(
        planned=len(run.info.planned_keys),
        by_status=by_status,
        missing=len(run.missing_keys),
        ruled_out=sum(record.is_ruled_out for record in records),
        derived=sum(record.is_derived for record in records),
        inferred=sum(record.is_inferred_oom for record in records),
        unplanned=len(rounds.keys() - set(run.info.planned_keys)),
        confirmed=sum(one.confirmed > 0 for one in rounds.values()),
        lacking_rounds=sum(
            one.settled.status is Status.OK and 1 + len(one.fresh) < run.info.planned_rounds
            for one in rounds.values()
        ),
        is_stopped_by_budget=run.is_stopped_by_budget,
        shard=run.info.shard,
    )


def _is_told(record: Record) -> bool:
    """Whether it was not measured since its answer is known without that."""
    return record.is_ruled_out or record.is_derived or record.is_inferred_oom
