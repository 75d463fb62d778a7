"""A pipeline that a script describes: no torch, no waiting, the same stages and knobs."""

from __future__ import annotations

import ctypes
import math
import os
import random
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from PIL import Image

from sdbench.devices.script import Fault, Moment
from sdbench.devices.scripted import Held, ScriptedDevice
from sdbench.jsontypes import JsonValue
from sdbench.pipelines.base import (
    DENOISER,
    SCHEDULER_STEP,
    TEXT_ENCODING,
    VAE_DECODE,
    Solver,
    StageObserver,
)
from sdbench.pipelines.failed_stage import stage_of_call
from sdbench.results.fidelity import Subject
from sdbench.suite.configuration import Configuration
from sdbench.units import MIB

_DEFAULT_STEPS = 50
_IMAGE_PIXELS = 8
_DRAWN_PIXELS = 16
_ERROR_LEVELS = 60.0
"""Error of a drawn picture at one step, in 8-bit levels."""
_ROUNDING_LEVELS = 0.5
"""What half precision adds to it."""
_LEAKED_BYTES = 64 * MIB
_WEIGHTS_ON_DEVICE = {"none": 1.0, "model": 0.6}
"""Share of the weights that is on the device at once; all other ways of offloading leave little."""
_LEAST_WEIGHTS_ON_DEVICE = 0.1
_EVALUATIONS_PER_STEP = {"heun": 2, "kdpm2": 2, "kdpm2_a": 2, "dpmpp_sde": 2}


class SimulatedLoader:
    """Loads simulated pipelines onto a scripted device."""

    def __init__(self, device: ScriptedDevice) -> None:
        self._device = device

    def load(self, knobs: Mapping[str, JsonValue]) -> SimulatedPipeline:
        """The pipeline; meets with the script's faults at load."""
        weights = self._device.hold(_weights_bytes(self._device, knobs))
        _meet_faults(self._device, knobs, Moment.LOAD, calls=0)
        self._device.advance(self._device.script.load_s)
        return SimulatedPipeline(self._device, weights)


class SimulatedPipeline:
    """A pipeline whose calls move the scripted device's clock and memory.

    Args:
        device: What it runs on.
        weights: The memory of its weights; None where they are loaded by each call.
    """

    def __init__(self, device: ScriptedDevice, weights: Held | None = None) -> None:
        self._device = device
        self._weights = weights

    @contextmanager
    def configured(self, configuration: Configuration) -> Iterator[SimulatedCall]:
        """Gives the call; there is nothing to take back but how a fault slowed it."""
        try:
            yield SimulatedCall(self._device, configuration, self._weights)
        finally:
            self._device.is_throttled = self._device.is_crowded = False

    def content_digest(self) -> str:
        """One for all."""
        return "simulated"

    def reference_scheduler(self) -> JsonValue:
        """As for real ones."""
        return "dpmpp_2m"

    def left_changed(self) -> Sequence[str]:
        """Nothing ever is."""
        return ()

    def resident(self) -> Iterable[Any]:
        """No tensors."""
        return ()


