"""Folders that stand for /proc and /sys, of both versions of control groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdbench.devices.cgroup import memory_limit
from sdbench.units import GIB, MIB


def write(root: Path, **files: str) -> None:
    """Files by their paths, with __ for each slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def group(root: Path, lines: str) -> None:
    write(root, proc__self__cgroup=lines)


def test_a_container_of_version_2_has_its_limit_at_the_top(tmp_path: Path) -> None:
    group(tmp_path, "0::/\n")
    top = tmp_path / "sys/fs/cgroup"
    top.mkdir(parents=True)
    (top / "memory.max").write_text(f"{8 * GIB}\n")
    (top / "memory.current").write_text(f"{700 * MIB}\n")
    limit, used = memory_limit(tmp_path)
    assert (limit.value, used.value) == (8 * GIB, 700 * MIB)


def test_the_lowest_limit_of_all_groups_above_holds(tmp_path: Path) -> None:
    group(tmp_path, "0::/user.slice/job/step\n")
    top = tmp_path / "sys/fs/cgroup"
    (top / "user.slice/job/step").mkdir(parents=True)
    (top / "user.slice/job/step/memory.max").write_text("max\n")
    (top / "user.slice/job/memory.max").write_text(f"{4 * GIB}\n")
    (top / "user.slice/job/memory.current").write_text(f"{GIB}\n")
    (top / "user.slice/memory.max").write_text(f"{16 * GIB}\n")
    limit, used = memory_limit(tmp_path)
    assert (limit.value, used.value) == (4 * GIB, GIB)


def test_version_1_has_a_controller_of_its_own(tmp_path: Path) -> None:
    group(tmp_path, "5:cpu:/docker/abc\n4:memory:/docker/abc\n0::/\n")
    top = tmp_path / "sys/fs/cgroup/memory"  # in a container, the host's path is not there
    top.mkdir(parents=True)
    (top / "memory.limit_in_bytes").write_text(f"{2 * GIB}\n")
    (top / "memory.usage_in_bytes").write_text(f"{300 * MIB}\n")
    limit, used = memory_limit(tmp_path)
    assert (limit.value, used.value) == (2 * GIB, 300 * MIB)


@pytest.mark.parametrize(
    ("lines", "file", "text"),
    [
        ("0::/\n", "memory.max", "max\n"),
        ("4:memory:/\n", "memory/memory.limit_in_bytes", "9223372036854771712\n"),
    ],
)
def test_a_group_without_a_limit_says_so(tmp_path: Path, lines: str, file: str, text: str) -> None:
    group(tmp_path, lines)
    path = tmp_path / "sys/fs/cgroup" / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    limit, used = memory_limit(tmp_path)
    assert limit.value is None
    assert used.value is None
    assert limit.reason == "the control group sets no limit"


def test_a_system_without_control_groups_says_so(tmp_path: Path) -> None:
    limit, _ = memory_limit(tmp_path)
    assert limit.reason == "this system has no control groups with a memory limit"


def test_a_limit_without_a_use_is_told_alone(tmp_path: Path) -> None:
    group(tmp_path, "0::/\n")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text(f"{GIB}\n")
    limit, used = memory_limit(tmp_path)
    assert limit.value == GIB
    assert used.reason == "the control group tells no use"
