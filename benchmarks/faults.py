"""What faults cost: each injected many times in one sweep, through real worker processes.

    python benchmarks/faults.py [--times 20]

The device is scripted, the faults are real where they can be: kills, segmentation faults, hangs.
Each fault meets one configuration; the next one of the same pipeline is to be measured as if
nothing had happened. Exit code 1 where a record is lost, a status is not the expected one, another
configuration failed, a worker is left behind, or memory did not come back.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdbench.results.record import Record, Status
from sdbench.results.store import read_run
from sdbench.run.environment import worker_environment
from sdbench.run.fork_launch import ForkServerLauncher
from sdbench.run.order import Order
from sdbench.run.session import run_suite
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Protocol, Suite
from sdbench.units import GIB, MIB

IMPORTED_ONCE = ("sdbench.run.worker", "sdbench.devices.scripted", "sdbench.pipelines.simulated")
"""What a worker with a scripted device needs: no torch, so that it starts at once."""

PROTOCOL = Protocol(
    warmup=1, max_warmup=1, min_samples=2, max_samples=2, timeout_s=2.0, load_timeout_s=2.0
)
"""The clock of what is measured is simulated. The timeout is real: only a hang meets with it."""

WEIGHTS_BYTES = 3 * GIB
ACTIVATION_BYTES = 900 * MIB
HEALTHY_PEAK_BYTES = WEIGHTS_BYTES + ACTIVATION_BYTES


@dataclass(frozen=True, eq=False)
class Case:
    """A fault, and what is to become of the configuration that meets with it.

    Attributes:
        name: Word for it.
        script: What of a script's fault it is, without its knobs.
        expected: The status of the record.
        words: What its reason says.
        victims: Configurations in a row that meet with it.
        is_in_place: Whether the same worker goes on.
    """

    name: str
    script: Mapping[str, Any]
    expected: Status
    words: str
    victims: int = 1
    is_in_place: bool = True


def _in_call(after_calls: int, stage: str) -> dict[str, Any]:
    """Memory that runs out in a stage of the n-th call (0 the first, 1 the memory pass, ...)."""
    return {"fault": "oom", "after_calls": after_calls, "stage": stage}


OOM, ERROR, TIMEOUT = Status.OOM, Status.ERROR, Status.TIMEOUT
CASES = (
    Case("OOM at load", {"fault": "oom", "at": "load"}, OOM, "while loading"),
    Case("OOM in the first call", {"fault": "oom"}, OOM, "in other (first call)"),
    Case("OOM in the memory pass", _in_call(1, "denoiser"), OOM, "in denoiser (memory pass)"),
    Case("OOM in warm-up", _in_call(2, "denoiser"), OOM, "in denoiser (warm-up)"),
    Case("OOM in a timed call", _in_call(3, "denoiser"), OOM, "in denoiser (timed call)"),
    Case("OOM in the VAE decode", _in_call(1, "vae_decode"), OOM, "in vae_decode (memory pass)"),
    Case("OOM twice in a row", _in_call(0, "denoiser"), OOM, "in denoiser (first call)", 2),
    Case("OOM that leaks", {"fault": "leak"}, OOM, "in other (first call)", is_in_place=False),
    Case("sticky device error", {"fault": "sticky"}, ERROR, "device-side assert", 1, False),
    Case("SIGKILL", {"fault": "crash"}, ERROR, "was killed (SIGKILL)", 1, False),
    Case("SIGKILL at load", {"fault": "crash", "at": "load"}, ERROR, "phase: loading", 1, False),
    Case("segmentation fault", {"fault": "segfault"}, ERROR, "segmentation fault", 1, False),
    Case("hang", {"fault": "hang"}, TIMEOUT, "no end within", 1, False),
)


@dataclass(frozen=True)
class Injection:
    """Configurations that meet with a fault, and the one after them that does not."""

    case: Case
    victims: tuple[Configuration, ...]
    healthy: Configuration

    @classmethod
    def of(cls, case: Case, number: int) -> Injection:
        """The n-th of a case: on a pipeline of its own, so that each loads anew."""
        words = case.name.lower().replace(" ", "-")
        pipeline = {"id": f"faults/{words}-{number}"}
        others = pipeline if case.script.get("at") != "load" else {"id": f"{pipeline['id']}-next"}
        steps = range(1, 1 + case.victims)
        return cls(
            case,
            tuple(Configuration.of({"pipeline": pipeline, "steps": count}) for count in steps),
            Configuration.of({"pipeline": others, "steps": 1 + case.victims}),
        )

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """All of them, in order."""
        return (*self.victims, self.healthy)

    @property
    def faults(self) -> list[dict[str, Any]]:
        """What a script says of them."""
        knobs = [
            {name: each.knobs[name] for name in ("pipeline", "steps")} for each in self.victims
        ]
        return [{**self.case.script, "knobs": values} for values in knobs]


@dataclass
class Row:
    """What became of one fault's injections.

    Attributes:
        injected: Configurations that met with it.
        as_expected: Of their records, those with the expected status and reason.
        lost: Configurations without a record, or with more than one.
        others_failed: Configurations after them that did not end ok.
        new_workers: Of these, those that got a new worker.
        crowded: Configurations after which more than one worker was alive.
        not_back: Configurations after them whose peak of memory was not that of a fresh worker.
    """

    injected: int = 0
    as_expected: int = 0
    lost: int = 0
    others_failed: int = 0
    new_workers: int = 0
    crowded: int = 0
    not_back: int = 0

    def add(self, injection: Injection, records: Mapping[str, list[Record]]) -> None:
        """Counts an injection."""
        found = [records.get(each.key, []) for each in injection.configurations]
        self.lost += sum(len(each) != 1 for each in found)
        self.injected += len(injection.victims)
        if self.lost:
            return
        *victims, healthy = [each[0] for each in found]
        self.as_expected += sum(is_expected(victim, injection.case) for victim in victims)
        self.others_failed += healthy.status is not Status.OK
        self.new_workers += healthy.worker != victims[-1].worker
        self.not_back += healthy.peak_allocated_bytes.value != HEALTHY_PEAK_BYTES

    def is_right(self, case: Case, times: int) -> bool:
        """Whether all went as it should."""
        wrong = self.lost + self.others_failed + self.crowded + self.not_back
        new_workers = 0 if case.is_in_place else times
        return self.as_expected == self.injected and not wrong and self.new_workers == new_workers


def is_expected(victim: Record, case: Case) -> bool:
    """Whether a record says what happened."""
    is_told = (victim.out_of_memory is not None) == (case.expected is Status.OOM)
    return victim.status is case.expected and case.words in (victim.reason or "") and is_told


class Watch:
    """A listener that counts the workers that are alive when a configuration has its record.

    Attributes:
        crowded: Keys of those after which there was more than one.
    """

    def __init__(self, others: Collection[int]) -> None:
        """Takes the numbers of this process's children that have nothing to do with it."""
        self.crowded: set[str] = set()
        self._others = frozenset(others)

    def begun(self, folder: Path, device: str, planned: int, done: int) -> None:
        """Nothing."""

    def phase(self, configuration: Configuration, phase: str) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def finished(self, configuration: Configuration, record: Record) -> None:
        """Counts them: they are children of the fork server."""
        servers = (child for child in children(os.getpid()) if child not in self._others)
        if sum(len(children(server)) for server in servers) > 1:
            self.crowded.add(configuration.key)


