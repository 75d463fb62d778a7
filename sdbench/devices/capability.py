"""What an NVIDIA GPU can do of what pipelines use, from its compute capability."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SINCE = {
    "fp16": (5, 3),
    "fp16 tensor cores": (7, 0),
    "bf16": (8, 0),
    "TF32": (8, 0),
    "flash attention": (8, 0),
    "fp8": (8, 9),
}
"""The compute capability that first has it: arithmetic from the CUDA C++ Programming Guide, and
flash attention as torch's own kernel for scaled dot products requires it."""

_ARCHITECTURE = re.compile(r"(sm|compute)_(\d+)(\d)[af]?")


def abilities(capability: tuple[int, int]) -> tuple[str, ...]:
    """What a GPU has in hardware; bf16, for one, is emulated below 8.0 and not named there."""
    return tuple(name for name, since in _SINCE.items() if capability >= since)


def has_kernels(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Whether a build of torch for these architectures runs on a GPU.

    Machine code (``sm_86``) runs on its own major version from its minor one upwards;
    intermediate code (``compute_80``) is compiled on any later GPU.
    """
    for architecture in architectures:
        match = _ARCHITECTURE.fullmatch(architecture)
        if match is None:
            continue
        built_for = (int(match[2]), int(match[3]))
        if built_for <= capability and (match[1] == "compute" or built_for[0] == capability[0]):
            return True
    return False
