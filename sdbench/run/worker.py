"""A worker: owns a device and a loaded pipeline, and measures one configuration at a time.

Started as ``python -m sdbench.run.worker``, it speaks over its standard input and output; started
by the fork server, over a socket. Whatever libraries print goes to standard error.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NoReturn

from sdbench.devices.base import Device
from sdbench.devices.host_memory import resident_bytes
from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.measure.drawing import draw
from sdbench.measure.loading import load_measured
from sdbench.measure.out_of_memory import first_line
from sdbench.measure.recovery import CARRIED_OVER_BYTES, clear, excess_bytes, let_go
from sdbench.measure.round import failure, measure_round
from sdbench.pipelines.base import Loader, Pipeline
from sdbench.results.figure import Figure
from sdbench.results.record import Record, Status
from sdbench.results.store import MEMORY_LIMIT, utc_now
from sdbench.run.drawing_key import drawing_key
from sdbench.run.environment import recorded_variables, versions
from sdbench.run.messages import (
    COMMANDS,
    DRAWING,
    EVENTS,
    LOADING,
    Command,
    Declined,
    Draw,
    Drawn,
    Event,
    Finished,
    Measure,
    Phase,
    Ready,
    Refused,
    Start,
)
from sdbench.run.plan import load_key
from sdbench.suite.configuration import Configuration
from sdbench.suite.load import suite_from_json
from sdbench.suite.model import Suite
from sdbench.units import format_bytes

_FAILURES = (Status.OOM, Status.ERROR)
"""After these, memory and the device are looked at before the next configuration."""

_LOADED_BEFORE = Figure.absent("the pipeline was loaded before this round")

_CANNOT_TELL = 70
"""Exit code when the controller is gone (EX_SOFTWARE is the nearest that sysexits has)."""


def serve(reader: IO[bytes], writer: IO[bytes]) -> None:
    """Answers the controller's commands until there are no more."""
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    commands = _read_in_background(reader)

    def say(event: Event) -> None:
        try:
            writer.write(EVENTS.dump_json(event) + b"\n")
            writer.flush()
        except BrokenPipeError:
            os._exit(_CANNOT_TELL)

    start = commands.get()
    assert isinstance(start, Start)
    try:
        worker = Worker(start, lambda name: say(Phase(name=name, rss_bytes=resident_bytes())))
    except SdbenchError as error:
        say(Refused(reason=str(error)))
        return
    say(worker.ready())
    while True:
        try:
            say(worker.answer(commands.get()))
        except Spent as spent:
            say(Declined(reason=str(spent)))


def _read_in_background(reader: IO[bytes]) -> queue.SimpleQueue[Command]:
    """Commands as they come.

    The end of input, also in the middle of a round, ends the worker: a controller that was killed
    leaves no worker behind.
    """
    commands: queue.SimpleQueue[Command] = queue.SimpleQueue()

    def read() -> None:
        for line in reader:
            commands.put(COMMANDS.validate_json(line))
        os._exit(0)

    threading.Thread(target=read, name="commands", daemon=True).start()
    return commands


class Spent(Exception):
    """The worker must not be used again, and has not begun with what it was asked for."""


