from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sdbench.run import worker_process
from sdbench.run.messages import Measure, Phase
from sdbench.run.worker_process import WorkerDied, WorkerProcess, describe_exit


def started(code: str, log: Path) -> WorkerProcess:
    log.touch()
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    return WorkerProcess("worker-1", process, process.stdout, process.stdin, log)


def test_events_come_in_order(tmp_path: Path) -> None:
    code = """print('{"type": "phase", "name": "a"}\\n{"type": "phase", "name": "b"}')"""
    worker = started(code, tmp_path / "log")
    assert worker.receive(60) == Phase(name="a")
    assert worker.receive(60) == Phase(name="b")
    worker.kill()


def test_nothing_in_time_is_none(tmp_path: Path) -> None:
    worker = started("input()", tmp_path / "log")
    assert worker.receive(0) is None
    worker.kill()


def test_a_dead_worker_says_how_it_ended_and_its_last_line(tmp_path: Path) -> None:
    worker = started("raise SystemExit('out of luck')", tmp_path / "log")
    with pytest.raises(WorkerDied, match="exit code 1; its last line: out of luck"):
        worker.receive(60)
    worker.kill()


def test_the_last_line_is_found_after_the_log_was_moved(tmp_path: Path) -> None:
    worker = started("input(); raise SystemExit('out of luck')", tmp_path / "log")
    (tmp_path / "log").rename(tmp_path / "moved")
    worker._writer.write(b"\n")
    worker._writer.flush()
    with pytest.raises(WorkerDied, match="out of luck"):
        worker.receive(60)
    worker.kill()


def test_what_is_no_event_ends_the_worker(tmp_path: Path) -> None:
    worker = started("print('hello'); input()", tmp_path / "log")
    with pytest.raises(WorkerDied, match="no event: b'hello"):
        worker.receive(60)


@pytest.mark.parametrize(
    ("code", "kills", "words"),
    [
        (-9, None, "killed (SIGKILL), most likely by the kernel's out-of-memory killer"),
        (-9, 2, "killed (SIGKILL) by the kernel's out-of-memory killer, which counts 2 more"),
        (-9, 0, "killed (SIGKILL), by hand or from outside"),
        (-11, None, "crashed (segmentation fault, SIGSEGV)"),
        (-6, None, "crashed (SIGABRT)"),
        (3, None, "exit code 3"),
    ],
)
def test_an_exit_code_in_words(code: int, kills: int | None, words: str) -> None:
    assert words in describe_exit(code, kills)


def test_a_kill_before_the_command_is_not_this_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was killed by hand was out of memory, since another process had once been."""
    counts = iter([0, 1])
    monkeypatch.setattr(worker_process, "oom_kills", lambda: next(counts))
    monkeypatch.setattr(worker_process, "kills_since", lambda before: 1 - before)
    worker = started("import os; input(); os.kill(os.getpid(), 9)", tmp_path / "log")
    worker.send(Measure(knobs={}, round=0, images_folder=None))
    with pytest.raises(WorkerDied) as raised:
        worker.receive(60)
    worker.kill()
    assert not raised.value.is_out_of_memory


@pytest.mark.parametrize(("kills", "is_out_of_memory"), [(None, False), (0, False), (1, True)])
def test_a_kill_is_out_of_memory_where_the_kernel_counted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int | None, is_out_of_memory: bool
) -> None:
    monkeypatch.setattr(worker_process, "kills_since", lambda before: kills)
    worker = started("import os; os.kill(os.getpid(), 9)", tmp_path / "log")
    with pytest.raises(WorkerDied) as raised:
        worker.receive(60)
    worker.kill()
    assert raised.value.is_killed
    assert raised.value.is_out_of_memory is is_out_of_memory
