"""What came of a set of rungs, and which other sets that rules out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sdbench.analysis.candidate import Candidate
from sdbench.analysis.rungs import LOAD_STAGE
from sdbench.results.figure import Figure
from sdbench.results.prediction import Prediction
from sdbench.results.record import Record, Status


class Verdict(str, Enum):
    """What came of a set of rungs."""

    FITS = "fits"
    OUT_OF_MEMORY = "out_of_memory"
    PREDICTED_NOT_TO_FIT = "predicted_not_to_fit"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"


TOO_LARGE = (Verdict.OUT_OF_MEMORY, Verdict.PREDICTED_NOT_TO_FIT)
"""What a set came to that needs too much memory."""


@dataclass(frozen=True, slots=True)
class Step:
    """A set of rungs, and what came of it.

    Attributes:
        candidate: The set.
        verdict: What came of it.
        record: What was measured under the limit, or None where it was not run.
        prediction: What was predicted, or None where nothing was.
    """

    candidate: Candidate
    verdict: Verdict
    record: Record | None = None
    prediction: Prediction | None = None

    @property
    def stage(self) -> str | None:
        """The stage that has the peak, or in which memory ran out; None where not known."""
        if self.record is not None and (told := self.record.out_of_memory) is not None:
            return told.stage or (LOAD_STAGE if told.phase == "loading" else None)
        if self.record is not None and self.record.stage_peak_allocated_bytes:
            peaks = self.record.stage_peak_allocated_bytes
            return max(peaks, key=peaks.__getitem__)
        return self.prediction.stage if self.prediction else None

    @property
    def peak_allocated_bytes(self) -> Figure:
        """The peak: measured, or predicted where it was not, or at least how much was needed."""
        if self.record is not None and self.record.peak_allocated_bytes.value is not None:
            return self.record.peak_allocated_bytes
        if self.prediction is not None and self.prediction.peak_allocated_bytes.value is not None:
            return self.prediction.peak_allocated_bytes
        return Figure.absent("it ran out of memory before its peak")

    def rules_out(self, other: Candidate) -> bool:
        """Whether another set cannot do better, or cannot run either."""
        if self.verdict is Verdict.UNSUPPORTED:
            return self.candidate.names <= other.names
        if self.verdict not in TOO_LARGE:
            return False
        mine = self.candidate.levels(self.stage)
        return all(mine.get(name, 0) >= level for name, level in other.levels(self.stage).items())


def verdict_of(record: Record, limit_bytes: int) -> Verdict:
    """What a round under the limit says.

    A peak above the limit does not fit either, on a device that could not hold the process to it.
    """
    if record.status is Status.OOM:
        return Verdict.OUT_OF_MEMORY
    if record.status is Status.UNSUPPORTED:
        return Verdict.UNSUPPORTED
    if record.status not in (Status.OK, Status.UNSTABLE):
        return Verdict.FAILED
    peak = record.peak_allocated_bytes.value
    return Verdict.OUT_OF_MEMORY if peak is not None and peak > limit_bytes else Verdict.FITS