class Worker:
    """A device, and the pipeline that is loaded on it.

    Attributes:
        is_spent: Whether it must not be used again: its device is in error for as long as the
            process lives, or memory did not come back.
    """

    def __init__(self, start: Start, on_phase: Any) -> None:
        self._name = start.name
        self._suite = suite_from_json(start.suite)
        self._on_phase = on_phase
        self._device, self._loader = _device_and_loader(start, self._suite)
        self._pipeline: Pipeline | None = None
        self._load_key: str | None = None
        self._load_failure: dict[str, Any] | None = None
        self._limit_bytes = start.memory_limit_bytes
        self._limit_facts: Mapping[str, JsonValue] = {}
        if self._limit_bytes is not None:
            self._limit_facts = self._device.limit_memory(self._limit_bytes)
        self._empty_bytes = self._device.allocated_bytes()
        self._loaded_bytes = self._empty_bytes
        self.is_spent = False

    def ready(self) -> Ready:
        """What the controller is told of the device."""
        return Ready(
            device=self._device.label,
            slug=self._device.slug,
            torch_device=self._device.torch_device,
            fingerprint={**self._device.fingerprint(), **versions(), **self._limit()},
            environment={**recorded_variables(os.environ), **self._limit_facts},
        )

    def answer(self, command: Command) -> Finished | Drawn:
        """What a command asks for.

        Raises:
            Spent: Another worker is to be asked.
        """
        if isinstance(command, Draw):
            return self.draw(command)
        assert isinstance(command, Measure)
        record = self.measure(command)
        return Finished(record=record, is_spent=self.is_spent)

    def _limit(self) -> dict[str, JsonValue]:
        """The memory limit as a part of the fingerprint; nothing where there is none."""
        return {} if self._limit_bytes is None else {MEMORY_LIMIT: self._limit_bytes}

    def measure(self, command: Measure) -> Record:
        """One round, whatever becomes of it."""
        configuration = Configuration(command.knobs)
        record = Record(
            key=configuration.key,
            knobs=command.knobs,
            round=command.round,
            worker=self._name,
            started_at=utc_now(),
            status=Status.ERROR,
        )
        loading = self._load(configuration)
        if self._load_failure is not None:
            notes = self._recover() if "load_s" in loading else []
            load_s = loading.get("load_s")
            return replace(record, load_s=load_s, **self._load_failure, notes=tuple(notes))
        assert self._pipeline is not None
        fields = measure_round(
            self._pipeline,
            configuration,
            self._device,
            self._suite.measure,
            Path(command.images_folder) if command.images_folder else None,
            self._on_phase,
        )
        fields["notes"] = (*fields.get("notes", ()), *self._put_back(fields["status"]))
        return replace(record, **loading, **fields)

    def draw(self, command: Draw) -> Drawn:
        """The pictures of one configuration, whatever becomes of it."""
        configuration = Configuration(command.knobs)
        loading = self._load(configuration)
        if self._load_failure is not None:
            if "load_s" in loading:
                self._recover()
            return self._not_drawn(self._load_failure)
        assert self._pipeline is not None
        if command.is_reference:
            scheduler = self._pipeline.reference_scheduler()
            configuration = Configuration({**command.knobs, "scheduler": scheduler})
        self._on_phase(DRAWING)
        drawn = self._draw(self._pipeline, configuration, command)
        self._put_back(drawn.status)
        return replace(drawn, is_spent=self.is_spent)

    def _not_drawn(self, failed: Mapping[str, Any]) -> Drawn:
        return Drawn(status=failed["status"], reason=failed["reason"], is_spent=self.is_spent)

    def _draw(self, pipeline: Pipeline, configuration: Configuration, command: Draw) -> Drawn:
        name = configuration.key
        try:
            if command.is_shared:
                name = drawing_key(pipeline, configuration, command.subjects, self._suite.inputs)
            path = Path(command.folder) / f"{name}.npz"
            if not (command.is_shared and path.exists()):
                with pipeline.configured(configuration) as call:
                    drawing = draw(call, command.subjects)
                path.parent.mkdir(parents=True, exist_ok=True)
                drawing.save(path)
        except Exception as error:
            return self._not_drawn(failure(error, self._device, DRAWING))
        return Drawn(status=Status.OK, path=str(path), scheduler=configuration.knobs["scheduler"])

    def _put_back(self, status: Status) -> list[str]:
        """Frees what a round or a drawing left; a pipeline that it left changed is dropped.

        Returns:
            Remarks on what was not as it should be.
        """
        if status in _FAILURES:
            notes = self._recover()
        else:
            notes = []
            clear(self._device)
        if self._pipeline is None or self.is_spent:
            return notes
        changed = list(self._pipeline.left_changed())
        if changed:
            self._drop()
            notes.append(f"the pipeline was left changed ({', '.join(changed)}): dropped")
        return notes

    def _recover(self) -> list[str]:
        """Makes sure, after a failure, that the next configuration finds what it should.

        A device in error for good raises whatever it is asked for. Memory is compared with what it
        was after loading; if some did not come back, the pipeline is dropped, and compared again.
        A worker that is in order neither way is spent.

        Returns:
            Remarks on what was not in order.
        """
        try:
            return self._recovered()
        except Exception as error:
            let_go(error)
            self.is_spent = True
            return [f"the device answers no more ({first_line(error)}): a new worker goes on"]

    def _recovered(self) -> list[str]:
        clear(self._device)
        self._device.synchronize()
        baseline_bytes = self._empty_bytes if self._pipeline is None else self._loaded_bytes
        excess = excess_bytes(self._device, baseline_bytes)
        if not excess:
            return []
        held = f"{format_bytes(excess)} stayed in use after the failure"
        if self._pipeline is not None:
            self._drop()
            excess = excess_bytes(self._device, self._empty_bytes)
            if not excess:
                return [f"{held}: the pipeline was dropped, and they came back"]
        self.is_spent = True
        return [f"{held}, and did not come back: a new worker goes on"]

    def _load(self, configuration: Configuration) -> dict[str, Any]:
        """Loads what the configuration needs.

        Returns:
            Fields of a record: how long it took, and its peak of memory.

        Raises:
            Spent: The pipeline before is gone, and its memory did not come back.
        """
        key = load_key(configuration)
        if key == self._load_key:
            return {"load_peak_allocated_bytes": _LOADED_BEFORE}
        if self._load_key is not None:
            self._drop()
            excess = excess_bytes(self._device, self._empty_bytes, CARRIED_OVER_BYTES)
            if excess:
                raise Spent(f"{format_bytes(excess)} stayed in use after another pipeline was gone")
        self._on_phase(LOADING)
        self._load_key = key
        fields: dict[str, Any] = {}
        begun_ns = self._device.now_ns()
        try:
            self._pipeline, peak = load_measured(self._loader, configuration.knobs, self._device)
            fields["load_peak_allocated_bytes"] = peak
        except Exception as error:
            self._load_failure = failure(error, self._device, LOADING)
            if self._load_failure["status"] is not Status.OOM:
                self._load_failure["reason"] = f"at load: {self._load_failure['reason']}"
        fields["load_s"] = (self._device.now_ns() - begun_ns) * 1e-9
        if self._load_failure is None:
            self._loaded_bytes = self._device.allocated_bytes()
        return fields

    def _drop(self) -> None:
        self._pipeline = self._load_key = self._load_failure = None
        clear(self._device)


def _device_and_loader(start: Start, suite: Suite) -> tuple[Device, Loader]:
    """The device and what loads pipelines onto it; imports torch only where it is needed."""
    if start.device == "scripted" or start.device.startswith("scripted:"):
        from sdbench.devices.scripted import ScriptedDevice, read_script
        from sdbench.pipelines.simulated import SimulatedLoader

        _, _, path = start.device.partition(":")
        scripted = ScriptedDevice(read_script(Path(path) if path else None))
        return scripted, SimulatedLoader(scripted)
    from sdbench.devices.select import select_device
    from sdbench.pipelines.load import DiffusersLoader

    device = select_device(start.device)
    loader: Loader = DiffusersLoader(suite.inputs, device.torch_device, start.trust_remote_code)
    return device, loader


def main() -> None:
    """Serves over standard input and output, and keeps libraries' prints out of the latter.

    The process ends at once afterwards: what libraries do at exit may hang with a broken device.
    """
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    run_to_the_end(reader, writer)


def run_to_the_end(reader: IO[bytes], writer: IO[bytes]) -> NoReturn:
    """Serves, and ends the process; an exception is the last thing in its log."""
    try:
        serve(reader, writer)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
