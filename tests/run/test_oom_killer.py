from __future__ import annotations

from pathlib import Path

import pytest

from sdbench.run.oom_killer import kills_since, oom_kills

V1 = ("sys/fs/cgroup/memory/jobs/7/memory.oom_control", "4:memory:/jobs/7\n2:cpu:/other")
V2 = ("sys/fs/cgroup/jobs/7/memory.events", "0::/jobs/7")
OF_THE_HOST = ("sys/fs/cgroup/memory.events", "0::/host/docker/7")


def write(root: Path, counter: tuple[str, str], kills: int) -> None:
    for path, text in ((counter[0], f"low 0\noom 9\noom_kill {kills}"), (_GROUPS, counter[1])):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")


_GROUPS = "proc/self/cgroup"


@pytest.mark.parametrize("counter", [V1, V2, OF_THE_HOST])
def test_kills_are_counted_by_the_own_group_or_one_above(
    tmp_path: Path, counter: tuple[str, str]
) -> None:
    write(tmp_path, counter, 3)
    assert oom_kills(tmp_path) == 3
    write(tmp_path, counter, 5)
    assert kills_since(3, tmp_path) == 2


def test_without_a_counter_nothing_is_told(tmp_path: Path) -> None:
    assert oom_kills(tmp_path) is None
    assert kills_since(3, tmp_path) is None
    write(tmp_path, V2, 3)
    assert kills_since(None, tmp_path) is None


def test_a_file_without_the_count_is_passed_over(tmp_path: Path) -> None:
    """Kernels before 4.13 count no kills."""
    write(tmp_path, V2, 0)
    (tmp_path / V2[0]).write_text("oom 9\n")
    assert oom_kills(tmp_path) is None