class SimulatedCall:
    """One call; see `sdbench.pipelines.base.Call`."""

    def __init__(
        self, device: ScriptedDevice, configuration: Configuration, weights: Held | None
    ) -> None:
        self._device = device
        self._weights = weights
        self._knobs = configuration.knobs
        self._observer: StageObserver | None = None
        self._noise = random.Random(configuration.key)
        self._worker_log = device.process_log + device.machine.round_log()
        self._slowed: dict[str | None, float] = {}
        for one in device.script.slowdowns:
            if one.concerns(self._knobs):
                self._slowed[one.stage] = self._slowed.get(one.stage, 1.0) * (1 + one.ratio)
        self._calls = 0
        self.images_per_call = int(configuration.knobs["batch_size"])  # type: ignore[arg-type]

    def prepare(self) -> None:
        """There is nothing to seed."""

    def __call__(self) -> Sequence[Any]:
        """Plays the script for one call, and returns flat images."""
        _meet_faults(self._device, self._knobs, Moment.CALL, self._calls)
        images = self._play()
        self._calls += 1
        return images

    def _play(self) -> Sequence[Any]:
        script, batch = self._device.script, self.images_per_call
        is_half = self._knobs["dtype"] != "fp32"
        speedup = script.half_precision_speedup if is_half else 1.0
        factor = self._noise.lognormvariate(0, script.noise_ratio) / speedup
        factor *= math.exp(self._worker_log + self._device.machine.call_log())
        factor *= self._slowed.get(None, 1.0)
        sliced = self._knobs["attention_slicing"] != "off"
        activations = script.activation_bytes * batch / (2 if is_half else 1)
        activations *= script.slicing_activation_ratio if sliced else 1.0
        weights = self._weights or self._device.hold(_weights_bytes(self._device, self._knobs))
        self._stage(TEXT_ENCODING, script.text_encoding_s * factor)
        for _ in range(self._evaluations()):
            self._stage(DENOISER, script.denoiser_s * batch * factor, round(activations))
            self._stage(SCHEDULER_STEP, script.scheduler_step_s * factor)
        decoded_at_once = 1 if self._knobs["vae_slicing"] == "on" else batch
        decoding = script.vae_activation_bytes * decoded_at_once // (2 if is_half else 1)
        self._stage(VAE_DECODE, script.vae_decode_s * batch * factor, decoding)
        self._device.advance(script.other_s * factor)
        del weights
        return [Image.new("RGB", (_IMAGE_PIXELS, _IMAGE_PIXELS))] * batch

    def _evaluations(self) -> int:
        return _EVALUATIONS_PER_STEP.get(str(self._knobs["scheduler"]), 1) * self._steps

    @property
    def _steps(self) -> int:
        steps = self._knobs["steps"] or _DEFAULT_STEPS
        assert isinstance(steps, int)
        return steps

    def _stage(self, stage: str, duration_s: float, activation_bytes: int = 0) -> None:
        with stage_of_call(self._observer, stage):
            activations = self._device.hold(activation_bytes)
            _meet_faults(self._device, self._knobs, Moment.CALL, self._calls, stage)
            self._device.advance(duration_s * self._slowed.get(stage, 1.0))
            del activations

    @contextmanager
    def observed(self, observer: StageObserver) -> Iterator[None]:
        """While entered, ``observer`` is told of every stage."""
        self._observer = observer
        try:
            yield
        finally:
            self._observer = None

    def verify(self, images: Sequence[Any]) -> None:
        """Every setting takes effect in a simulation."""

    def effective(self) -> dict[str, Any]:
        """The simulated pipeline's class."""
        return {"pipeline_class": type(self).__name__}

    def draw(self, subjects: Sequence[Subject]) -> Sequence[tuple[Any, Any]]:
        """Pictures of the prompts and seeds, with an error that falls with the steps."""
        return [(self._drawn(one), None) for one in subjects]

    def _drawn(self, subject: Subject) -> Any:
        self()
        is_half = self._knobs["dtype"] != "fp32"
        error = _ERROR_LEVELS / self._steps + (_ROUNDING_LEVELS if is_half else 0)
        levels = random.Random(f"{subject.prompt} {subject.seed}")
        noise = random.Random(f"{self._knobs['scheduler']} {subject.seed}")
        drawn = bytes(
            min(255, max(0, round(levels.uniform(0, 255) + noise.gauss(0, error))))
            for _ in range(3 * _DRAWN_PIXELS**2)
        )
        return Image.frombytes("RGB", (_DRAWN_PIXELS, _DRAWN_PIXELS), drawn)

    def solver(self) -> Solver:
        """An ideal one; ancestral and SDE samplers are told by their names."""
        name = str(self._knobs["scheduler"])
        is_random = name.endswith("_a") or "sde" in name or name == "ddpm"
        return Solver(
            scheduler=name,
            first_timestep=999.0,
            train_timesteps=1000,
            denoiser_evaluations=self._evaluations(),
            randomness=f"{name} adds noise of its own in each step" if is_random else None,
        )

    def resident(self) -> Iterable[Any]:
        """No tensors."""
        return ()


def _weights_bytes(device: ScriptedDevice, knobs: Mapping[str, JsonValue]) -> int:
    share = _WEIGHTS_ON_DEVICE.get(str(knobs.get("offload", "none")), _LEAST_WEIGHTS_ON_DEVICE)
    is_half = knobs.get("dtype", "fp32") != "fp32"
    return round(share * device.script.weights_bytes) // (2 if is_half else 1)


def _meet_faults(
    device: ScriptedDevice,
    knobs: Mapping[str, JsonValue],
    at: Moment,
    calls: int,
    stage: str | None = None,
) -> None:
    for scripted in device.script.faults:
        is_now = scripted.at is at and scripted.stage == stage and calls >= scripted.after_calls
        if not is_now or not scripted.concerns(knobs):
            continue
        match scripted.fault:
            case Fault.CRASH:
                os.kill(os.getpid(), signal.SIGKILL)
            case Fault.SEGFAULT:
                ctypes.string_at(0)
            case Fault.HANG:
                threading.Event().wait()
            case Fault.ERROR:
                raise RuntimeError("the script says so")
            case Fault.STICKY:
                raise device.lose()
            case Fault.OOM:
                raise device.out_of_memory(device.script.memory_bytes)
            case Fault.LEAK:
                device.leak(_LEAKED_BYTES)
                raise device.out_of_memory(device.script.memory_bytes)
            case Fault.THROTTLE:
                device.is_throttled = True
            case Fault.CROWD:
                device.is_crowded = True
        return
