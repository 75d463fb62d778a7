"""The stored run that tests are held against, and whether it can be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sdbench.compare.comparison import Row
from sdbench.compare.conditions import other_conditions
from sdbench.compare.evidence import Evidence, records_by_round
from sdbench.compare.stored import compare_records
from sdbench.results.finding import runs_at
from sdbench.results.record import Record
from sdbench.results.store import Run, read_run
from sdbench.suite.configuration import Configuration
from sdbench.suite.gates import Gates


def find_baseline(path: Path, suite_name: str) -> Run | None:
    """The run that a path names: itself, or the newest of a suite's below it; None without one.

    Raises:
        RunFolderError: The path holds no runs at all, or a damaged one.
    """
    folder, found = path.resolve(), runs_at(path)
    if found == (folder,):
        return read_run(folder)
    possible = [one for one in found if one.parent == folder or one.parent.name == suite_name]
    newest_first = map(read_run, reversed(possible))
    return next((run for run in newest_first if run.info.suite.get("name") == suite_name), None)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A stored run, for records that are held against it one by one.

    Attributes:
        run: The run.
        gates: What fails.
        family_size: Gated times of all that is held against it, which share the chance of a false
            alarm.
    """

    run: Run
    gates: Gates
    family_size: int

    @classmethod
    def of(cls, run: Run, gates: Gates, configurations: Iterable[Configuration]) -> Baseline:
        """The baseline of some configurations, all of which are going to be measured."""
        known = records_by_round(run.records)
        evidences = (
            Evidence(
                key=one.key,
                knobs=one.knobs,
                gates=gates.for_knobs(one.knobs),
                baseline=known.get(one.key, {}),
                candidate={},
                baseline_folder=run.folder,
                candidate_folder=run.folder,
            )
            for one in configurations
        )
        size = sum(
            evidence.time_margin(metric) is not None
            for evidence in evidences
            for metric in evidence.time_metrics
        )
        return cls(run, gates, max(1, size))

    def row(self, record: Record, folder: Path) -> Row:
        """A record against the baseline.

        Args:
            record: The record.
            folder: The run that its pictures lie in.
        """
        return compare_records(
            record.key, self.run, (record,), self.gates, self.family_size, folder
        )

    def advisory(self, candidate: Run) -> tuple[str, ...]:
        """Why nothing that it says of a run can fail, in sentences; none where it can."""
        return other_conditions(self.run, candidate)
