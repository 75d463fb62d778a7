"""The CPU and the host's memory, as the kernel tells them."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from sdbench.devices.cgroup import memory_limit
from sdbench.devices.description import HostMemory
from sdbench.results.figure import Figure

_ABILITIES = {
    "avx2": ("avx2",),
    "avx512": ("avx512f",),
    "vnni": ("avx512_vnni", "avx_vnni"),
    "bf16": ("avx512_bf16", "bf16"),
    "fp16": ("avx512_fp16", "asimdhp"),
    "amx": ("amx_tile",),
    "amx-bf16": ("amx_bf16",),
    "amx-int8": ("amx_int8",),
    "sve": ("sve",),
}
"""Instructions that matter to pipelines, by the kernel's flags of x86 and ARM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The CPU without torch.

    Attributes:
        model: Its name.
        cores: Physical cores.
        threads: Logical processors.
        usable_threads: Those that this process may run on.
        abilities: Instructions that matter to pipelines.
        memory: The host's memory.
    """

    model: str
    cores: Figure
    threads: Figure
    usable_threads: Figure
    abilities: tuple[str, ...]
    memory: HostMemory


def read_host(root: Path = Path("/")) -> Host:
    """The CPU and its memory.

    Args:
        root: Where /proc and /sys are.
    """
    info = _read(root / "proc/cpuinfo")
    count = os.cpu_count()
    return Host(
        model=cpu_model(root),
        cores=_cores(info),
        threads=Figure.absent("this system tells no number of processors")
        if count is None
        else Figure.measured(count),
        usable_threads=_usable_threads(),
        abilities=_abilities(info),
        memory=host_memory(root),
    )


def cpu_model(root: Path = Path("/")) -> str:
    """The CPU's name, or at least its kind."""
    match = re.search(r"^model name\s*:\s*(.+?)\s*$", _read(root / "proc/cpuinfo"), re.MULTILINE)
    return match[1] if match else platform.processor() or platform.machine()


def host_memory(root: Path = Path("/")) -> HostMemory:
    """Memory of the host, and the limit of this process's control group."""
    limit, used = memory_limit(root)
    info = _read(root / "proc/meminfo")
    return HostMemory(
        total_bytes=_from_meminfo(info, "MemTotal"),
        available_bytes=_from_meminfo(info, "MemAvailable"),
        limit_bytes=limit,
        limit_used_bytes=used,
    )


def _from_meminfo(info: str, name: str) -> Figure:
    match = re.search(rf"^{name}:\s*(\d+) kB$", info, re.MULTILINE)
    if match is None:
        return Figure.absent(f"this system does not tell {name}")
    return Figure.measured(int(match[1]) * 1024)


def _cores(info: str) -> Figure:
    """Different pairs of socket and core among all processors."""
    packages = re.findall(r"^physical id\s*:\s*(\d+)$", info, re.MULTILINE)
    cores = re.findall(r"^core id\s*:\s*(\d+)$", info, re.MULTILINE)
    if not cores or len(packages) != len(cores):
        return Figure.absent("this system tells no physical cores")
    return Figure.measured(len(set(zip(packages, cores, strict=True))))


def _usable_threads() -> Figure:
    if not hasattr(os, "sched_getaffinity"):
        return Figure.absent("this system does not tie processes to processors")
    return Figure.measured(len(os.sched_getaffinity(0)))


def _abilities(info: str) -> tuple[str, ...]:
    match = re.search(r"^(?:flags|Features)\s*:(.*)$", info, re.MULTILINE)
    flags = set(match[1].split()) if match else set()
    return tuple(name for name, any_of in _ABILITIES.items() if flags.intersection(any_of))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
