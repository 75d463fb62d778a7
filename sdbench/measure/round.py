"""One round: everything that is measured of one configuration, whatever becomes of it.

    configured -> first call -> verify -> memory pass -> warm-up -> timed calls -> put back

Each part's results are in the record as soon as it ended, so that a round that runs out of memory
half-way still tells what was learnt before.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sdbench.devices.base import Device, MemoryPeaks
from sdbench.errors import SdbenchError, causes
from sdbench.knobs.base import Unsupported
from sdbench.measure.company import company_notes, crowding_notes, unseen_company_notes
from sdbench.measure.deadline import Deadline
from sdbench.measure.energy import energy_per_image
from sdbench.measure.latency import Samples, first_call, sample, warm_up
from sdbench.measure.memory import measure_memory
from sdbench.measure.out_of_memory import first_line, out_of_memory, out_of_memory_sentence
from sdbench.measure.recovery import let_go
from sdbench.measure.throttling import throttle_note
from sdbench.measure.turns import AwaitTurn
from sdbench.pipelines.base import Call, Pipeline
from sdbench.pipelines.failed_stage import failed_stage
from sdbench.results.figure import Figure
from sdbench.results.record import Status
from sdbench.statistics import outlier_marks
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Protocol

_IMAGES_KEPT = 1
"""Images of a batch that are written: one shows what the configuration does."""

SET_UP = "set-up"
"""The phase in which a configuration's knobs are turned."""

NO_ENERGY_IN_TURNS = Figure.absent("other workers took calls in turn with this one")

PhaseListener = Callable[[str], None]


def measure_round(
    pipeline: Pipeline,
    configuration: Configuration,
    device: Device,
    protocol: Protocol,
    images_folder: Path | None,
    on_phase: PhaseListener,
    await_turn: AwaitTurn | None = None,
) -> dict[str, Any]:
    """Measures one configuration.

    Args:
        pipeline: The loaded pipeline.
        configuration: What to measure.
        device: What to measure it on.
        protocol: How to measure it.
        images_folder: Where an image is written, or None.
        on_phase: Told what begins, outside of timed windows.
        await_turn: Waits before each timed call; None where calls are not in turns.

    Returns:
        Fields of a record, `status` always among them.
    """
    fields: dict[str, Any] = {}
    phases = [SET_UP]

    def enter(phase: str) -> None:
        phases.append(phase)
        on_phase(phase)

    try:
        with pipeline.configured(configuration) as call:
            _measure(
                call, configuration.key, device, protocol, images_folder, enter, fields, await_turn
            )
    except Exception as error:
        fields |= failure(error, device, phases[-1])
    return fields


def failure(error: Exception, device: Device, phase: str) -> dict[str, Any]:
    """What a record says of a round, or of a load, that raised ``error`` in ``phase``.

    What the error held on to is let go.
    """
    try:
        return _failure(error, device, phase)
    finally:
        let_go(error)


def _failure(error: Exception, device: Device, phase: str) -> dict[str, Any]:
    if isinstance(error, Unsupported):
        return {"status": Status.UNSUPPORTED, "reason": str(error)}
    exhausted = next((one for one in causes(error) if device.is_out_of_memory(one)), None)
    if exhausted is not None:
        moment = out_of_memory(exhausted, phase, failed_stage(error))
        reason = out_of_memory_sentence(moment, exhausted)
        return {"status": Status.OOM, "reason": reason, "out_of_memory": moment}
    if not isinstance(error, SdbenchError):
        traceback.print_exception(error)
    return {"status": Status.ERROR, "reason": f"{type(error).__name__}: {first_line(error)}"}


def _measure(
    call: Call,
    key: str,
    device: Device,
    protocol: Protocol,
    images_folder: Path | None,
    on_phase: PhaseListener,
    fields: dict[str, Any],
    await_turn: AwaitTurn | None,
) -> None:
    deadline = Deadline.after(device, protocol.timeout_s)
    fields["images_per_call"] = call.images_per_call
    on_phase("first call")
    fields["first_call_s"], images = first_call(call, device)
    fields["effective"] = call.effective()
    call.verify(images)
    on_phase("memory")
    peaks, images = measure_memory(call, device)
    fields |= _memory_fields(peaks)
    fields["notes"] = unseen_company_notes(peaks.device_memory)
    if images_folder is not None:
        fields["images"] = _save(images, images_folder, key)
    on_phase("warm-up")
    warmups_s = warm_up(call, device, protocol, fields["first_call_s"], deadline)
    fields["warmup_s"] = tuple(warmups_s)
    on_phase("timing")
    samples = sample(call, device, protocol, deadline, await_turn)
    fields |= _latency_fields(samples, call.images_per_call)
    if await_turn is not None:
        fields["energy_per_image_joules"] = NO_ENERGY_IN_TURNS
    fields["notes"] += _notes(samples)


def _memory_fields(peaks: MemoryPeaks) -> dict[str, Any]:
    return {
        "peak_allocated_bytes": peaks.allocated_bytes,
        "peak_reserved_bytes": peaks.reserved_bytes,
        "peak_device_used_bytes": peaks.device_used_bytes,
        "peak_rss_bytes": peaks.rss_bytes,
        "stage_peak_allocated_bytes": peaks.allocated_bytes_by_stage,
        "device_memory": peaks.device_memory,
    }


def _latency_fields(samples: Samples, images_per_call: int) -> dict[str, Any]:
    images = images_per_call * len(samples.timings)
    walls_s = [timing.wall_s for timing in samples.timings]
    devices_s = [timing.device_s for timing in samples.timings]
    stages = samples.timings[0].stages_s
    reason = "most samples were taken while the device was throttled"
    return {
        "status": Status.UNSTABLE if samples.is_unstable else Status.OK,
        "reason": reason if samples.is_unstable else None,
        "samples_s": tuple(walls_s),
        "device_samples_s": tuple(duration for duration in devices_s if duration is not None),
        "is_outlier": outlier_marks(walls_s),
        "is_throttled": tuple(samples.throttled),
        "waited_s": tuple(samples.waited_s),
        "stop_reason": samples.stop_reason,
        "stages_s": {
            stage: tuple(timing.stages_s[stage] for timing in samples.timings) for stage in stages
        },
        "denoiser_evaluations": samples.timings[0].denoiser_evaluations,
        "device_state": _states(samples.states),
        "energy_per_image_joules": energy_per_image(samples.states, samples.span_s, images),
    }


def _notes(samples: Samples) -> tuple[str, ...]:
    throttled = throttle_note(samples.states, samples.throttled)
    walls_s = [timing.wall_s for timing in samples.timings]
    return (
        *((throttled,) if throttled else ()),
        *company_notes(samples.company),
        *crowding_notes(walls_s, samples.waited_s),
    )


def _states(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"before": dict(states[0]), "after": dict(states[-1])} if states[0] else {}


def _save(images: Sequence[Any], folder: Path, key: str) -> tuple[str, ...]:
    names = []
    for index, image in enumerate(images[:_IMAGES_KEPT]):
        path = folder / f"{key}-{index}.png"
        image.save(path)
        names.append(f"{folder.name}/{path.name}")
    return tuple(names)
