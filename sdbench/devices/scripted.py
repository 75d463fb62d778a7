"""A device that plays a script, on a simulated clock: the whole tool runs on it, repeatably.

The script (a YAML or JSON file, or nothing for the defaults) says how long each stage takes, how
much memory there is and is used, and which configurations meet with a fault.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from sdbench.devices.allocator_message import write_message
from sdbench.devices.base import OTHER_STAGE, DeviceState, MemoryPeaks, MemoryWatch
from sdbench.devices.scripted_driver import other_process, scripted_memory
from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.results.figure import Figure
from sdbench.units import GIB, MIB


class Fault(str, Enum):
    """What a scripted configuration meets with.

    ``crash`` is a kill, ``sticky`` an error after which the device answers nothing else, and
    ``leak`` memory that runs out and does not come back for as long as the process lives.
    """

    CRASH = "crash"
    SEGFAULT = "segfault"
    HANG = "hang"
    ERROR = "error"
    STICKY = "sticky"
    OOM = "oom"
    LEAK = "leak"
    THROTTLE = "throttle"


class Moment(str, Enum):
    """When it does."""

    LOAD = "load"
    CALL = "call"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedFault:
    """A fault of all configurations whose knobs have these values.

    Attributes:
        fault: What happens.
        at: While loading, or in a call.
        after_calls: Calls that go well before.
        stage: Stage of the call in which it happens; None where it begins with it.
        knobs: Values that a configuration must have to meet with it.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    fault: Fault
    at: Moment = Moment.CALL
    after_calls: int = 0
    stage: str | None = None
    knobs: Mapping[str, JsonValue] = field(default_factory=dict)

    def concerns(self, knobs: Mapping[str, JsonValue]) -> bool:
        """Whether a configuration with these knobs meets with it."""
        return all(knobs.get(name) == value for name, value in self.knobs.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a scripted device and its pipeline do.

    Attributes:
        name: Name of the device.
        memory_bytes: Memory that it has.
        load_s: Seconds of a load.
        text_encoding_s: Seconds of the text encoders, once a call.
        denoiser_s: Seconds of one denoiser evaluation for one image.
        scheduler_step_s: Seconds of one scheduler step.
        vae_decode_s: Seconds of decoding one image.
        other_s: Seconds of the rest of a call.
        noise_ratio: Standard deviation of a call's log duration.
        half_precision_speedup: How many times as fast fp16 and bf16 are.
        weights_bytes: Weights in fp32.
        activation_bytes: Activations for one image in fp32.
        slicing_activation_ratio: Activations under attention slicing, as a share.
        vae_activation_bytes: Activations of decoding one image in fp32.
        power_watts: Power that it draws; None where it tells neither power nor energy.
        context_bytes: What its driver says that the process holds beside tensors; None where no
            driver tells of memory.
        other_process_bytes: What another process holds of it.
        faults: Configurations that meet with a fault; the first that matches counts.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str = "Scripted device"
    memory_bytes: int = 8 * GIB
    load_s: float = 2.0
    text_encoding_s: float = 0.01
    denoiser_s: float = 0.02
    scheduler_step_s: float = 0.001
    vae_decode_s: float = 0.05
    other_s: float = 0.005
    noise_ratio: Annotated[float, Field(ge=0)] = 0.005
    half_precision_speedup: Annotated[float, Field(gt=0)] = 1.9
    weights_bytes: int = 3 * GIB
    activation_bytes: int = 900 * MIB
    slicing_activation_ratio: float = 0.7
    vae_activation_bytes: int = 0
    power_watts: float | None = None
    context_bytes: int | None = None
    other_process_bytes: int = 0
    faults: tuple[ScriptedFault, ...] = ()


class SimulatedOutOfMemory(Exception):
    """The scripted device has no more memory."""


class DeviceLost(RuntimeError):
    """The scripted device met with an error that lasts as long as the process."""


class Held:
    """Memory of a scripted device; given back when nothing refers to it any more."""


class ScriptedDevice:
    """The device of a script; its clock moves only where the script says so."""

    torch_device = "cuda"
    has_own_clock = False
    sees_compiled_memory = True
    slug = "scripted"

    def __init__(self, script: Script) -> None:
        self.script = script
        self.label = script.name
        self.is_throttled = False
        self._now_ns = 0
        self._used_bytes = 0
        self._limit_bytes: int | None = None
        self._is_lost = False
        self._watch: _ScriptedMemoryWatch | None = None

    def fingerprint(self) -> Mapping[str, JsonValue]:
        return {"device": self.label, "total_memory_bytes": self.script.memory_bytes}

    def now_ns(self) -> int:
        return self._now_ns

    def advance(self, duration_s: float) -> None:
        """Lets time pass."""
        self._now_ns += round(duration_s * 1e9)

    def use_memory(self, used_bytes: int) -> None:
        """Sets the bytes in use.

        Raises:
            SimulatedOutOfMemory: The device has not so many.
        """
        if used_bytes > self._capacity_bytes:
            raise self.out_of_memory(used_bytes - self._used_bytes)
        self._used_bytes = used_bytes
        if self._watch is not None:
            self._watch.note(used_bytes)

    def hold(self, size_bytes: int) -> Held:
        """Uses so many bytes more, until what it returns is gone.

        Raises:
            SimulatedOutOfMemory: The device has not so many.
        """
        self.use_memory(self._used_bytes + size_bytes)
        held = Held()
        weakref.finalize(held, self._give_back, size_bytes)
        return held

    def _give_back(self, size_bytes: int) -> None:
        self._used_bytes -= size_bytes

    def leak(self, size_bytes: int) -> None:
        """Uses so many bytes more for good."""
        self._used_bytes += size_bytes

    @property
    def _capacity_bytes(self) -> int:
        limit_bytes = self._limit_bytes
        capacity_bytes = self.script.memory_bytes
        return capacity_bytes if limit_bytes is None else min(capacity_bytes, limit_bytes)

    def out_of_memory(self, requested_bytes: int) -> SimulatedOutOfMemory:
        """What is raised when so much more was asked for."""
        message = write_message(
            "GPU 0",
            requested_bytes,
            self._used_bytes,
            self._capacity_bytes,
            is_limit=self._capacity_bytes < self.script.memory_bytes,
        )
        return SimulatedOutOfMemory(message)

    def lose(self) -> DeviceLost:
        """Makes the device answer no more; what is raised then."""
        self._is_lost = True
        return DeviceLost("CUDA error: device-side assert triggered")

    def synchronize(self) -> None:
        if self._is_lost:
            raise self.lose()

    def mark(self) -> int:
        return self._now_ns

    def seconds_between(self, start: int, end: int) -> float:
        return (end - start) * 1e-9

    @contextmanager
    def watch_memory(self, resident: Iterable[object]) -> Iterator[MemoryWatch]:
        self._watch = _ScriptedMemoryWatch(self._used_bytes, self.script)
        try:
            yield self._watch
        finally:
            self._watch = None

    def is_out_of_memory(self, error: BaseException) -> bool:
        return isinstance(error, SimulatedOutOfMemory)

    def limit_memory(self, limit_bytes: int) -> Mapping[str, JsonValue]:
        self._limit_bytes = limit_bytes
        return {}

    def allocated_bytes(self) -> int:
        return self._used_bytes

    def clear(self) -> None:
        self.synchronize()

    def state(self) -> DeviceState:
        state: dict[str, JsonValue] = {"clock_event_reasons": 0x20 if self.is_throttled else 0}
        if (watts := self.script.power_watts) is not None:
            state |= {"power_watts": watts, "energy_joules": watts * self._now_ns * 1e-9}
        return state

    def company(self) -> Mapping[int, str]:
        others = other_process(self.script.other_process_bytes)
        return {other.pid: other.words for other in others}


class _ScriptedMemoryWatch:
    def __init__(self, used_bytes: int, script: Script) -> None:
        self._script = script
        self._readings = 1
        self._stage = OTHER_STAGE
        self._peaks: dict[str, int] = defaultdict(int, {OTHER_STAGE: used_bytes})

    def enter_stage(self, stage: str) -> None:
        self._stage = stage

    def leave_stage(self, stage: str) -> None:
        self._stage = OTHER_STAGE

    def note(self, used_bytes: int) -> None:
        self._peaks[self._stage] = max(self._peaks[self._stage], used_bytes)
        self._readings += 1

    def peaks(self) -> MemoryPeaks:
        peak_bytes, script = max(self._peaks.values()), self._script
        nothing = Figure.absent("the device is scripted")
        return MemoryPeaks(
            allocated_bytes=Figure.measured(peak_bytes),
            reserved_bytes=nothing,
            device_used_bytes=nothing
            if script.context_bytes is None
            else Figure.measured(peak_bytes + script.context_bytes),
            rss_bytes=nothing,
            allocated_bytes_by_stage=dict(self._peaks),
            device_memory=None
            if script.context_bytes is None
            else scripted_memory(
                peak_bytes,
                script.context_bytes,
                script.other_process_bytes,
                script.memory_bytes,
                self._readings,
            ),
        )


def read_script(path: Path | None) -> Script:
    """The script in a YAML or JSON file; the default one for None.

    Raises:
        SdbenchError: The file cannot be read, or is no script.
    """
    if path is None:
        return Script()
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return TypeAdapter(Script).validate_python(YAML(typ="safe", pure=True).load(path) or {})
    except (OSError, YAMLError, ValidationError) as error:
        raise SdbenchError(f"{path} is no script of a device: {error}") from None
