"""Every fault costs the configuration that met with it, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from launchers import KeptLauncher

from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Record, Status
from sdbench.results.store import read_run
from sdbench.run import worker_process
from sdbench.run.launch import Launcher
from sdbench.run.messages import EVENTS, Declined, Ready
from sdbench.run.order import Order
from sdbench.run.session import run_suite
from sdbench.run.worker_process import CannotStart, WorkerProcess

from .recorder import Recorder


@pytest.fixture
def launcher(forked: KeptLauncher) -> Launcher:
    return forked


SHORT_TIMEOUT = "{warmup: 1, min_samples: 2, max_samples: 2, timeout: 2s, load_timeout: 2s}"
"""Long enough for a simulated configuration, which takes milliseconds."""


def measured(order: Order, launcher: Launcher, recorder: Recorder) -> list[Record]:
    outcome = run_suite(order, launcher, recorder)
    records = list(read_run(outcome.folder).records)
    assert records == recorder.records
    return records


def statuses(records: list[Record]) -> dict[tuple[object, object], Status]:
    return {(record.knobs["dtype"], record.knobs["steps"]): record.status for record in records}


def test_all_configurations_are_measured_by_one_worker(
    order: Callable[..., Order], launcher: Launcher, recorder: Recorder
) -> None:
    records = measured(order(), launcher, recorder)
    assert [record.status for record in records] == [Status.OK] * 6
    assert {record.worker for record in records} == {"worker-1"}


def test_a_load_serves_all_configurations_of_its_group(
    order: Callable[..., Order], launcher: Launcher, recorder: Recorder
) -> None:
    records = measured(order(), launcher, recorder)
    assert [record.load_s for record in records] == [2.0, None, None, 2.0, None, None]
    assert recorder.phases.count("loading") == 2


def test_a_killed_worker_costs_its_configuration_alone(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    fault = {"fault": "crash", "after_calls": 3, "knobs": {"dtype": "fp32", "steps": 4}}
    records = measured(order(script(faults=[fault])), launcher, recorder)
    assert statuses(records).pop(("fp32", 4)) is Status.ERROR
    assert [record.status for record in records].count(Status.OK) == 5
    assert [record.worker for record in records] == ["worker-1"] * 2 + ["worker-2"] * 4
    assert records[1].reason is not None
    assert "SIGKILL" in records[1].reason
    assert "in phase: timing" in records[1].reason


def test_a_hang_costs_its_configuration_alone(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    fault = {"fault": "hang", "knobs": {"dtype": "fp32", "steps": 4}}
    device = script(faults=[fault])
    records = measured(order(device, SHORT_TIMEOUT), launcher, recorder)
    assert [record.status for record in records].count(Status.OK) == 5
    assert records[1].status is Status.TIMEOUT
    assert records[1].reason == "no end within 2 s, in phase: first call"


def test_out_of_memory_is_a_result_and_the_worker_goes_on(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    # fp32: 3000 + 900 MiB do not fit into 3 GiB; half as much in fp16 does.
    device = script(memory_bytes=3 * 2**30, weights_bytes=3000 * 2**20)
    records = measured(order(device), launcher, recorder)
    assert [record.status for record in records] == [Status.OOM] * 3 + [Status.OK] * 3
    assert {record.worker for record in records} == {"worker-1"}
    assert records[0].reason == (
        "out of memory in denoiser (first call): asked for 900 MiB, 72.0 MiB were free of 3.00 GiB"
    )
    assert records[0].out_of_memory is not None
    assert records[0].out_of_memory.stage == "denoiser"


def test_out_of_memory_while_loading_keeps_the_worker(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    device = script(memory_bytes=2 * 2**30)  # weights: 3 GiB in fp32, 1.5 GiB in fp16
    records = measured(order(device), launcher, recorder)
    assert [record.status for record in records] == [Status.OOM] * 3 + [Status.OK] * 3
    assert {record.worker for record in records} == {"worker-1"}
    assert recorder.phases.count("loading") == 2


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("leak", Status.OOM, "out of memory in other (first call)"),
        ("sticky", Status.ERROR, "CUDA error: device-side assert triggered"),
    ],
)
def test_a_worker_that_is_spent_tells_its_record_and_is_replaced(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
    fault: str,
    status: Status,
    words: str,
) -> None:
    knobs = {"dtype": "fp32", "steps": 4}
    records = measured(order(script(faults=[{"fault": fault, "knobs": knobs}])), launcher, recorder)
    assert records[1].status is status
    assert words in (records[1].reason or "")
    assert "a new worker goes on" in records[1].notes[0]
    assert [record.status for record in records].count(Status.OK) == 5
    assert [record.worker for record in records] == ["worker-1"] * 2 + ["worker-2"] * 4


class _DeclinesAtFirst:
    """A launcher whose first worker gets ready, and then declines what it is asked for."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._has_started = False

    def start(self, name: str, log: Path) -> WorkerProcess:
        if self._has_started:
            return self._launcher.start(name, log)
        self._has_started = True
        ready = Ready(device="D", slug="d", torch_device="cpu", fingerprint={}, environment={})
        lines = [EVENTS.dump_json(event).decode() for event in (ready, Declined(reason="full"))]
        log.touch()
        process = subprocess.Popen(
            [sys.executable, "-c", f"for line in {lines}: print(line, flush=True)\ninput()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        return WorkerProcess(name, process, process.stdout, process.stdin, log)

    def close(self) -> None:
        self._launcher.close()


def test_a_worker_that_declines_is_replaced_and_the_record_says_why(
    order: Callable[..., Order], launcher: Launcher, recorder: Recorder
) -> None:
    records = measured(order(), _DeclinesAtFirst(launcher), recorder)
    assert [record.status for record in records] == [Status.OK] * 6
    assert {record.worker for record in records} == {"worker-2"}
    assert records[0].notes == ("full: a new worker was started",)


def test_a_segmentation_fault_is_named(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    knobs = {"dtype": "fp32", "steps": 4}
    device = script(faults=[{"fault": "segfault", "knobs": knobs}])
    records = measured(order(device), launcher, recorder)
    assert records[1].status is Status.ERROR
    assert "segmentation fault" in (records[1].reason or "")
    assert [record.status for record in records].count(Status.OK) == 5


def test_a_kill_for_want_of_memory_is_out_of_memory(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_process, "oom_kills", lambda: 3)
    monkeypatch.setattr(worker_process, "kills_since", lambda before: 1)
    records = measured(order(crash_at_the_second(script)), launcher, recorder)
    assert records[1].status is Status.OOM
    assert (records[1].reason or "").startswith(
        "out of memory on the host: the worker was killed (SIGKILL) by the kernel's out-of-memory "
        "killer, which counts 1 more"
    )
    assert "resident when last told" in (records[1].reason or "")
    assert records[1].out_of_memory == OutOfMemory(phase="first call")
    assert [record.status for record in records].count(Status.OK) == 5


def test_an_error_keeps_the_worker_and_names_the_exception(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    device = script(faults=[{"fault": "error", "knobs": {"steps": 2}}])
    records = measured(order(device), launcher, recorder)
    assert records[0].status is Status.ERROR
    assert records[0].reason == "RuntimeError: the script says so"
    assert {record.worker for record in records} == {"worker-1"}


def test_a_pipeline_that_cannot_be_loaded_is_tried_once_a_group(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    device = script(faults=[{"fault": "error", "at": "load", "knobs": {"dtype": "fp32"}}])
    records = measured(order(device), launcher, recorder)
    assert [record.status for record in records] == [Status.ERROR] * 3 + [Status.OK] * 3
    assert {r.reason for r in records[:3]} == {"at load: RuntimeError: the script says so"}
    assert recorder.phases.count("loading") == 2


def test_after_two_deaths_at_load_the_rest_of_the_group_is_skipped(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    device = script(faults=[{"fault": "crash", "at": "load", "knobs": {"dtype": "fp32"}}])
    records = measured(order(device), launcher, recorder)
    assert [record.status for record in records[:3]] == [
        Status.ERROR,
        Status.ERROR,
        Status.SKIPPED,
    ]
    assert records[2].reason == "2 workers died or hung while loading this pipeline"
    assert [record.status for record in records[3:]] == [Status.OK] * 3


def test_a_throttled_configuration_is_unstable_and_keeps_its_samples(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    """nvbench can discard every sample when a device is throttled, and then says nothing."""
    device = script(faults=[{"fault": "throttle", "knobs": {"steps": 4}}])
    records = measured(order(device), launcher, recorder)
    throttled = [record for record in records if record.knobs["steps"] == 4]
    assert [record.status for record in throttled] == [Status.UNSTABLE] * 2
    assert all(record.is_throttled == (True, True) for record in throttled)


def test_a_configuration_beside_other_programs_says_so(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    device = script(faults=[{"fault": "crowd", "knobs": {"steps": 4}}])
    records = measured(order(device), launcher, recorder)
    notes = {record.knobs["steps"]: record.notes for record in records}
    crowded = [record for record in records if record.knobs["steps"] == 4]
    assert [record.status for record in crowded] == [Status.OK] * 2
    assert all(
        note == "waited for a processor for 50% of a timed call: something else had it"
        for record in crowded
        for note in record.notes
    )
    assert {steps for steps, some in notes.items() if some} == {4}


def test_no_worker_is_left_behind(
    order: Callable[..., Order], spawned: Launcher, recorder: Recorder
) -> None:
    before = children()
    run_suite(order(), spawned, recorder)
    assert children() <= before


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_a_device_that_is_not_there_is_refused_before_a_folder_is_made(
    order: Callable[..., Order], launcher: Launcher, recorder: Recorder, tmp_path: Path
) -> None:
    with pytest.raises(CannotStart, match="is no script of a device"):
        run_suite(order(f"scripted:{tmp_path / 'nothing.json'}"), launcher, recorder)
    assert not list((tmp_path / "results").glob("*/*"))


class _LosesItsDevice:
    """A launcher whose later workers find the device gone, a number of times."""

    def __init__(self, launcher: Launcher, refusals: int) -> None:
        self._launcher = launcher
        self._refusals = refusals
        self._starts = 0

    def start(self, name: str, log: Path) -> WorkerProcess:
        self._starts += 1
        if 1 < self._starts <= 1 + self._refusals:
            raise CannotStart("the device is gone")
        return self._launcher.start(name, log)

    def close(self) -> None:
        self._launcher.close()


def crash_at_the_second(script: Callable[..., str]) -> str:
    return script(faults=[{"fault": "crash", "knobs": {"dtype": "fp32", "steps": 4}}])


def test_a_device_that_is_gone_for_a_moment_costs_no_further_configuration(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    flaky = _LosesItsDevice(launcher, refusals=1)
    records = measured(order(crash_at_the_second(script)), flaky, recorder)
    assert [record.status for record in records].count(Status.OK) == 5


def test_a_device_that_is_gone_for_good_stops_the_run_and_keeps_what_there_is(
    order: Callable[..., Order],
    script: Callable[..., str],
    launcher: Launcher,
    recorder: Recorder,
) -> None:
    """A refused restart ended the whole command as wrong usage, without summary or report."""
    gone = _LosesItsDevice(launcher, refusals=99)
    outcome = run_suite(order(crash_at_the_second(script)), gone, recorder)
    assert outcome.stopped == "the device is gone"
    assert [r.status for r in read_run(outcome.folder).records] == [Status.OK, Status.ERROR]
