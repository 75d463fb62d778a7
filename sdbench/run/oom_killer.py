"""How often the kernel has killed processes of this control group for want of memory (Linux)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_COUNT = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)

_COUNTERS = {
    "cgroup2": ("", "memory.events"),
    "cgroup": ("memory", "memory.oom_control"),
}
"""For each version the folder of its memory controller, and the file that counts."""


def oom_kills(root: Path = Path("/")) -> int | None:
    """Kills so far, or None where no counter can be read.

    Kills in groups below count too; so does a kill since the whole machine had no memory left.

    Args:
        root: Where /proc and /sys are.
    """
    for file in _files(root):
        try:
            match = _COUNT.search(file.read_text())
        except OSError:
            continue
        if match is not None:
            return int(match[1])
    return None


def kills_since(before: int | None, root: Path = Path("/")) -> int | None:
    """Kills since an earlier count, or None where it cannot be told."""
    now = oom_kills(root)
    return None if before is None or now is None else now - before


def _files(root: Path) -> Iterator[Path]:
    """The counter of this process's group, then those of the groups above it.

    In a container the path may be the host's, and not be there: the container's own group is the
    top then.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        folder, name = _COUNTERS["cgroup" if controllers else "cgroup2"]
        top = root / "sys/fs/cgroup" / folder
        group = top / path.lstrip("/")
        for place in (group, *group.parents):
            yield place / name
            if place == top:
                break
