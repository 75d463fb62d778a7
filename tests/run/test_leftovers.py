"""Real processes, whose command lines are those of workers and whose code is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sdbench.run import leftovers, messages
from sdbench.run.launch import SpawnLauncher
from sdbench.run.leftovers import NotAvailable, clear, find_leftovers
from sdbench.run.ownership import CONTROLLER_VARIABLE, controller_of, with_controller
from sdbench.run.processes import ProcessId, own_processes
from sdbench.suite.model import Suite

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

SAY_AND_SLEEP = "import signal; print('ready', flush=True); signal.pause()"
DEAF_TO_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "

Start = Callable[..., ProcessId]


@pytest.fixture
def ended_controller() -> str:
    """The mark of a controller that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        controller = ProcessId.of(process.pid)
        process.kill()
    assert controller is not None
    return f"{controller.pid}:{controller.start_ticks}"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process as `python -m MODULE`, with another code in the place of the module."""
    started: list[subprocess.Popen[bytes]] = []

    def start_one(
        module: str, code: str = SAY_AND_SLEEP, controller: str | None = None
    ) -> ProcessId:
        file = tmp_path / module.replace(".", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_suffix(".py").write_text(code)
        for folder in (file.parent, *file.parent.parents):
            if folder == tmp_path:
                break
            (folder / "__init__.py").touch()
        environment = {"PYTHONPATH": str(tmp_path)}
        if controller is not None:
            environment[CONTROLLER_VARIABLE] = controller
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdout=subprocess.PIPE,
            env=environment,
            cwd=tmp_path,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        found = ProcessId.of(process.pid)
        assert found is not None
        return found

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


def found_processes() -> dict[ProcessId, str]:
    return {leftover.process: leftover.module for leftover in find_leftovers()}


@pytest.mark.parametrize("module", ["sdbench.run.worker", "sdbench.run.forkserver"])
def test_a_worker_whose_controller_has_ended_is_left_over(
    start: Start, ended_controller: str, module: str
) -> None:
    process = start(module, controller=ended_controller)
    assert found_processes()[process] == module


def test_a_worker_of_a_running_session_is_not(start: Start) -> None:
    marked = start("sdbench.run.worker", controller=with_controller({})[CONTROLLER_VARIABLE])
    unmarked = start("sdbench.run.worker")  # its parent is this test
    assert not {marked, unmarked} & set(found_processes())


def test_other_programs_are_not_whatever_they_inherited(
    start: Start, ended_controller: str
) -> None:
    process = start("other.run.worker", controller=ended_controller)
    assert process not in found_processes()


def test_a_worker_whose_parent_adopts_orphans_is_left_over(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start("sdbench.run.worker")
    monkeypatch.setattr(leftovers, "_adopts_orphans", lambda parent: parent.pid == os.getpid())
    assert process in found_processes()


def test_a_number_that_was_given_anew_is_no_living_controller() -> None:
    this = ProcessId.of(os.getpid())
    assert this is not None
    assert this.is_alive()
    earlier = controller_of({CONTROLLER_VARIABLE: f"{this.pid}:{this.start_ticks - 1}"})
    assert earlier is not None
    assert not earlier.is_alive()


@pytest.mark.parametrize("mark", ["", "4711", "4711:", "x:1"])
def test_a_mark_that_cannot_be_read_names_no_controller(mark: str) -> None:
    assert controller_of({CONTROLLER_VARIABLE: mark}) is None


def test_leftovers_are_asked_to_end_and_those_that_do_not_are_killed(
    start: Start, ended_controller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "TERM_WAIT_S", 0.1)
    deaf = DEAF_TO_SIGTERM + SAY_AND_SLEEP
    both = {
        start("sdbench.run.worker", controller=ended_controller),
        start("sdbench.run.forkserver", deaf, controller=ended_controller),
    }
    found = [leftover for leftover in find_leftovers() if leftover.process in both]
    used = iter((3 << 30, 1 << 30))
    clearance = clear(found, lambda: next(used))
    assert {leftover.process for leftover in clearance.ended} == both
    assert clearance.remaining == ()
    assert clearance.freed_device_bytes == 2 << 30
    assert clearance.freed_resident_bytes > 1 << 20
    assert not any(process.is_alive() for process in both)


def test_what_does_not_end_is_told_and_frees_nothing(
    start: Start, ended_controller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start("sdbench.run.worker", controller=ended_controller)
    monkeypatch.setattr(leftovers, "TERM_WAIT_S", 0.0)
    monkeypatch.setattr(leftovers, "KILL_WAIT_S", 0.0)
    monkeypatch.setattr(ProcessId, "send", lambda process, number: None)
    found = [leftover for leftover in find_leftovers() if leftover.process == process]
    clearance = clear(found, lambda: "there is no NVIDIA driver")
    assert [leftover.process for leftover in clearance.remaining] == [process]
    assert clearance.freed_resident_bytes == 0
    assert clearance.freed_device_bytes is None
    assert clearance.device_reason == "there is no NVIDIA driver"


def test_a_process_that_has_ended_gets_no_signal(start: Start) -> None:
    process = start("sdbench.run.worker")
    reused = ProcessId(process.pid, process.start_ticks - 1)
    reused.send(signal.SIGKILL)
    assert process.is_alive()


def test_a_system_without_proc_says_that_it_is_not_available(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(leftovers, "PROC", tmp_path / "proc")
    with pytest.raises(NotAvailable, match="takes Linux and its /proc"):
        find_leftovers()


def test_a_worker_that_is_launched_carries_the_mark_of_this_process(tmp_path: Path) -> None:
    """Until a program has begun, its command line is empty: one was looked at too early."""
    suite = Suite(name="mark", fixed={"pipeline": {"builtin": "tiny"}})
    worker = SpawnLauncher(os.environ).start("worker-1", tmp_path / "log")
    try:
        worker.send(
            messages.Start(
                suite=suite.to_json(), device="scripted", trust_remote_code=False, name="worker-1"
            )
        )
        assert isinstance(worker.receive(timeout_s=120), messages.Ready)
        children = [found for found in own_processes() if found.parent() == os.getpid()]
        started = [found for found in children if "sdbench.run.worker" in found.command()]
        controllers = [controller_of(found.environment()) for found in started]
    finally:
        worker.kill()
    assert ProcessId.of(os.getpid()) in controllers
