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
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NoReturn

from sdbench.devices.base import Device
from sdbench.devices.host_memory import resident_bytes
from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.measure.drawing import MOST_AT_ONCE, draw
from sdbench.measure.recovery import clear, let_go
from sdbench.measure.round import failure, measure_round
from sdbench.measure.turns import AwaitTurn
from sdbench.pipelines.base import Loader, Pipeline
from sdbench.results.record import Record, Status, StopReason
from sdbench.results.store import MEMORY_LIMIT, utc_now
from sdbench.run.drawing_key import drawing_key
from sdbench.run.environment import recorded_variables, versions
from sdbench.run.messages import (
    COMMANDS,
    DRAWING,
    EVENTS,
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
    Turn,
    Waiting,
)
from sdbench.run.worker_pipeline import Spent, WorkerPipeline
from sdbench.suite.configuration import Configuration
from sdbench.suite.load import suite_from_json
from sdbench.suite.located import located_knobs
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

    def await_turn(stop_reason: StopReason | None) -> StopReason | None:
        say(Waiting(stop_reason=stop_reason))
        turn = commands.get()
        assert isinstance(turn, Turn)
        return turn.stop_reason

    start = commands.get()
    assert isinstance(start, Start)
    try:
        worker = Worker(
            start,
            lambda name: say(Phase(name=name, rss_bytes=resident_bytes())),
            await_turn=await_turn,
        )
    except SdbenchError as error:
        say(Refused(reason=str(error)))
        return
    say(worker.ready())
    gc.collect()
    gc.freeze()  # what is imported stays: no later collection need look through it
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


class Worker:
    """A device, and what is measured and drawn on it.

    Args:
        start: What it works for.
        on_phase: Told what begins, outside of timed windows.
        parts: Its device and what loads pipelines onto it, in place of those that ``start`` names.
        await_turn: Waits for its turn to take a timed call; None where it is never asked to.
    """

    def __init__(
        self,
        start: Start,
        on_phase: Callable[[str], None],
        parts: tuple[Device, Loader] | None = None,
        await_turn: AwaitTurn | None = None,
    ) -> None:
        self._name = start.name
        self._suite = suite_from_json(start.suite)
        self._on_phase = on_phase
        self._await_turn = await_turn
        self._device, loader = parts or _device_and_loader(start, self._suite)
        self._limit_bytes = start.memory_limit_bytes
        self._limit_facts: Mapping[str, JsonValue] = {}
        if self._limit_bytes is not None:
            self._limit_facts = self._device.limit_memory(self._limit_bytes)
        self._folder = Path(start.folder) if start.folder else None
        self._loaded = WorkerPipeline(loader, self._device, on_phase, self._folder)

    @property
    def is_spent(self) -> bool:
        """Whether it must not be used again."""
        return self._loaded.is_spent

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
        loading = self._loaded.load(configuration)
        if self._loaded.failure is not None:
            return replace(record, **loading, **self._loaded.failure)
        assert self._loaded.pipeline is not None
        fields = measure_round(
            self._loaded.pipeline,
            configuration,
            self._device,
            self._suite.measure,
            Path(command.images_folder) if command.images_folder else None,
            self._on_phase,
            self._await_turn if command.in_turns else None,
        )
        fields["notes"] = (*fields.get("notes", ()), *self._loaded.put_back(fields["status"]))
        return replace(record, **loading, **fields)

    def draw(self, command: Draw) -> Drawn:
        """The pictures of one configuration, whatever becomes of it."""
        configuration = Configuration(command.knobs)
        self._loaded.load(configuration)
        if self._loaded.failure is not None:
            return self._not_drawn(self._loaded.failure)
        assert self._loaded.pipeline is not None
        if command.is_reference:
            scheduler = self._loaded.pipeline.reference_scheduler()
            configuration = Configuration({**command.knobs, "scheduler": scheduler})
        self._on_phase(DRAWING)
        is_refused = False

        def refused(error: Exception) -> None:
            """A pass of several pictures failed, and they are drawn one by one."""
            nonlocal is_refused
            is_refused = True
            traceback.print_exception(error)
            let_go(error)
            clear(self._device)

        drawn = self._draw(self._loaded.pipeline, configuration, command, refused)
        self._loaded.put_back(Status.ERROR if is_refused else drawn.status)
        return replace(drawn, is_spent=self.is_spent)

    def _not_drawn(self, failed: Mapping[str, Any]) -> Drawn:
        return Drawn(status=failed["status"], reason=failed["reason"], is_spent=self.is_spent)

    def _draw(
        self,
        pipeline: Pipeline,
        configuration: Configuration,
        command: Draw,
        refused: Callable[[Exception], None],
    ) -> Drawn:
        name = configuration.key
        is_compiled = configuration.knobs["compile"] != "off"  # each number of pictures by itself
        try:
            if command.is_shared:
                located = Configuration(located_knobs(configuration.knobs, self._folder))
                name = drawing_key(pipeline, located, command.subjects, self._suite.inputs)
            path = Path(command.folder) / f"{name}.npz"
            if not (command.is_shared and path.exists()):
                with pipeline.configured(configuration) as call:
                    most = 1 if is_compiled else MOST_AT_ONCE
                    drawing = draw(call, command.subjects, most, refused)
                path.parent.mkdir(parents=True, exist_ok=True)
                drawing.save(path)
        except Exception as error:
            return self._not_drawn(failure(error, self._device, DRAWING))
        return Drawn(status=Status.OK, path=str(path), scheduler=configuration.knobs["scheduler"])


def _device_and_loader(start: Start, suite: Suite) -> tuple[Device, Loader]:
    """The device and what loads pipelines onto it; imports torch only where it is needed."""
    if start.device == "scripted" or start.device.startswith("scripted:"):
        from sdbench.devices.script import read_script
        from sdbench.devices.scripted import ScriptedDevice
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
