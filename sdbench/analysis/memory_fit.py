"""Whether a configuration fits into memory, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass

from sdbench.analysis.feasibility import needed_bytes
from sdbench.analysis.measurement import Measurement
from sdbench.results.figure import Origin
from sdbench.results.prediction import Fit
from sdbench.results.record import Status
from sdbench.results.table import INFERRED_OOM
from sdbench.suite.model import Limits


@dataclass(frozen=True, slots=True)
class MemoryFit:
    """Whether something fits.

    Attributes:
        fits: None where that is not known.
        origin: How it is known; None where it is not.
    """

    fits: bool | None
    origin: Origin | None


UNKNOWN = MemoryFit(None, None)


def memory_fit(m: Measurement, limits: Limits) -> MemoryFit:
    """Whether a configuration keeps to what its run allowed, and to the memory limit if any.

    A prediction is of live tensors alone. Where they exceed the limit nothing fits; where they keep
    to it, a limit that is held against larger figures too says nothing yet.
    """
    if m.status is Status.OOM:
        is_inferred = m.status_word == INFERRED_OOM
        return MemoryFit(False, Origin.INFERRED if is_inferred else Origin.MEASURED)
    if m.status in (Status.OK, Status.UNSTABLE):
        origin = Origin.DERIVED if m.is_derived else Origin.MEASURED
        if limits.memory_bytes is None:
            return MemoryFit(True, origin)
        needed = needed_bytes(m, limits)
        if needed is None:
            return UNKNOWN
        return MemoryFit(needed <= limits.memory_bytes, origin)
    return _predicted(m, limits)


def _predicted(m: Measurement, limits: Limits) -> MemoryFit:
    if m.record is None:
        return UNKNOWN
    if m.record.predicted_fit is Fit.DOES_NOT_FIT:
        return MemoryFit(False, Origin.PREDICTED)
    peak = m.record.predicted_allocated_bytes.value
    if limits.memory_bytes is not None:
        if peak is None or peak * (1 + limits.headroom_ratio) <= limits.memory_bytes:
            return UNKNOWN
        return MemoryFit(False, Origin.PREDICTED)
    return MemoryFit(True, Origin.PREDICTED) if m.record.predicted_fit is Fit.FITS else UNKNOWN
