from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sdbench.run.messages import Phase
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
    ("code", "words"),
    [
        (-9, "SIGKILL: by the kernel when memory runs out, or by hand"),
        (-11, "crashed (SIGSEGV)"),
        (3, "exit code 3"),
    ],
)
def test_an_exit_code_in_words(code: int, words: str) -> None:
    assert words in describe_exit(code)
