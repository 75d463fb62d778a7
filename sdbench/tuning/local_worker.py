"""A worker in the caller's own process, for a pipeline that is loaded there.

It is the same worker, asked by the same controller in the same messages; what differs is that it
loads nothing, runs when its answer is waited for, and cannot be ended from outside: a call that
hangs, hangs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from sdbench.devices.base import Device
from sdbench.devices.select import select_device
from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Cost, LoadKnob, Unsupported
from sdbench.knobs.registry import KNOBS
from sdbench.pipelines.diffusers_pipeline import DiffusersPipeline
from sdbench.results.record import Status
from sdbench.run.messages import (
    COMMANDS,
    EVENTS,
    Command,
    Declined,
    Draw,
    Drawn,
    Event,
    Finished,
    Ready,
    Refused,
    Start,
)
from sdbench.run.worker import Worker
from sdbench.run.worker_pipeline import Spent
from sdbench.suite.load import suite_from_json
from sdbench.suite.model import Inputs, Suite
from sdbench.tuning.as_given import AsGiven
from sdbench.tuning.given import Given

IN_PROCESS = "in_process"
"""In the fingerprint of a run that was measured in the caller's process: other tensors, threads and
libraries of that process are there too."""


class LocalLauncher:
    """Starts workers that all use the caller's pipeline.

    Args:
        pipe: The pipeline.
        told: What it is.
        as_given: What it is to be before each worker begins.
    """

    def __init__(self, pipe: Any, told: Given, as_given: AsGiven) -> None:
        self._pipe = pipe
        self._given = told
        self._as_given = as_given
        self._device = torch.device(told.torch_device)
        self._fraction = (
            torch.cuda.get_per_process_memory_fraction(self._device)
            if self._device.type == "cuda"
            else None
        )

    def start(self, name: str, log: Path) -> LocalWorker:
        """A new worker; ``log`` stays empty, what libraries print goes where it always does."""
        log.touch()
        return LocalWorker(name, self._pipe, self._given, self._as_given)

    def close(self) -> None:
        """Gives CUDA's allocator the limit back that it had."""
        if self._fraction is not None:
            torch.cuda.set_per_process_memory_fraction(self._fraction, self._device)


class LocalWorker:
    """See `sdbench.run.worker_process.RunningWorker`."""

    def __init__(self, name: str, pipe: Any, told: Given, as_given: AsGiven) -> None:
        self.name = name
        self._pipe = pipe
        self._given = told
        self._as_given = as_given
        self._worker: Worker | None = None
        self._suite: Suite | None = None
        self._command: Command | None = None

    def send(self, command: Command) -> None:
        """Takes a command, as it would arrive elsewhere."""
        self._command = COMMANDS.validate_json(COMMANDS.dump_json(command))

    def receive(self, timeout_s: float) -> Event | None:
        """Does what it was told, however long it takes, and gives the answer."""
        command, self._command = self._command, None
        assert command is not None
        return EVENTS.validate_json(EVENTS.dump_json(self._answer(command)))

    def kill(self) -> None:
        """Lets go of what it had; the pipeline stays the caller's."""
        self._worker = None

    def _answer(self, command: Command) -> Event:
        if isinstance(command, Start):
            return self._begin(command)
        assert self._worker is not None and self._suite is not None
        try:
            if isinstance(command, Draw):
                return self._draw(command, self._worker, self._suite)
            finished = self._worker.answer(command)
        except Spent as spent:
            return Declined(reason=str(spent))
        assert isinstance(finished, Finished)
        return self._remarked(finished, self._suite)

    def _begin(self, start: Start) -> Ready | Refused:
        self._suite = suite_from_json(start.suite)
        self._as_given.restore()
        try:
            device: Device = select_device(self._given.torch_device)
            loader = _GivenLoader(self._pipe, self._given, self._suite.inputs, self._as_given)
            self._worker = Worker(start, lambda phase: None, (device, loader))
        except SdbenchError as error:
            return Refused(reason=str(error))
        ready = self._worker.ready()
        return replace(ready, fingerprint={**ready.fingerprint, IN_PROCESS: True})

    def _draw(self, command: Draw, worker: Worker, suite: Suite) -> Drawn:
        """What is to be drawn in fp32 is drawn in the pipeline's own data type.

        The reference says so in a remark. The twin would be what it is compared with, so there is
        none.
        """
        own = self._given.knobs
        asked = {**command.knobs, "compile": own["compile"]}
        if asked["offload"] == "none":
            asked["offload"] = own["offload"]
        if asked["dtype"] != own["dtype"]:
            if not _is_reference(command, suite):
                reason = f"the pipeline was loaded as {own['dtype']}, so there is none in fp32"
                return Drawn(status=Status.UNSUPPORTED, reason=reason)
            asked["dtype"] = own["dtype"]
        return worker.draw(replace(command, knobs=asked))

    def _remarked(self, finished: Finished, suite: Suite) -> Finished:
        dtype = self._given.knobs["dtype"]
        if suite.fidelity is None or dtype == "fp32":
            return finished
        remark = f"the reference was drawn in {dtype}, as the pipeline was loaded"
        record = finished.record
        return replace(finished, record=replace(record, notes=(*record.notes, remark)))


def _is_reference(command: Draw, suite: Suite) -> bool:
    protocol = suite.fidelity
    if protocol is None or command.is_reference:
        return command.is_reference
    counts = (protocol.reference_steps, 2 * protocol.reference_steps)
    is_its_sampler = command.knobs["scheduler"] == protocol.reference_scheduler
    return command.is_shared and is_its_sampler and command.knobs["steps"] in counts


class _GivenLoader:
    """Hands out the caller's pipeline, in the state that it was given in."""

    def __init__(self, pipe: Any, told: Given, inputs: Inputs, as_given: AsGiven) -> None:
        self._pipe = pipe
        self._given = told
        self._inputs = inputs
        self._as_given = as_given

    def load(self, knobs: Mapping[str, JsonValue]) -> DiffusersPipeline:
        """The pipeline.

        Raises:
            Unsupported: It would have to be loaded otherwise.
        """
        for name, value in self._given.knobs.items():
            if KNOBS[name].cost is Cost.LOAD and knobs[name] != value:
                raise Unsupported(refusal(name, value))
        self._as_given.restore()
        return DiffusersPipeline(self._pipe, self._inputs, self._given.torch_device)


def refusal(name: str, own: JsonValue) -> str:
    """Why a knob of loading cannot be turned here."""
    assert isinstance(KNOBS[name], LoadKnob)
    return (
        f"{name} is turned while the pipeline is loaded, and the one given has "
        f"{KNOBS[name].text(own)}: measure in workers by in_workers=True"
    )
