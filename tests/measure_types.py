"""A device and a pipeline that play a plan and write down what they are asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from PIL import Image

from sdbench.devices.base import DeviceState
from sdbench.devices.script import Script
from sdbench.devices.scripted import ScriptedDevice
from sdbench.pipelines.base import StageObserver
from sdbench.pipelines.failed_stage import stage_of_call
from sdbench.suite.configuration import Configuration

Step = tuple[str | None, float]
"""A stage (None: no stage) and its seconds."""


class LoggingDevice(ScriptedDevice):
    """A scripted device that writes down what it is asked, and tells clocks from a list."""

    def __init__(self, log: list[str]) -> None:
        super().__init__(Script(memory_bytes=1000))
        self.log = log
        self.states: list[DeviceState] = []

    def synchronize(self) -> None:
        self.log.append("synchronize")

    def state(self) -> DeviceState:
        self.log.append("state")
        return self.states.pop(0) if self.states else super().state()

    @contextmanager
    def watch_memory(self, resident: Any) -> Iterator[Any]:
        self.log.append("watch memory")
        with super().watch_memory(resident) as watch:
            yield watch


class PlannedPipeline:
    """A pipeline whose n-th call takes the n-th plan's steps; the last plan repeats.

    Attributes:
        plans: For each call its steps, or the error that it raises.
        compiled: Components that are said to be compiled.
    """

    def __init__(self, device: LoggingDevice) -> None:
        self.device = device
        self.plans: list[Sequence[Step] | Exception] = [[("denoiser", 1.0)]]
        self.compiled: list[str] = []
        self.refuses: Exception | None = None
        self.images_per_call = 1
        self.calls = 0
        self._observer: StageObserver | None = None

    @contextmanager
    def configured(self, configuration: Configuration) -> Iterator[PlannedPipeline]:
        self.device.log.append("configure")
        try:
            yield self
        finally:
            self.device.log.append("put back")

    def left_changed(self) -> Sequence[str]:
        return ()

    def prepare(self) -> None:
        self.device.log.append("prepare")

    def __call__(self) -> Sequence[Any]:
        plan = self.plans[min(self.calls, len(self.plans) - 1)]
        self.calls += 1
        self.device.log.append("call")
        if isinstance(plan, Exception):
            raise plan
        for stage, duration_s in plan:
            with stage_of_call(self._observer, stage) if stage else nullcontext():
                self.device.use_memory({"denoiser": 700, "vae_decode": 900}.get(stage or "", 500))
                self.device.advance(duration_s)
        return [Image.new("RGB", (4, 4), "red")]

    @contextmanager
    def observed(self, observer: StageObserver) -> Iterator[None]:
        self._observer = observer
        try:
            yield
        finally:
            self._observer = None

    def verify(self, images: Sequence[Any]) -> None:
        self.device.log.append("verify")
        if self.refuses is not None:
            raise self.refuses

    def effective(self) -> dict[str, Any]:
        return {"compiled": self.compiled}

    def resident(self) -> Sequence[Any]:
        return ()
