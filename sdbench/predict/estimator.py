"""What a configuration needs, from traces of a few batch sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.base import Cost
from sdbench.knobs.registry import KNOBS
from sdbench.pipelines.errors import LoadError
from sdbench.predict.batches import at_each
from sdbench.predict.calibration import Interval, interval_for
from sdbench.predict.footprint import Footprint
from sdbench.predict.peaks import Peaks, peaks
from sdbench.predict.target import Target
from sdbench.predict.trace import Trace
from sdbench.predict.tracing import Weightless
from sdbench.results.figure import Figure, Origin
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Inputs

_ALLOCATOR = "allocator"
"""Its settings are of the device that is not there: they change what is reserved alone."""

_NOT_LOADED = ("offload", "compile")
"""Load knobs that are no part of a load without weights."""

_NO_RESERVE = "the CPU's allocator reserves nothing of its own"
_NOT_REPLAYED = "what expandable segments reserve is not predicted"


class TracingEstimator:
    """Traces configurations without their weights; the last load is kept, also where it failed.

    Args:
        inputs: What the suite draws.
        target: The device.
        trust_remote_code: Whether the user allowed code from a model's repository to run.
    """

    def __init__(self, inputs: Inputs, target: Target, trust_remote_code: bool) -> None:
        self._inputs = inputs
        self._target = target
        self._capability = target.compute_capability
        self._trust_remote_code = trust_remote_code
        self._loaded: tuple[str, Weightless | LoadError] | None = None

    def footprints(
        self, knobs: Mapping[str, JsonValue], batch_sizes: Sequence[int]
    ) -> Mapping[int, Footprint]:
        """See `sdbench.predict.predictor.Estimator`."""
        is_default = knobs[_ALLOCATOR] == KNOBS[_ALLOCATOR].neutral
        if self._capability is not None:
            knobs = {**knobs, _ALLOCATOR: KNOBS[_ALLOCATOR].neutral}
        weightless = self._weightless(knobs)

        traces: dict[int, Trace] = {}

        def at(batch_size: int, finds_capacity: bool = False) -> Peaks:
            if batch_size not in traces:
                sized = {**knobs, "batch_size": batch_size}
                traces[batch_size] = weightless.trace(sized, self._capability)
            return peaks(traces[batch_size], self._capability, finds_capacity=finds_capacity)

        within = interval_for(self._capability)
        footprints = {
            size: _footprint(found, within) for size, found in at_each(batch_sizes, at).items()
        }
        for size, footprint in footprints.items():
            if is_default and footprint.hangs_on_capacity(self._target):
                footprints[size] = _footprint(at(size, finds_capacity=True), within)
        if self._capability is None or is_default:
            return footprints
        unknown = Figure.absent(_NOT_REPLAYED)
        return {
            size: replace(footprint, peak_reserved_bytes=unknown)
            for size, footprint in footprints.items()
        }

    def _weightless(self, knobs: Mapping[str, JsonValue]) -> Weightless:
        load = Configuration(knobs).part(Cost.LOAD)
        key = canonical_json({name: load[name] for name in load if name not in _NOT_LOADED})
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # two pipelines at once would need twice the memory
            self._loaded = key, self._load(knobs)
        loaded = self._loaded[1]
        if isinstance(loaded, LoadError):
            raise loaded
        return loaded

    def _load(self, knobs: Mapping[str, JsonValue]) -> Weightless | LoadError:
        """The pipeline, or why there is none: asking a hub in vain takes long."""
        try:
            return Weightless(self._inputs, knobs, self._trust_remote_code)
        except LoadError as error:
            return error.with_traceback(None)


def _footprint(found: Peaks, within: Interval) -> Footprint:
    peak = found.allocated_bytes
    reserved = found.reserved_bytes
    return Footprint(
        peak_allocated_bytes=Figure(peak, Origin.PREDICTED),
        interval_bytes=within.around(peak),
        stage=found.stage,
        stage_peak_allocated_bytes=dict(found.allocated_bytes_by_stage),
        peak_reserved_bytes=Figure.absent(_NO_RESERVE)
        if reserved is None
        else Figure(reserved, Origin.PREDICTED),
        least_capacity_bytes=found.least_capacity_bytes,
    )
