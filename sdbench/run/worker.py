"""A worker: owns a device and a loaded pipeline, and measures one configuration at a time.

Started as ``python -m sdbench.run.worker``, it speaks over its standard input and output; started
by the fork server, over a socket. Whatever libraries print goes to standard error.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import queue
import signal
import sys
import threading
import traceback
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NoReturn

from sdbench.devices.base import Device
from sdbench.errors import SdbenchError
from sdbench.measure.drawing import draw
from sdbench.measure.round import failure, measure_round
from sdbench.pipelines.base import Loader, Pipeline
from sdbench.results.record import Record, Status
from sdbench.results.store import utc_now
from sdbench.run.drawing_key import drawing_key
from sdbench.run.environment import recorded_variables, versions
from sdbench.run.messages import (
    COMMANDS,
    EVENTS,
    LOADING,
    Command,
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
        worker = Worker(start, lambda phase: say(Phase(name=phase)))
    except SdbenchError as error:
        say(Refused(reason=str(error)))
        return
    say(worker.ready())
    while True:
        command = commands.get()
        if isinstance(command, Draw):
            say(worker.draw(command))
        else:
            assert isinstance(command, Measure)
            say(Finished(record=worker.measure(command)))


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


class Worker:
    """A device, and the pipeline that is loaded on it."""

    def __init__(self, start: Start, on_phase: Any) -> None:
        self._name = start.name
        self._suite = suite_from_json(start.suite)
        self._on_phase = on_phase
        self._device, self._loader = _device_and_loader(start, self._suite)
        self._pipeline: Pipeline | None = None
        self._load_key: str | None = None
        self._load_failure: dict[str, Any] | None = None

    def ready(self) -> Ready:
        """What the controller is told of the device."""
        return Ready(
            device=self._device.label,
            slug=self._device.slug,
            torch_device=self._device.torch_device,
            fingerprint={**self._device.fingerprint(), **versions()},
            environment=recorded_variables(os.environ),
        )

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
        load_s = self._load(configuration)
        if self._load_failure is not None:
            return replace(record, load_s=load_s, **self._load_failure)
        assert self._pipeline is not None
        fields = measure_round(
            self._pipeline,
            configuration,
            self._device,
            self._suite.measure,
            Path(command.images_folder) if command.images_folder else None,
            self._on_phase,
        )
        if changed := self._put_back(fields["status"]):
            fields["notes"] = (f"the pipeline was left changed ({', '.join(changed)}): dropped",)
        return replace(record, load_s=load_s, **fields)

    def draw(self, command: Draw) -> Drawn:
        """The pictures of one configuration, whatever becomes of it."""
        configuration = Configuration(command.knobs)
        self._load(configuration)
        if self._load_failure is not None:
            return Drawn(**self._load_failure)
        assert self._pipeline is not None
        if command.is_reference:
            scheduler = self._pipeline.reference_scheduler()
            configuration = Configuration({**command.knobs, "scheduler": scheduler})
        self._on_phase("drawing")
        drawn = self._draw(self._pipeline, configuration, command)
        self._put_back(drawn.status)
        return drawn

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
            return Drawn(**failure(error, self._device))
        return Drawn(status=Status.OK, path=str(path), scheduler=configuration.knobs["scheduler"])

    def _put_back(self, status: Status) -> list[str]:
        """Frees what a round or a drawing left; a pipeline that it left changed is dropped."""
        gc.collect()
        self._device.clear()
        if status is Status.ERROR:
            self._device.synchronize()  # a device that is lost for good raises, and ends the worker
        assert self._pipeline is not None
        changed = list(self._pipeline.left_changed())
        if changed:
            self._drop()
        return changed

    def _load(self, configuration: Configuration) -> float | None:
        """Loads what the configuration needs; seconds that it took, None where it is loaded."""
        key = load_key(configuration)
        if key == self._load_key:
            return None
        self._drop()
        self._on_phase(LOADING)
        self._load_key = key
        begun_ns = self._device.now_ns()
        try:
            self._pipeline = self._loader.load(configuration.knobs)
            self._device.synchronize()
        except Exception as error:
            self._load_failure = failure(error, self._device)
            self._load_failure["reason"] = f"at load: {self._load_failure['reason']}"
        return (self._device.now_ns() - begun_ns) * 1e-9

    def _drop(self) -> None:
        self._pipeline = self._load_key = self._load_failure = None
        gc.collect()
        self._device.clear()


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
