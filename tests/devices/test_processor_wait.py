from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sdbench.devices.processor_wait import longest_wait_s, thread_waits

ENOUGH_NS = 1_000_000
MOST_CPU_S = 20.0


def threads(folder: Path, told: dict[int, str]) -> Path:
    """A folder that stands for /proc/self/task."""
    for number, words in told.items():
        (folder / str(number)).mkdir()
        (folder / str(number) / "schedstat").write_text(words)
    return folder


def test_the_second_number_of_each_thread_is_what_it_waited(tmp_path: Path) -> None:
    told = {7: "5000 300 2\n", 9: "100 40 1\n"}
    assert thread_waits(threads(tmp_path, told)) == {7: 300, 9: 40}


def test_a_kernel_that_does_not_count_tells_nothing(tmp_path: Path) -> None:
    assert thread_waits(threads(tmp_path, {7: "0 0 0\n"})) is None
    assert thread_waits(tmp_path / "nothing") is None


def test_a_thread_that_ended_meanwhile_is_left_out(tmp_path: Path) -> None:
    folder = threads(tmp_path, {7: "5000 300 2\n"})
    (folder / "9").mkdir()
    assert thread_waits(folder) == {7: 300}


def test_the_longest_wait_of_one_thread_counts_not_the_sum() -> None:
    before, after = {1: 1_000_000_000, 2: 0}, {1: 1_500_000_000, 2: 200_000_000, 3: 100_000_000}
    assert longest_wait_s(before, after) == pytest.approx(0.5)
    assert longest_wait_s(before, before) == 0.0


def test_without_a_reading_nothing_is_told() -> None:
    assert longest_wait_s(None, {1: 5}) is None
    assert longest_wait_s({1: 5}, None) is None


@pytest.mark.skipif(thread_waits() is None, reason="this kernel does not tell who waits")
def test_a_process_that_shares_its_processor_with_another_one_waits() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        before = thread_waits()
        while time.process_time() < MOST_CPU_S + time.thread_time():
            if (longest_wait_s(before, thread_waits()) or 0) * 1e9 >= ENOUGH_NS:
                break
        else:
            pytest.fail("it shared a processor and did not wait")
    finally:
        other.kill()
        other.wait()
        os.sched_setaffinity(0, allowed)
