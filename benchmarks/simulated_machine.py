"""Jobs and runs on a simulated machine: the real controller, workers in this process.

A job of an hour takes a fraction of a second. All workers of a job share one machine, its clock and
its state; what a process adds is drawn anew for each of them.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sdbench.compare.comparison import Comparison
from sdbench.compare.paired import compare_ab
from sdbench.compare.suspects import wanted
from sdbench.devices.noise import Machine, Noise
from sdbench.devices.script import Script, ScriptedSlowdown
from sdbench.devices.scripted import ScriptedDevice
from sdbench.pipelines.simulated import SimulatedLoader
from sdbench.results.ab import BASELINE, CANDIDATE, CONTROL, AbJob, Installation, read_ab_job
from sdbench.results.record import StopReason
from sdbench.results.store import Run, read_run
from sdbench.run.ab import run_ab
from sdbench.run.ab_order import AbOrder
from sdbench.run.messages import Command, Event, Measure, Ready, Start, Turn, Waiting
from sdbench.run.order import Order
from sdbench.run.session import run_suite
from sdbench.run.worker import Worker
from sdbench.suite.configuration import Configuration
from sdbench.suite.gates import Gates
from sdbench.suite.model import Protocol, Suite

START_S = 4.0
"""Seconds of a process's imports, which the machine's state drifts by."""

SCRIPT = Script(
    load_s=3.0,
    text_encoding_s=0.05,
    denoiser_s=0.8,
    scheduler_step_s=0.01,
    vae_decode_s=0.1,
    other_s=0.04,
    noise_ratio=0.0,
)
"""A call of one step takes a second."""

PROTOCOL = Protocol(
    warmup=1, max_warmup=1, min_samples=6, max_samples=6, default=False, confirm_rounds=0
)

NOISES = {
    "quiet GPU": Noise(
        process_ratio=0.002,
        round_ratio=0.002,
        iteration_ratio=0.003,
        drift_ratio=0.003,
        drift_time_s=300.0,
        ramp_ratio=0.01,
        spike_share=0.03,
        spike_ratio=0.05,
    ),
    "shared CI": Noise(
        process_ratio=0.01,
        round_ratio=0.01,
        iteration_ratio=0.015,
        drift_ratio=0.015,
        drift_time_s=120.0,
        ramp_ratio=0.01,
        spike_share=0.03,
        spike_ratio=0.25,
    ),
    "noisy CPU": Noise(
        process_ratio=0.02,
        round_ratio=0.02,
        iteration_ratio=0.03,
        drift_ratio=0.03,
        drift_time_s=60.0,
        ramp_ratio=0.02,
        spike_share=0.03,
        spike_ratio=0.5,
    ),
    "wandering CPU": Noise(
        process_ratio=0.005,
        round_ratio=0.005,
        iteration_ratio=0.06,
        drift_ratio=0.14,
        drift_time_s=60.0,
        ramp_ratio=0.02,
        spike_share=0.03,
        spike_ratio=0.5,
    ),
}
"""Assumed. The last one is made after a virtual machine whose cores were shared: within calls its
times scatter by 6 %, and its mean wanders by 14 %, for some sixty calls at a time."""

WORKERS_TAKE_TURNS = ("quiet GPU",)
"""Where workers one after the other are measured, and not calls of workers alive together."""


def scale(index: int) -> float:
    """The guidance scale of the n-th configuration: a setting that costs no time."""
    return 3 + index / 100


def slowed(ratios: Sequence[float]) -> Script:
    """A script in which the n-th configuration takes longer by the n-th ratio."""
    slowdowns = tuple(
        ScriptedSlowdown(ratio=ratio, knobs={"guidance_scale": scale(index)})
        for index, ratio in enumerate(ratios)
        if ratio
    )
    return replace(SCRIPT, slowdowns=slowdowns)


_READY = Ready(
    device="Simulated machine",
    slug="scripted",
    torch_device="cuda",
    fingerprint={"device": "Simulated machine"},
    environment={},
)


class InProcessWorker:
    """See `sdbench.run.worker_process.RunningWorker`."""

    def __init__(self, name: str, script: Script, machine: Machine) -> None:
        self.name = name
        device = ScriptedDevice(script, machine)
        self._parts = (device, SimulatedLoader(device))
        self._worker: Worker | None = None
        self._command: Command | None = None
        self._turns: queue.SimpleQueue[Turn] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def send(self, command: Command) -> None:
        """Takes a command; of a round no picture is kept, for which a disc would be waited for."""
        if isinstance(command, Turn):
            self._turns.put(command)
            return
        is_round = isinstance(command, Measure)
        self._command = replace(command, images_folder=None) if is_round else command

    def receive(self, timeout_s: float) -> Event | None:
        """Does what it was told, and gives the answer; what waits for its turn does so apart."""
        command, self._command = self._command, None
        if isinstance(command, Start):
            self._worker = Worker(command, lambda phase: None, self._parts, self._await_turn)
            return _READY
        assert self._worker is not None
        if command is not None and not getattr(command, "in_turns", False):
            return self._worker.answer(command)
        if command is not None:
            threading.Thread(target=self._answer, args=(command,), daemon=True).start()
        return self._events.get()

    def _answer(self, command: Command) -> None:
        assert self._worker is not None
        self._events.put(self._worker.answer(command))

    def _await_turn(self, stop_reason: StopReason | None) -> StopReason | None:
        self._events.put(Waiting(stop_reason=stop_reason))
        return self._turns.get().stop_reason

    def kill(self) -> None:
        """Lets go of what it had."""
        self._worker = None


@dataclass(frozen=True)
class InProcessLauncher:
    """Starts workers on a machine that go by a script."""

    script: Script
    machine: Machine

    def start(self, name: str, log: Path) -> InProcessWorker:
        """A new worker."""
        self.machine.advance(START_S)
        return InProcessWorker(name, self.script, self.machine)

    def close(self) -> None:
        """There is nothing to end."""


class Silent:
    """A listener that nobody waits for."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def configurations(count: int) -> list[Configuration]:
    """So many configurations that take the same time."""
    return [
        Configuration.of(
            {"pipeline": {"builtin": "tiny"}, "steps": 1, "guidance_scale": scale(index)}
        )
        for index in range(count)
    ]


