"""What an allocator says when memory runs out: read, and written in the same words.

Whoever limits memory here (the CPU's counter of tensors, the scripted device) speaks as torch's
allocator of CUDA memory does, so that one reader understands all of them.
"""

from __future__ import annotations

import re

from sdbench.results.out_of_memory import OutOfMemory
from sdbench.units import GIB, KIB, MIB

_BYTES_PER_UNIT = {"bytes": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB}
_SIZE = r"(\d+(?:\.\d+)?) (bytes|KiB|MiB|GiB)"

_FIGURES = {
    "requested_bytes": rf"Tried to allocate {_SIZE}",
    "total_bytes": rf"total capacity of {_SIZE}",
    "free_bytes": rf"of which {_SIZE} is free",
    "limit_bytes": rf"(?<![\d.]){_SIZE} allowed;",
    "allocated_bytes": rf"{_SIZE} is allocated by PyTorch",
    "reserved_unallocated_bytes": rf"{_SIZE} is reserved by PyTorch but unallocated",
}
"""Words of torch 2.1 to 2.13; see `CUDACachingAllocator.cpp` of torch."""

_CPU_REQUEST = re.compile(r"DefaultCPUAllocator: .*you tried to allocate (\d+) bytes")
_EXPANDABLE_SEGMENTS = re.compile(r"PYTORCH_(?:CUDA_)?ALLOC_CONF=expandable_segments:True")


def read_message(text: str, phase: str, stage: str | None) -> OutOfMemory:
    """The figures in an allocator's message; of a library's failure, which has none, nothing.

    Args:
        text: The message.
        phase: What the worker did when it came.
        stage: Stage of the call, or None outside of one.
    """
    figures: dict[str, int] = {}
    for name, pattern in _FIGURES.items():
        if match := re.search(pattern, text):
            figures[name] = round(float(match[1]) * _BYTES_PER_UNIT[match[2]])
    if match := _CPU_REQUEST.search(text):
        figures["requested_bytes"] = int(match[1])
    return OutOfMemory(
        phase=phase,
        stage=stage,
        suggests_expandable_segments=bool(_EXPANDABLE_SEGMENTS.search(text)),
        **figures,
    )


def write_message(
    device: str, requested_bytes: int, allocated_bytes: int, total_bytes: int, is_limit: bool
) -> str:
    """The message of a device that gives out exact tensor bytes, and reserves none.

    Args:
        device: Word for it, such as ``CPU``.
        requested_bytes: What was asked for.
        allocated_bytes: What tensors hold already.
        total_bytes: What they may hold.
        is_limit: Whether a limit says so, and not the device's capacity.
    """
    free_bytes = max(0, total_bytes - allocated_bytes)
    return (
        f"{device} out of memory. Tried to allocate {_size(requested_bytes)}. {device} has a total "
        f"capacity of {_size(total_bytes)} of which {_size(free_bytes)} is free. "
        f"{f'{_size(total_bytes)} allowed; ' if is_limit else ''}Of the allocated memory "
        f"{_size(allocated_bytes)} is allocated by PyTorch, and 0 bytes is reserved by PyTorch but "
        "unallocated."
    )


def _size(size_bytes: int) -> str:
    """As torch writes it: two decimals of the largest unit that is reached."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size_bytes > unit:
            return f"{size_bytes / unit:.2f} {name}"
    return f"{size_bytes} bytes"
