from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sdbench.results.record import Record, Status
from sdbench.run import fork_launch
from sdbench.run.controller import Controller, Job
from sdbench.run.environment import worker_environment
from sdbench.run.fork_launch import ForkServerLauncher
from sdbench.run.launch import SpawnLauncher, launcher_for
from sdbench.run.order import Order
from sdbench.run.processes import ProcessId
from sdbench.run.session import run_suite
from sdbench.run.worker_process import CannotStart, WorkerDied
from sdbench.suite.configuration import Configuration

from .recorder import Recorder

ENVIRONMENT = worker_environment(os.environ)


def fork_server() -> ForkServerLauncher:
    """One that imports what a scripted device needs, and no torch."""
    return ForkServerLauncher(ENVIRONMENT, modules=("sdbench.run.worker",))


def test_workers_are_forked_where_no_gpu_is_in_play() -> None:
    assert isinstance(launcher_for("cpu", {}), ForkServerLauncher)


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "scripted"])
def test_workers_are_spawned_elsewhere(device: str) -> None:
    assert isinstance(launcher_for(device, {}), SpawnLauncher)


def test_forked_workers_measure_die_and_are_replaced(
    order: Callable[..., Order], script: Callable[..., str], recorder: Recorder
) -> None:
    fault = {"fault": "crash", "after_calls": 3, "knobs": {"dtype": "fp32", "steps": 4}}
    launcher = fork_server()
    run_suite(order(script(faults=[fault])), launcher, recorder)
    assert [record.status for record in recorder.records] == [
        Status.OK,
        Status.ERROR,
        Status.OK,
        Status.OK,
        Status.OK,
        Status.OK,
    ]
    reason = recorder.records[1].reason
    assert reason is not None
    assert reason.startswith("the worker was killed (SIGKILL")
    assert {record.worker for record in recorder.records} == {"worker-1", "worker-2"}


def test_a_forked_worker_that_crashes_is_told_from_one_that_was_killed(
    order: Callable[..., Order], tmp_path: Path
) -> None:
    launcher = fork_server()
    worker = launcher.start("worker-1", tmp_path / "log")
    forked = worker._process
    os.kill(forked._pid, signal.SIGSEGV)  # type: ignore[attr-defined]
    with pytest.raises(WorkerDied, match=r"the worker crashed \(segmentation fault, SIGSEGV\)"):
        worker.receive(60)
    worker.kill()
    launcher.close()


def test_leaving_the_controller_ends_the_fork_server(
    order: Callable[..., Order], tmp_path: Path
) -> None:
    launcher = fork_server()
    suite = order().suite
    with Controller(Job(suite, "scripted"), launcher, tmp_path / "logs") as controller:
        controller.start_worker()
        server = server_process(launcher)
    assert server.poll() is not None


def server_process(launcher: ForkServerLauncher) -> subprocess.Popen[bytes]:
    assert launcher._server is not None
    return launcher._server._process


def test_a_fork_server_that_cannot_import_says_so(tmp_path: Path) -> None:
    launcher = ForkServerLauncher(ENVIRONMENT, modules=("no_such_module",))
    with pytest.raises(CannotStart, match="No module named 'no_such_module'"):
        launcher.start("worker-1", tmp_path / "log")


def test_a_fork_server_that_was_killed_is_replaced(
    order: Callable[..., Order], script: Callable[..., str], recorder: Recorder
) -> None:
    launcher = fork_server()

    class KillsTheServer(Recorder):
        def finished(self, configuration: Configuration, record: Record) -> None:
            super().finished(configuration, record)
            if len(self.records) == 1:
                server_process(launcher).kill()
                server_process(launcher).wait()

    recorder = KillsTheServer()
    fault = {"fault": "crash", "knobs": {"dtype": "fp32", "steps": 4}}
    outcome = run_suite(order(script(faults=[fault])), launcher, recorder)
    assert outcome.stopped is None
    assert [record.status for record in recorder.records].count(Status.OK) == 5


def test_a_process_that_took_a_dead_worker_s_number_is_left_alone(tmp_path: Path) -> None:
    """With its server gone a worker's number is free for others, and it was killed by number."""
    launcher = fork_server()
    worker = launcher.start("worker-1", tmp_path / "log")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
        server_process(launcher).kill()
        server_process(launcher).wait()
        process = worker._process
        assert isinstance(process, fork_launch._ForkedProcess)
        now = ProcessId.of(other.pid)
        assert process._process is not None
        assert now is not None
        ours = process._process
        process._process = replace(now, start_ticks=now.start_ticks - 1)
        process.kill()
        assert other.stdin is not None
        other.stdin.close()
        assert other.wait() == 0
        process._process = ours
    worker.kill()
    launcher.close()