def suite(gates: Gates | None = None) -> Suite:
    """A suite without pictures."""
    gates = gates or Gates(picture_psnr_db=None, fidelity=None)
    return Suite(
        name="simulated",
        fixed={"pipeline": {"builtin": "tiny"}, "steps": 1},
        measure=PROTOCOL,
        fidelity=None,
        gates=gates,
    )


def job(
    noise: Noise, ratios: Sequence[float], folder: Path, in_turns: bool
) -> tuple[AbJob, Comparison]:
    """An A/B job whose candidate takes longer by these ratios, a configuration each."""
    machine = Machine(noise)
    scripts: Mapping[str, Script] = {
        BASELINE: SCRIPT,
        CANDIDATE: slowed(ratios),
        CONTROL: SCRIPT,
    }
    launchers = {
        side: InProcessLauncher(replace(script, noise=noise), machine)
        for side, script in scripts.items()
    }
    some = configurations(len(ratios))
    order = AbOrder(
        suite=suite(),
        configurations=some,
        baseline=installation("baseline"),
        candidate=installation("candidate"),
        results=folder,
        control=some[0],
        device="scripted",
        in_turns=in_turns,
    )
    outcome = run_ab(order, launchers, Silent(), wanted)
    assert outcome.stopped is None, outcome.stopped
    measured = read_ab_job(outcome.folder)
    return measured, compare_ab(measured)


def installation(name: str) -> Installation:
    """One side of a job."""
    return Installation(source=name, python="3", packages={}, variables={}, overrides={})


def run(noise: Noise, ratios: Sequence[float], rounds: int, folder: Path) -> Run:
    """A run on a machine that nothing was measured on before."""
    launcher = InProcessLauncher(replace(slowed(ratios), noise=noise), Machine(noise))
    order = Order(
        suite=suite(),
        configurations=configurations(len(ratios)),
        results=folder,
        device="scripted",
        rounds=rounds,
        command_line=("simulated",),
    )
    return read_run(run_suite(order, launcher, Silent()).folder)


def slower(measured: Run, factor: float) -> Run:
    """The run as it would be on a day on which all calls take so many times as long."""
    records = [
        replace(record, samples_s=tuple(factor * one for one in record.samples_s))
        for record in measured.records
    ]
    return replace(measured, records=tuple(records))


def processes(noise: Noise, sides: str, calls: int) -> dict[str, list[list[float]]]:
    """Calls of one worker after the other on one machine, in seconds, by side.

    Args:
        noise: The machine's.
        sides: Whose worker it is, in order: ``ABBA``. All are the same build.
        calls: Timed calls of each.
    """
    machine = Machine(noise)
    protocol = replace(PROTOCOL, min_samples=calls, max_samples=calls)
    start = Start(
        suite=replace(suite(), measure=protocol).to_json(),
        device="scripted",
        trust_remote_code=False,
        name="worker",
        memory_limit_bytes=None,
    )
    command = Measure(knobs=configurations(1)[0].knobs, round=0, images_folder=None)
    found: dict[str, list[list[float]]] = {}
    for side in sides:
        machine.advance(START_S)
        device = ScriptedDevice(replace(SCRIPT, noise=noise), machine)
        worker = Worker(start, lambda phase: None, (device, SimulatedLoader(device)))
        found.setdefault(side, []).append(list(worker.measure(command).samples_s))
    return found
