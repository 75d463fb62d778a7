"""Every fault costs the configuration that met with it, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sdbench.results.record import Record, Status
from sdbench.results.store import read_run
from sdbench.run.launch import Launcher
from sdbench.run.session import Order, run_suite
from sdbench.run.worker_process import CannotStart, WorkerProcess

from .conftest import Recorder

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
    assert records[0].reason == f"tried to use {3900 * 2**20} bytes of {3 * 2**30} bytes"


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


def test_no_worker_is_left_behind(
    order: Callable[..., Order], launcher: Launcher, recorder: Recorder
) -> None:
    run_suite(order(), launcher, recorder)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children]
    assert not [command for command in commands if b"sdbench.run.worker" in command]


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
