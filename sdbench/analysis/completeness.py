"""What became of the planned configurations: a sweep with silent holes is not to be trusted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sdbench.results.record import OPEN_STATUSES, Status
from sdbench.results.store import Run


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of a run is there.

    Attributes:
        planned: Configurations that were planned.
        by_status: Configurations with a record, planned or not, by how their rounds ended.
        missing: Configurations without a record.
        ruled_out: Configurations that were not measured since they were predicted not to fit; they
            are not among those of `by_status`.
        unplanned: Configurations with a record that the plan does not name: a search plans what is
            wanted alone, and runs what it comes to.
        confirmed: Configurations that were measured again in fresh rounds.
        lacking_rounds: Configurations that ended ``ok`` in fewer rounds than were planned.
    """

    planned: int
    by_status: dict[Status, int]
    missing: int
    ruled_out: int = 0
    unplanned: int = 0
    confirmed: int = 0
    lacking_rounds: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every configuration has an answer and its rounds, and at least one was timed."""
        has_holes = (
            self.missing
            or self.lacking_rounds
            or any(self.by_status.get(status) for status in OPEN_STATUSES)
        )
        return not has_holes and self.by_status.get(Status.OK, 0) > 0

    @property
    def summary(self) -> str:
        """One line: what became of how many."""
        parts = [f"{count} {status.value}" for status, count in self.by_status.items()]
        if self.ruled_out:
            parts.append(f"{self.ruled_out} predicted not to fit")
        if self.missing:
            parts.append(f"{self.missing} not measured")
        beyond = f" ({self.unplanned} beyond the plan)" if self.unplanned else ""
        total = self.planned + self.unplanned
        again = f"; {self.confirmed} measured again" if self.confirmed else ""
        lacking = f"; {self.lacking_rounds} lack rounds" if self.lacking_rounds else ""
        told = ", ".join(parts) or "none measured"
        return f"{total} configurations{beyond}: {told}{again}{lacking}"


def completeness(run: Run) -> Completeness:
    """Counts what became of each configuration that was planned or measured."""
    rounds = run.rounds
    records = [one.settled for one in rounds.values()]
    counts = Counter(record.status for record in records if not record.is_ruled_out)
    by_status = {status: counts[status] for status in Status if counts[status]}
    return Completeness(
        planned=len(run.info.planned_keys),
        by_status=by_status,
        missing=len(run.missing_keys),
        ruled_out=sum(record.is_ruled_out for record in records),
        unplanned=len(rounds.keys() - set(run.info.planned_keys)),
        confirmed=sum(one.confirmed > 0 for one in rounds.values()),
        lacking_rounds=sum(
            one.settled.status is Status.OK and 1 + len(one.fresh) < run.info.planned_rounds
            for one in rounds.values()
        ),
    )
