"""The script of a scripted device: a YAML or JSON file, or nothing for the defaults.

It says how long each stage takes, how much memory there is and is used, and which configurations
meet with a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from sdbench.devices.noise import Noise
from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.units import GIB, MIB


class Fault(str, Enum):
    """What a scripted configuration meets with.

    ``crash`` is a kill, ``sticky`` an error after which the device answers nothing else, and
    ``leak`` memory that runs out and does not come back for as long as the process lives. Under
    ``crowd`` another program has the processor half of the time.
    """

    CRASH = "crash"
    SEGFAULT = "segfault"
    HANG = "hang"
    ERROR = "error"
    STICKY = "sticky"
    OOM = "oom"
    LEAK = "leak"
    THROTTLE = "throttle"
    CROWD = "crowd"


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
        return _match(self.knobs, knobs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedSlowdown:
    """A change that makes all configurations whose knobs have these values slower.

    Attributes:
        ratio: How much longer it takes (0.05 = 5 %).
        stage: The stage that takes longer; None for the whole call.
        knobs: Values that a configuration must have to meet with it.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    ratio: Annotated[float, Field(gt=-1)]
    stage: str | None = None
    knobs: Mapping[str, JsonValue] = field(default_factory=dict)

    def concerns(self, knobs: Mapping[str, JsonValue]) -> bool:
        """Whether a configuration with these knobs meets with it."""
        return _match(self.knobs, knobs)


def _match(wanted: Mapping[str, JsonValue], knobs: Mapping[str, JsonValue]) -> bool:
    return all(knobs.get(name) == value for name, value in wanted.items())


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
        noise_ratio: Standard deviation of a call's log duration, the same in each worker.
        noise: What varies from worker to worker and with the machine, beside that.
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
        slowdowns: Configurations that take longer; all that match count.
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
    noise: Noise = field(default_factory=Noise)
    half_precision_speedup: Annotated[float, Field(gt=0)] = 1.9
    weights_bytes: int = 3 * GIB
    activation_bytes: int = 900 * MIB
    slicing_activation_ratio: float = 0.7
    vae_activation_bytes: int = 0
    power_watts: float | None = None
    context_bytes: int | None = None
    other_process_bytes: int = 0
    faults: tuple[ScriptedFault, ...] = ()
    slowdowns: tuple[ScriptedSlowdown, ...] = ()


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
