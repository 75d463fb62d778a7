"""How far predictions for GPUs have been from measurements, and the constants fitted on them."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from sdbench.predict.peaks import peaks
from sdbench.predict.target import Capability
from sdbench.predict.trace import Trace
from sdbench.predict.workspaces import FITTED, HALF, Workspaces
from sdbench.results.figure import Origin
from sdbench.units import MIB

TABLE = Path(__file__).with_name("calibration.csv")
"""The pairs that sdbench ships; benchmarks/published_memory.py writes them."""
_RATIOS = tuple(eighths / 8 for eighths in range(25))
"""Workspaces of 0 to 3 times input and output; published figures justify no finer steps."""
_LEAST_PAIRS = 2
"""Below them a constant stays as it was, and there is no interval."""


_LEAST_LOG = 0.024
"""The least that an interval reaches to either side, as a logarithm. Constants are eighths, and
the next eighth moves the peak of SDXL at 1024x1024 by 2.4 %; the pairs are of few pipelines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A peak of the allocator, as it was predicted and as it was measured.

    Attributes:
        subject: Configuration and device, as people read them.
        predicted_bytes: What was predicted.
        measured_bytes: What was measured.
        is_fitted: Whether the constants behind the prediction were fitted on this measurement.
        origin: ``measured`` for runs of our own, ``derived`` for published figures.
        source: Where the measurement comes from.
    """

    subject: str
    predicted_bytes: int
    measured_bytes: int
    is_fitted: bool
    origin: Origin
    source: str

    @property
    def log_ratio(self) -> float:
        """Logarithm of measured over predicted."""
        return math.log(self.measured_bytes / self.predicted_bytes)


@dataclass(frozen=True, slots=True)
class Interval:
    """Within it measurements lie, as multiples of the prediction.

    Attributes:
        low_ratio: Its lower end.
        high_ratio: Its upper end.
        pairs: How many pairs of prediction and measurement it rests on.
    """

    low_ratio: float
    high_ratio: float
    pairs: int

    def around(self, predicted_bytes: int) -> tuple[int, int]:
        """The interval of a prediction, in bytes."""
        low = math.floor(predicted_bytes * self.low_ratio)
        return low, math.ceil(predicted_bytes * self.high_ratio)


EXACT = Interval(0.995, 1.005, 0)
"""Of live tensor bytes on the CPU: the traces of the benchmark lie within it."""


@cache
def stored_pairs() -> tuple[Pair, ...]:
    """The pairs that sdbench ships."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Pair(
                subject=row["subject"],
                predicted_bytes=round(float(row["predicted_mib"]) * MIB),
                measured_bytes=round(float(row["measured_mib"]) * MIB),
                is_fitted=row["is_fitted"] == "yes",
                origin=Origin(row["origin"]),
                source=row["source"],
            )
            for row in csv.DictReader(file)
        )


def interval(pairs: Sequence[Pair] | None = None) -> Interval:
    """Within it a further measurement is expected.

    It spans all residuals, and `_LEAST_LOG` at least. It is widened by the share of further ones
    that n pairs leave out: of equally likely places a new one falls outside of them with a chance
    of 2 / (n + 1).

    Args:
        pairs: Predictions and measurements; without them those that sdbench ships.

    Raises:
        ValueError: There are fewer than two pairs.
    """
    known = stored_pairs() if pairs is None else pairs
    if len(known) < _LEAST_PAIRS:
        raise ValueError(f"an interval needs {_LEAST_PAIRS} pairs or more, not {len(known)}")
    residuals = sorted(pair.log_ratio for pair in known)
    widening = (residuals[-1] - residuals[0]) * 2 / (len(known) + 1)
    low, high = residuals[0] - widening, residuals[-1] + widening
    return Interval(math.exp(min(low, -_LEAST_LOG)), math.exp(max(high, _LEAST_LOG)), len(known))


def interval_for(capability: Capability | None) -> Interval:
    """Within it the peak on a device is expected.

    Where the constants of an architecture are assumed, it is twice as wide.

    Args:
        capability: Compute capability of a CUDA device; None for the CPU.
    """
    if capability is None:
        return EXACT
    found = interval()
    architecture = FITTED.architectures[FITTED.index_of(capability)]
    if architecture.half.is_fitted and architecture.single.is_fitted:
        return found
    return Interval(found.low_ratio**2, found.high_ratio**2, found.pairs)


@dataclass(frozen=True, slots=True)
class Observation:
    """A measured peak of the allocator, with what is needed to predict it.

    Attributes:
        trace: What the call allocates and frees.
        capability: Compute capability of the device.
        measured_bytes: ``torch.cuda.max_memory_allocated`` of the call.
    """

    trace: Trace
    capability: Capability
    measured_bytes: int


def refit(observations: Sequence[Observation], workspaces: Workspaces) -> Workspaces:
    """The workspaces whose predictions are nearest to measurements.

    An architecture's ratio for half and for single precision is sought among eighths, so that the
    sum of the absolute logarithms of measured over predicted is least; the nearest to the old one
    where several are. Constants without two observations stay as they are.

    Args:
        observations: Measured peaks; a precision's are those whose convolutions are in it.
        workspaces: The constants to begin with.
    """
    for index, is_half in product(range(len(workspaces.architectures)), (True, False)):
        own = [
            each
            for each in observations
            if workspaces.index_of(each.capability) == index and _is_half(each.trace) is is_half
        ]
        if len(own) >= _LEAST_PAIRS:
            workspaces = _refit_one(own, workspaces, index, is_half)
    return workspaces


def _refit_one(
    observations: Sequence[Observation], workspaces: Workspaces, index: int, is_half: bool
) -> Workspaces:
    architecture = workspaces.architectures[index]
    old = (architecture.half if is_half else architecture.single).ratio
    candidates = (
        workspaces.with_ratio(index, is_half, ratio)
        for ratio in sorted(_RATIOS, key=lambda ratio: abs(ratio - old))
    )
    return min(candidates, key=lambda candidate: _error(observations, candidate))


def _error(observations: Sequence[Observation], workspaces: Workspaces) -> float:
    return sum(
        abs(
            math.log(
                each.measured_bytes / peaks(each.trace, each.capability, workspaces).allocated_bytes
            )
        )
        for each in observations
    )


def _is_half(trace: Trace) -> bool:
    """Whether the convolution with the largest operands, which sets the peak, is in half."""
    largest = max(trace.convolutions, key=lambda each: each.input_bytes + each.output_bytes)
    return largest.dtype in HALF
