"""One configuration with its evidence: what the analyses and the reports look at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sdbench.analysis.planned import planned_knobs
from sdbench.jsontypes import JsonValue
from sdbench.results.fidelity import Fidelity
from sdbench.results.figure import Figure
from sdbench.results.record import Record, Status
from sdbench.results.rounds import Rounds
from sdbench.results.store import Run
from sdbench.results.table import (
    MEMORY_FIGURES,
    MISSING,
    NO_RECORD,
    P95,
    RULED_OUT,
    accepted_samples,
    latest_records,
)
from sdbench.statistics import Estimate, median_estimate, quantile

NOT_DRAWN = Fidelity.absent(NO_RECORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A configuration of a run, and what is known of it.

    Attributes:
        key: The configuration's key.
        knobs: One value for every knob; empty where a missing configuration's are not known.
        status: How its rounds ended (`sdbench.results.rounds`); None where it has no record.
        reason: Why it did not end ``ok``; None where it did.
        latency: Seconds of one call, or None without a timed call.
        latency_per_image: Seconds for each image of a call, or None.
        p95_s: 95th percentile of a call in seconds, or None without a timed call.
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
    memory: Mapping[str, Figure] = field(default_factory=dict)
    fidelity: Fidelity = NOT_DRAWN
    record: Record | None = None
    confirmed_rounds: int = 0
    swept_latency: Estimate | None = None
    swept_latency_per_image: Estimate | None = None

    @property
    def status_word(self) -> str:
        """The status as a word; ``missing`` without a record, ``predicted-oom`` where ruled out."""
        if self.record is not None and self.record.is_ruled_out:
            return RULED_OUT
        return self.status.value if self.status else MISSING

    @property
    def is_timed(self) -> bool:
        """Whether it ended well and has a latency that can be compared."""
        return self.status is Status.OK and self.latency_per_image is not None

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
    samples = accepted_samples(record)
    latency = median_estimate(samples) if samples else None
    images = record.images_per_call
    return Measurement(
        key=record.key,
        knobs=record.knobs,
        status=record.status,
        reason=record.reason,
        latency=latency,
        latency_per_image=latency.scaled(1 / images) if latency and images else None,
        p95_s=quantile(samples, P95) if samples else None,
        memory={name: getattr(record, name) for name in MEMORY_FIGURES},
        fidelity=record.fidelity,
        record=record,
    )
