"""What memory a control group (a container, a batch job) leaves to this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sdbench.results.figure import Figure

_NO_LIMIT_BYTES = 2**60
"""Version 1 writes "no limit" as the largest multiple of a page below 2**63."""

_NO_GROUPS = "this system has no control groups with a memory limit"
_NO_LIMIT = "the control group sets no limit"

_MEMORY_FILES = {
    "cgroup2": ("", "memory.max", "memory.current"),
    "cgroup": ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
}
"""For each version the folder of its memory controller, the limit's file and the use's file."""


def memory_limit(root: Path = Path("/")) -> tuple[Figure, Figure]:
    """The lowest limit among this process's group and those above it, and the use held against it.

    Args:
        root: Where /proc and /sys are.
    """
    lowest: tuple[int, Path] | None = None
    is_known = False
    for limit_file, use_file in _files(root):
        text = _read(limit_file)
        if text is None:
            continue
        is_known = True
        limit_bytes = int(text) if text.isdecimal() else _NO_LIMIT_BYTES
        if limit_bytes < _NO_LIMIT_BYTES and (lowest is None or limit_bytes < lowest[0]):
            lowest = (limit_bytes, use_file)
    if lowest is None:
        nothing = Figure.absent(_NO_LIMIT if is_known else _NO_GROUPS)
        return nothing, nothing
    limit_bytes, use_file = lowest
    used = _read(use_file)
    if used is None or not used.isdecimal():
        return Figure.measured(limit_bytes), Figure.absent("the control group tells no use")
    return Figure.measured(limit_bytes), Figure.measured(int(used))


def _files(root: Path) -> Iterator[tuple[Path, Path]]:
    """Limit and use of this process's group and of all above it, as far as they are mounted.

    In a container the path may be the host's, and not be there: the groups above it are then.
    """
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        folder, limit, use = _MEMORY_FILES["cgroup" if controllers else "cgroup2"]
        for mounted in ("", "unified"):
            if mounted and controllers:
                continue
            top = root / "sys/fs/cgroup" / (folder or mounted)
            group = top / path.lstrip("/")
            for place in (group, *group.parents):
                yield place / limit, place / use
                if place == top:
                    break


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
