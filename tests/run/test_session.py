"""Runs that were cut off: no finished record is lost, and only what is missing is measured."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launchers import KeptLauncher

from sdbench.analysis.completeness import completeness
from sdbench.results.record import Status
from sdbench.results.store import RECORDS_FILE, RunFolderError, RunWriter, read_run
from sdbench.run.order import Order
from sdbench.run.session import run_suite

from .recorder import Recorder


def cut(folder: Path, kept: int, torn: bytes = b"") -> None:
    """Leaves the first records, and the beginning of one more, as a crash would."""
    path = folder / RECORDS_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:kept]) + torn)


def test_a_run_folder_names_the_device_and_holds_the_plan(
    order: Callable[..., Order], forked: KeptLauncher, recorder: Recorder
) -> None:
    outcome = run_suite(order(), forked, recorder)
    run = read_run(outcome.folder)
    assert outcome.folder.parent.name == "scripted"
    assert outcome.folder.name.endswith("Z-scripted")
    assert run.info.device == "Scripted device"
    assert run.info.planned_keys == tuple(record.key for record in run.records)
    assert run.missing_keys == ()
    assert (outcome.folder / "logs" / "worker-1.log").exists()


class Interrupted(Recorder):
    """Meets with Ctrl-C as soon as it is told of the run's folder."""

    def begun(self, *told: Any) -> None:
        super().begun(*told)
        raise KeyboardInterrupt


def test_an_interrupt_before_the_first_measurement_leaves_a_run_to_go_on_with(
    order: Callable[..., Order], forked: KeptLauncher, recorder: Recorder
) -> None:
    """It ended with "interrupted" alone, and did not say how to go on."""
    outcome = run_suite(order(), forked, Interrupted())
    assert outcome.stopped == "interrupted"
    assert read_run(outcome.folder).records == ()
    run_suite(order(resume=True), forked, recorder)
    assert read_run(outcome.folder).missing_keys == ()


def test_resume_measures_what_is_missing_and_nothing_else(
    order: Callable[..., Order], forked: KeptLauncher, recorder: Recorder
) -> None:
    folder = run_suite(order(), forked, Recorder()).folder
    before = read_run(folder).records
    cut(folder, kept=4, torn=b'{"schema": 1, "key": "torn')
    outcome = run_suite(order(resume=True), forked, recorder)
    assert outcome.folder == folder
    assert recorder.done_before == 4
    after = read_run(folder).records
    assert after[:4] == before[:4]
    assert [record.key for record in after] == [record.key for record in before]
    assert [record.key for record in recorder.records] == [record.key for record in before[4:]]


def test_resume_of_a_whole_run_measures_nothing(
    order: Callable[..., Order], forked: KeptLauncher, recorder: Recorder
) -> None:
    run_suite(order(), forked, Recorder())
    run_suite(order(resume=True), forked, recorder)
    assert recorder.records == []


def test_resume_without_an_earlier_run_starts_one(
    order: Callable[..., Order], forked: KeptLauncher, recorder: Recorder
) -> None:
    run_suite(order(resume=True), forked, recorder)
    assert len(recorder.records) == 6


def test_resume_measures_again_what_ended_without_an_answer(
    order: Callable[..., Order],
    script: Callable[..., str],
    forked: KeptLauncher,
    recorder: Recorder,
) -> None:
    faults = [
        {"fault": "crash", "knobs": {"dtype": "fp32", "steps": 4}},
        {"fault": "oom", "knobs": {"dtype": "fp32", "steps": 6}},
    ]
    run_suite(order(script(faults=faults)), forked, Recorder())
    outcome = run_suite(order(script(), resume=True), forked, recorder)
    assert [record.knobs["steps"] for record in recorder.records] == [4]
    assert recorder.records[0].worker == "worker-3"
    assert completeness(read_run(outcome.folder)).by_status == {Status.OK: 5, Status.OOM: 1}


def test_two_processes_do_not_write_to_one_run(
    order: Callable[..., Order], forked: KeptLauncher, recorder: Recorder
) -> None:
    folder = run_suite(order(), forked, recorder).folder
    with (
        RunWriter.resume(folder),
        pytest.raises(RunFolderError, match="is being written by another sdbench"),
    ):
        run_suite(order(resume=True), forked, recorder)


def test_without_resume_every_run_has_a_folder_of_its_own(
    order: Callable[..., Order], forked: KeptLauncher, recorder: Recorder
) -> None:
    first = run_suite(order(), forked, recorder)
    second = run_suite(order(), forked, recorder)
    assert first.folder != second.folder


RUN_UNTIL_HANG = """
import sys
from sdbench.cli.main import main
sys.argv = ["sdbench", "run", *sys.argv[1:]]
main()
"""


def start_run_that_hangs(
    order: Callable[..., Order], script: Callable[..., str], tmp_path: Path
) -> subprocess.Popen[str]:
    """A controller whose worker hangs in the fourth configuration; three have their records."""
    order()
    device = script(faults=[{"fault": "hang", "knobs": {"dtype": "fp16", "steps": 2}}])
    command = [str(tmp_path / "suite.yaml"), "--results", str(tmp_path / "results")]
    process = subprocess.Popen(
        [sys.executable, "-c", RUN_UNTIL_HANG, *command, "--device", device],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("[3/6]"):
            break
    return process


def worker_of(controller: subprocess.Popen[str]) -> int:
    children = Path(f"/proc/{controller.pid}/task/{controller.pid}/children").read_text()
    (pid,) = children.split()
    return int(pid)


def wait_until_gone(pid: int) -> None:
    """Blocks until a process that is not our child has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(descriptor, "rb") as ended:
        assert select.select([ended], [], [], 30)[0], "the worker is still there"


def test_a_killed_controller_loses_no_record_and_leaves_no_worker(
    order: Callable[..., Order],
    script: Callable[..., str],
    forked: KeptLauncher,
    recorder: Recorder,
    tmp_path: Path,
) -> None:
    controller = start_run_that_hangs(order, script, tmp_path)
    worker = worker_of(controller)
    controller.kill()
    controller.communicate()
    wait_until_gone(worker)
    (folder,) = (tmp_path / "results" / "scripted").glob("2*")
    assert len(read_run(folder).records) == 3
    run_suite(order(script(), resume=True), forked, recorder)
    assert len(recorder.records) == 3
    assert [record.status for record in read_run(folder).records] == [Status.OK] * 6


@pytest.mark.parametrize("interruption", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_readable_and_says_how_to_go_on(
    order: Callable[..., Order],
    script: Callable[..., str],
    tmp_path: Path,
    interruption: signal.Signals,
) -> None:
    controller = start_run_that_hangs(order, script, tmp_path)
    worker = worker_of(controller)
    controller.send_signal(interruption)
    output, errors = controller.communicate()
    wait_until_gone(worker)
    assert controller.returncode == 3
    assert "6 configurations: 3 ok, 3 not measured" in output
    command = f"sdbench run {tmp_path / 'suite.yaml'} --results {tmp_path / 'results'}"
    assert errors.startswith(f"interrupted; go on with: {command} --device scripted:")
    assert errors.endswith(" --resume\n")
