"""GPUs by the names that NVML gives them: what prediction needs to know of one that is not there.

Of a card's memory CUDA can use less than its box says, how much less depends on the driver;
gpus.csv has the least that was seen, as ``torch.cuda.get_device_properties`` or an error message of
torch told it. A context's size is what the same messages leave unexplained: the memory of the
process less what torch reserved. Each line names its source.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sdbench.errors import IllegalValue
from sdbench.predict.target import Target
from sdbench.units import MIB

CPU = "cpu"
"""The name that stands for no GPU."""

_TABLE = Path(__file__).with_name("gpus.csv")
_VENDOR_WORDS = re.compile(r"\b(nvidia|geforce|tesla|quadro)\b")
_SEPARATORS = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A kind of GPU.

    Attributes:
        name: Its name, with the memory where there are several.
        pattern: What its NVML name matches, less vendor and brand, in small letters.
        memory_gb: What its box says.
        compute_capability: Such as (8, 0).
        usable_bytes: What CUDA can use of its memory.
        context_bytes: What a CUDA context and the libraries' kernels take of that.
        source: Where the two sizes come from.
    """

    name: str
    pattern: re.Pattern[str]
    memory_gb: int
    compute_capability: tuple[int, int]
    usable_bytes: int
    context_bytes: int
    source: str

    def is_named(self, words: str) -> bool:
        """Whether a name, in small letters and without vendor and brand, is this GPU's."""
        with_memory = re.sub(rf" {self.memory_gb} ?gb\b", "", words)
        return any(self.pattern.fullmatch(form) for form in (words, with_memory))


_GENERIC_CAPABILITY = (8, 0)
_GENERIC_CONTEXT_BYTES = 503 * MIB


@cache
def gpus() -> tuple[Gpu, ...]:
    """All known GPUs, older ones first."""
    with _TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(_gpu(row) for row in csv.DictReader(file))


def gpu_named(name: str) -> Gpu:
    """The GPU of a name as NVML or people write it, such as ``Tesla T4`` or ``A100-80GB``.

    Raises:
        IllegalValue: None has this name, or several have.
    """
    words = " ".join(_SEPARATORS.sub(" ", _VENDOR_WORDS.sub(" ", name.lower())).split())
    found = [gpu for gpu in gpus() if gpu.is_named(words)]
    if len(found) != 1:
        raise IllegalValue(name, [gpu.name for gpu in gpus()])
    return found[0]


def target_for(device_name: str | None, memory_limit_bytes: int | None = None) -> Target:
    """What memory is predicted for.

    Args:
        device_name: A GPU's name, or ``cpu``; None for an Ampere GPU of any size.
        memory_limit_bytes: What a process may use, a CUDA context included; None for all of the
            GPU's memory, and for no limit where the device has none by itself.

    Raises:
        IllegalValue: No GPU of that name is known, or several are.
    """
    if device_name is not None and device_name.lower() == CPU:
        return Target(
            name="CPU", compute_capability=None, limit_bytes=memory_limit_bytes, context_bytes=0
        )
    if device_name is None:
        return Target(
            name="an Ampere GPU",
            compute_capability=_GENERIC_CAPABILITY,
            limit_bytes=memory_limit_bytes,
            context_bytes=_GENERIC_CONTEXT_BYTES,
        )
    gpu = gpu_named(device_name)
    limits = (gpu.usable_bytes, memory_limit_bytes)
    return Target(
        name=gpu.name,
        compute_capability=gpu.compute_capability,
        limit_bytes=min(limit for limit in limits if limit is not None),
        context_bytes=gpu.context_bytes,
    )


def _gpu(row: dict[str, str]) -> Gpu:
    major, minor = row["compute_capability"].split(".")
    return Gpu(
        name=row["name"],
        pattern=re.compile(row["pattern"]),
        memory_gb=int(row["memory_gb"]),
        compute_capability=(int(major), int(minor)),
        usable_bytes=int(row["usable_mib"]) * MIB,
        context_bytes=int(row["context_mib"]) * MIB,
        source=row["source"],
    )
