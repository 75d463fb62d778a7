"""One configuration with its evidence: what the analyses and the reports look at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sdbench.analysis.planned import planned_knobs
from sdbench.jsontypes import JsonValue
from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Figure, Origin
from sdbench.results.record import Record, Status
from sdbench.results.rounds import Rounds
from sdbench.results.store import Run
from sdbench.results.table import (
    DERIVED,
    INFERRED_OOM,
    MEMORY_FIGURES,
    MISSING,
    NO_RECORD,
    RULED_OUT,
    latency_estimate,
    latency_origin,
    latest_records,
    p95_s,
)
from sdbench.statistics import Estimate

NOT_DRAWN = Fidelity.absent(NO_RECORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A configuration of a run, and what is known of it.

    Attributes:
        key: The configuration's key.
        knobs: One value for every knob; empty where a missing configuration's are not known.
        status: How its rounds ended (`sdbench.results.rounds`), ``ok`` of what was derived, ``oom``
            of what was inferred to run out of memory; None where it has no record.
        reason: Why it did not end ``ok``, or what a derived one rests on; None otherwise.
        latency: Seconds of one call, or None where it was neither timed nor derived.
        latency_per_image: Seconds for each image of a call, or None.
        p95_s: 95th percentile of a call in seconds, of a derived latency the upper end of its
            interval; None without a latency.
        latency_origin: Where the latency comes from; None where there is none.
        memory: The record's memory figures by name, in bytes.
        fidelity: What the configuration does to the picture; absent without a record.
        record: What its rounds tell as one record, or None.
        confirmed_rounds: Fresh rounds that `latency` rests on alone, since the configuration was
            among the fastest, or all were measured again; 0 where it was not measured again.
        swept_latency: Seconds of one call in the sweep, where fresh rounds have taken its place.
        swept_latency_per_image: The same for each image of a call.
    """

    key: str
    knobs: Mapping[str, JsonValue]
    status: Status | None
    reason: str | None = None
    latency: Estimate | None = None
    latency_per_image: Estimate | None = None
    p95_s: float | None = None
    latency_origin: Origin | None = None
    memory: Mapping[str, Figure] = field(default_factory=dict)
    fidelity: Fidelity = NOT_DRAWN
    record: Record | None = None
    confirmed_rounds: int = 0
    swept_latency: Estimate | None = None
    swept_latency_per_image: Estimate | None = None

    @property
    def status_word(self) -> str:
        """The status as a word.

        ``missing`` without a record, ``predicted-oom`` where ruled out, ``derived`` and
        ``inferred-oom`` where others tell it.
        """
        if self.record is not None:
            if self.record.is_derived:
                return DERIVED
            if self.record.is_inferred_oom:
                return INFERRED_OOM
            if self.record.is_ruled_out:
                return RULED_OUT
        return self.status.value if self.status else MISSING

    @property
    def is_timed(self) -> bool:
        """Whether it ended well and has a latency that can be compared."""
        return self.status is Status.OK and self.latency_per_image is not None

    @property
    def is_derived(self) -> bool:
        """Whether its latency follows from others' and was not measured."""
        return self.latency_origin is Origin.DERIVED

    @property
    def source_count(self) -> int | None:
        """Measured configurations that a derived one rests on; None of any other."""
        if not self.is_derived or self.record is None or self.record.derived_latency is None:
            return None
        return self.record.derived_latency.sources

    @property
    def peak_memory_figure(self) -> str | None:
        """Name of the figure that `peak_memory_bytes` comes from.

        The worker's resident memory on the host counts only where no figure of a device's own
        memory is known: on the CPU, where the host's memory is the device's.
        """
        known = {name: f.value for name, f in self.memory.items() if f.value is not None}
        if "peak_reserved_bytes" in known or "peak_device_used_bytes" in known:
            known.pop("peak_rss_bytes", None)
        return max(known, key=known.__getitem__, default=None)

    @property
    def peak_memory_bytes(self) -> int | None:
        """The largest of the known peaks: the pessimistic end, held against a memory limit."""
        name = self.peak_memory_figure
        return None if name is None else self.memory_bytes(name)

    @property
    def peak_memory_origin(self) -> Origin | None:
        """Where that peak comes from; None where none is known."""
        name = self.peak_memory_figure
        return None if name is None else self.memory[name].origin

    @property
    def peak_allocated_bytes(self) -> int | None:
        """Peak of live tensor bytes: exact, so that it decides among ties."""
        return self.memory_bytes("peak_allocated_bytes")

    @property
    def fidelity_score(self) -> float | None:
        """Nearness of the middle picture to the converged one, 0..1, or None where not known."""
        return self.fidelity.score

    @property
    def pessimistic_fidelity(self) -> float | None:
        """The worst picture's fidelity, which is held against a limit; None where not known."""
        worst = self.fidelity.worst_score
        return self.fidelity.score if worst is None else worst

    @property
    def batch_size(self) -> int | None:
        """Images of a call; None where the knobs are not known."""
        value = self.knobs.get("batch_size")
        return value if isinstance(value, int) else None

    @property
    def is_degenerate(self) -> bool | None:
        """Whether a picture is of one colour or not finite; None where nothing was drawn."""
        return self.fidelity.is_degenerate

    def memory_bytes(self, name: str) -> int | None:
        """A memory figure's value in bytes."""
        figure = self.memory.get(name)
        return None if figure is None or figure.value is None else int(figure.value)


def by_latency(m: Measurement) -> float:
    """Sorts by latency per image: the fastest first, and what was never timed last."""
    return m.latency_per_image.point if m.latency_per_image else math.inf


def measurements(run: Run) -> tuple[Measurement, ...]:
    """What is known of each configuration of a run, in the order of the plan."""
    knobs = planned_knobs(run)
    rounds = run.rounds
    return tuple(
        _measured(rounds[key], record)
        if record
        else Measurement(key=key, knobs=knobs.get(key, {}), status=None, reason=NO_RECORD)
        for key, record in latest_records(run).items()
    )


def _measured(rounds: Rounds, settled: Record) -> Measurement:
    """What all rounds tell of their configuration."""
    m = measurement_of(settled)
    if not rounds.confirmed:
        return m
    swept = measurement_of(rounds.swept)
    return replace(
        m,
        confirmed_rounds=rounds.confirmed,
        swept_latency=swept.latency,
        swept_latency_per_image=swept.latency_per_image,
    )


def measurement_of(record: Record) -> Measurement:
    """What one record tells of its configuration."""
    latency = latency_estimate(record)
    images = record.images_per_call
    return Measurement(
        key=record.key,
        knobs=record.knobs,
        status=_status(record),
        reason=_reason(record),
        latency=latency,
        latency_per_image=latency.scaled(1 / images) if latency and images else None,
        p95_s=p95_s(record),
        latency_origin=latency_origin(record),
        memory={name: getattr(record, name) for name in MEMORY_FIGURES},
        fidelity=record.fidelity,
        record=record,
    )


def _status(record: Record) -> Status:
    if record.is_derived:
        return Status.OK
    return Status.OOM if record.is_inferred_oom else record.status


def _reason(record: Record) -> str | None:
    """The record's reason; of a derived one how many it rests on, and its basis."""
    derived = record.derived_latency
    if not record.is_derived or derived is None:
        return record.reason
    return f"derived from {derived.sources} measured configurations: {derived.basis}"
