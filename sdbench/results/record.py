"""What one round yields: a line of ``records.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any

from pydantic import GetPydanticSchema, TypeAdapter

from sdbench.jsontypes import JsonValue
from sdbench.results.derived import DerivedLatency
from sdbench.results.device_memory import DeviceMemory
from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Figure
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.prediction import Fit

RECORD_SCHEMA = 1
"""Version of the record format. Readers accept every version up to this one."""


class Status(str, Enum):
    """How a round ended."""

    OK = "ok"
    OOM = "oom"
    TIMEOUT = "timeout"
    ERROR = "error"
    UNSUPPORTED = "unsupported"
    SKIPPED = "skipped"
    UNSTABLE = "unstable"


OPEN_STATUSES = frozenset({Status.ERROR, Status.TIMEOUT, Status.SKIPPED})
"""These leave a question open. Out of memory, unsupported and unstable are answers."""


class StopReason(str, Enum):
    """Why no further sample was taken."""

    CONVERGED = "converged"
    MAX_SAMPLES = "max_samples"
    TIME_BUDGET = "time_budget"
    THROTTLED = "throttled"


NOT_REACHED = Figure.absent("the round ended before it was measured")
NOT_PREDICTED = Figure.absent("it was not predicted")
NO_FIDELITY = Fidelity.absent("the round ended before it was measured")


Values = Annotated[
    Mapping[str, JsonValue], GetPydanticSchema(lambda _, handler: handler(Mapping[str, Any]))
]
"""JSON by names. What is read as JSON holds nothing else, and to look at the type of each value
would take a tenth of the time of reading a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one round of one configuration yields.

    A reader skips fields that it does not know: a field that old readers may miss is added without
    a new version. A change of what a field means raises `RECORD_SCHEMA`, and old readers refuse it.

    Attributes:
        schema: Version of this format.
        key: The configuration's key.
        knobs: One value for every knob.
        round: Which visit to this configuration: 0 in the sweep, from 1 in fresh rounds after it
            (`sdbench.results.rounds`).
        worker: Which process measured it, as ``worker-<count>``.
        started_at: UTC time at which the round began, ISO 8601.
        status: How the round ended.
        reason: Why it did not end ``ok``, in a sentence; None where it did.
        load_s: Seconds that loading took, where this round had to load.
        first_call_s: Seconds of the first call (lazy loading, compilation, autotuning).
        warmup_s: Seconds of each further call before the timed ones.
        samples_s: Seconds of every timed call, in order.
        device_samples_s: Seconds from the beginning to the end of each timed call by the device's
            own events, pauses between kernels included; empty where it has no clock of its own.
        is_outlier: For each sample, whether it lies more than 10 sigma from the median.
        is_throttled: For each sample, whether the device was throttled.
        waited_s: For each sample, seconds for which it was ready to run and waited for a processor;
            empty where that is not told: it is told of CPUs with one thread, by Linux.
        stop_reason: Why no further sample was taken.
        derived_latency: What its latency is told to be from other configurations, where it was not
            measured since it need not be; None otherwise.
        inferred_oom_key: Key of the configuration that ran out of memory and needs no more of it,
            where this one was therefore not measured; None otherwise.
        first_look_s: Median seconds of a call when the sweep measured it before, where that was in
            doubt and it was therefore measured once more; None where it was not.
        images_per_call: Images that one call draws.
        stages_s: For each stage, seconds of its total in each timed call.
        denoiser_evaluations: Evaluations of the denoiser in one call.
        peak_allocated_bytes: Peak of live tensor bytes (on CUDA the allocator's).
        peak_reserved_bytes: Peak that the allocator held of the device.
        peak_device_used_bytes: Peak that the worker added to what the device had in use, with
            its context and what its libraries hold.
        peak_rss_bytes: Peak resident memory of the worker process on the host.
        stage_peak_allocated_bytes: ``peak_allocated_bytes`` within each stage.
        load_peak_allocated_bytes: The same of loading, where this round had to load.
        predicted_allocated_bytes: What it was expected to be before the round.
        predicted_fit: Whether it was expected to fit; None where no limit was known, or no peak.
        device_memory: Who used how much of the device meanwhile; None where no driver tells.
        energy_per_image_joules: Energy that the device took for one image.
        out_of_memory: Where memory ran out, and what the allocator said; None where it did not.
        device_state: Clocks, temperature, power before and after, where the device tells.
        fidelity: What the configuration does to the picture.
        effective: What really ran: classes, attention processors, data types.
        images: Files of the images, relative to the run's folder.
        notes: Remarks for the reader.
    """

    schema: int = RECORD_SCHEMA
    key: str
    knobs: Values
    round: int = 0
    worker: str
    started_at: str
    status: Status
    reason: str | None = None
    load_s: float | None = None
    first_call_s: float | None = None
    warmup_s: tuple[float, ...] = ()
    samples_s: tuple[float, ...] = ()
    device_samples_s: tuple[float, ...] = ()
    is_outlier: tuple[bool, ...] = ()
    is_throttled: tuple[bool, ...] = ()
    waited_s: tuple[float, ...] = ()
    stop_reason: StopReason | None = None
    derived_latency: DerivedLatency | None = None
    inferred_oom_key: str | None = None
    first_look_s: float | None = None
    images_per_call: int | None = None
    stages_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    denoiser_evaluations: int | None = None
    peak_allocated_bytes: Figure = NOT_REACHED
    peak_reserved_bytes: Figure = NOT_REACHED
    peak_device_used_bytes: Figure = NOT_REACHED
    peak_rss_bytes: Figure = NOT_REACHED
    stage_peak_allocated_bytes: Mapping[str, int] = field(default_factory=dict)
    load_peak_allocated_bytes: Figure = NOT_REACHED
    predicted_allocated_bytes: Figure = NOT_PREDICTED
    predicted_fit: Fit | None = None
    device_memory: DeviceMemory | None = None
    energy_per_image_joules: Figure = NOT_REACHED
    out_of_memory: OutOfMemory | None = None
    device_state: Values = field(default_factory=dict)
    fidelity: Fidelity = NO_FIDELITY
    effective: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_ruled_out(self) -> bool:
        """Whether it was not measured since it was predicted not to fit into memory."""
        return self.status is Status.SKIPPED and self.predicted_fit is Fit.DOES_NOT_FIT

    @property
    def is_derived(self) -> bool:
        """Whether it was not measured since its figures follow from those of others."""
        return self.status is Status.SKIPPED and self.derived_latency is not None

    @property
    def is_inferred_oom(self) -> bool:
        """Whether it was not measured since what needs no more memory ran out of it."""
        return self.status is Status.SKIPPED and self.inferred_oom_key is not None

    @property
    def is_answer(self) -> bool:
        """Whether it leaves no question open; what is predicted, derived or inferred is one."""
        is_told = self.is_ruled_out or self.is_derived or self.is_inferred_oom
        return self.status not in OPEN_STATUSES or is_told

    @property
    def prediction_error_ratio(self) -> float | None:
        """By what share of the measured peak the predicted one is above it; None without both."""
        predicted, measured = self.predicted_allocated_bytes.value, self.peak_allocated_bytes.value
        if predicted is None or not measured:
            return None
        return predicted / measured - 1

    def to_line(self) -> str:
        """The record as one line of JSON, without its end.

        Raises:
            ValueError: A number in it is not finite; JSON has none such.
        """
        return to_json(RECORDS, self)

    @classmethod
    def from_line(cls, line: str | bytes) -> Record:
        """The record that a line holds.

        Raises:
            pydantic.ValidationError: The line is not a record.
        """
        return RECORDS.validate_json(line)


RECORDS: TypeAdapter[Record] = TypeAdapter(Record)


def to_json(adapter: TypeAdapter[Any], value: object, indent: int | None = None) -> str:
    """A value as JSON that `adapter` reads back equal (pydantic alone writes NaN as null).

    Raises:
        ValueError: A number in it is not finite.
    """
    plain = adapter.dump_python(value, mode="json")
    return json.dumps(plain, indent=indent, allow_nan=False)
