from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sdbench.devices.processor_wait import waited_ns

ENOUGH_NS = 1_000_000
MOST_CPU_S = 20.0


def told(folder: Path, words: str) -> Path:
    path = folder / "schedstat"
    path.write_text(words)
    return path


def test_the_second_number_is_what_the_thread_waited(tmp_path: Path) -> None:
    assert waited_ns(told(tmp_path, "5000 300 2\n")) == 300


@pytest.mark.parametrize("words", ["0 0 0\n", "", "not numbers at all\n"])
def test_a_kernel_that_does_not_count_tells_nothing(tmp_path: Path, words: str) -> None:
    assert waited_ns(told(tmp_path, words)) is None


def test_a_system_without_the_file_tells_nothing(tmp_path: Path) -> None:
    assert waited_ns(tmp_path / "nothing") is None


@pytest.mark.skipif(waited_ns() is None, reason="this kernel does not tell who waits")
def test_a_process_that_shares_its_processor_with_another_one_waits() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    other = None
    try:
        other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        before, begun_s = waited_ns(), time.thread_time()
        assert before is not None
        while (waited_ns() or 0) - before < ENOUGH_NS:
            assert time.thread_time() - begun_s < MOST_CPU_S, "it never had to wait"
    finally:
        if other is not None:
            other.kill()
            other.wait()
        os.sched_setaffinity(0, allowed)