def children(pid: int) -> list[int]:
    """Processes that a process started and that have not ended."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, task.read_text().split())
    return [child for child in found if not is_dead(child)]


def is_dead(pid: int) -> bool:
    """Whether a process has ended, though its parent may not have asked for its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@dataclass
class Sweep:
    """A sweep with faults.

    Attributes:
        times: How often each fault was injected.
        rows: For each case, what became of it.
        configurations: How many there were in all.
        workers: How many it had.
        left_at_end: Processes that were alive after it.
        seconds: How long it took.
    """

    times: int
    rows: dict[Case, Row] = field(default_factory=dict)
    configurations: int = 0
    workers: int = 0
    left_at_end: int = 0
    seconds: float = 0.0

    @property
    def is_right(self) -> bool:
        """Whether all went as it should."""
        rights = [row.is_right(case, self.times) for case, row in self.rows.items()]
        return all(rights) and not self.left_at_end


def sweep(times: int, folder: Path, cases: Sequence[Case] = CASES) -> Sweep:
    """Injects each fault so many times in one sweep, the cases in turn."""
    injections = [Injection.of(case, number) for number in range(times) for case in cases]
    device = {
        "name": "Device with faults",
        "weights_bytes": WEIGHTS_BYTES,
        "activation_bytes": ACTIVATION_BYTES,
        "faults": [fault for injection in injections for fault in injection.faults],
    }
    script = folder / "script.json"
    script.write_text(json.dumps(device))
    order = Order(
        suite=Suite(name="faults", fixed={"pipeline": {"builtin": "tiny"}}, measure=PROTOCOL),
        configurations=[each for injection in injections for each in injection.configurations],
        results=folder / "results",
        device=f"scripted:{script}",
    )
    launcher = ForkServerLauncher(worker_environment(os.environ), IMPORTED_ONCE)
    before, begun = set(children(os.getpid())), time.monotonic()
    watch = Watch(before)
    outcome = run_suite(order, launcher, watch)
    done = Sweep(times, {case: Row() for case in cases}, len(order.configurations))
    done.seconds = time.monotonic() - begun
    done.left_at_end = len(set(children(os.getpid())) - before)
    records: dict[str, list[Record]] = {}
    for record in read_run(outcome.folder).records:
        records.setdefault(record.key, []).append(record)
    done.workers = len({record.worker for found in records.values() for record in found})
    for injection in injections:
        row = done.rows[injection.case]
        row.add(injection, records)
        row.crowded += sum(each.key in watch.crowded for each in injection.configurations)
    return done


def table(done: Sweep) -> str:
    """The sweep as a Markdown table."""
    lines = [
        "| fault | injected | record as expected | lost records | others failed | "
        "new workers | more than one worker alive | memory not back | |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for case, row in done.rows.items():
        figures = (
            *(row.injected, f"{row.as_expected} {case.expected.value}", row.lost),
            *(row.others_failed, row.new_workers, row.crowded, row.not_back),
        )
        verdict = "" if row.is_right(case, done.times) else "<- wrong"
        lines.append(f"| {case.name} | {' | '.join(map(str, figures))} | {verdict} |")
    injected = sum(row.injected for row in done.rows.values())
    lines.append(
        f"\n{injected} faults among {done.configurations} configurations, {done.workers} workers, "
        f"{done.left_at_end} processes left behind, {done.seconds:.0f} s"
    )
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    with tempfile.TemporaryDirectory() as folder:
        done = sweep(parser.parse_args().times, Path(folder))
    print(table(done))
    sys.exit(0 if done.is_right else 1)


if __name__ == "__main__":
    main()
