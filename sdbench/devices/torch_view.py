"""What the installed torch sees of the GPUs, or why it sees none."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from dataclasses import dataclass
from typing import Any

from sdbench.devices.nvml_memory import GpuMemory
from sdbench.results.figure import Figure

_OWN_CONTEXT = "told by torch: the context that it made to ask counts as used"


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchGpu:
    """A GPU as torch sees it.

    Attributes:
        index: Its number in ``cuda:0``.
        label: Its name.
        uuid: Its UUID without a prefix, or None where torch does not tell it.
        capability: Its compute capability.
        total_bytes: Its memory.
    """

    index: int
    label: str
    uuid: str | None
    capability: tuple[int, int]
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchView:
    """What the installed torch sees.

    Attributes:
        version: Its version; None where it cannot be imported.
        problem: Why it cannot be imported, or cannot use a GPU, in its own words.
        cuda: The version of CUDA that it is built for.
        hip: The version of HIP that it is built for (AMD).
        architectures: GPUs that it has kernels for, such as ``sm_86``.
        threads: Threads that it computes with on the CPU.
        instruction_set: What its kernels for the CPU use.
        gpus: The GPUs that it sees.
        broken: Why packages that live beside it cannot be imported, by name.
    """

    version: str | None = None
    problem: str | None = None
    cuda: str | None = None
    hip: str | None = None
    architectures: tuple[str, ...] = ()
    threads: int | None = None
    instruction_set: str | None = None
    gpus: tuple[TorchGpu, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()


def look_through_torch() -> TorchView:
    """Imports torch, and torchvision where there is one, and asks for the GPUs."""
    try:
        torch: Any = importlib.import_module("torch")
    except Exception as error:  # what a broken installation raises is not only ImportError
        return TorchView(problem=_first_line(error))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        gpus, problem = _gpus(torch)
    if problem is None and not gpus and warned:
        problem = _first_line(warned[-1].message)
    return TorchView(
        version=str(torch.__version__),
        problem=problem,
        cuda=torch.version.cuda,
        hip=torch.version.hip,
        architectures=tuple(torch.cuda.get_arch_list()) if gpus else (),
        threads=torch.get_num_threads(),
        instruction_set=torch.backends.cpu.get_cpu_capability(),
        gpus=gpus,
        broken=tuple(
            (package, reason)
            for package in ("torchvision",)
            if (reason := import_failure(package)) is not None
        ),
    )


def memory_from_torch(gpu: TorchGpu, reason: str) -> GpuMemory:
    """Memory of a GPU whose driver's library tells none. Makes a context on it.

    Args:
        gpu: The GPU.
        reason: Why the driver's library tells none.
    """
    torch: Any = importlib.import_module("torch")
    total = Figure.measured(gpu.total_bytes, f"told by torch ({reason})")
    try:
        free_bytes, _ = torch.cuda.mem_get_info(gpu.index)
    except Exception as error:
        nothing = Figure.absent(_first_line(error))
        return GpuMemory(
            total_bytes=total, used_bytes=nothing, free_bytes=nothing, reserved_bytes=nothing
        )
    return GpuMemory(
        total_bytes=total,
        used_bytes=Figure.measured(gpu.total_bytes - free_bytes, _OWN_CONTEXT),
        free_bytes=Figure.measured(free_bytes, _OWN_CONTEXT),
        reserved_bytes=Figure.absent(reason),
    )


def import_failure(package: str) -> str | None:
    """Why an installed package cannot be imported; None where it can, or is not installed."""
    try:
        if importlib.util.find_spec(package) is not None:
            importlib.import_module(package)
    except Exception as error:  # torchvision beside another torch raises RuntimeError
        return _first_line(error)
    return None


def _gpus(torch: Any) -> tuple[tuple[TorchGpu, ...], str | None]:
    try:
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return tuple(_gpu(torch, index) for index in range(count)), None
    except Exception as error:  # a driver in disorder
        return (), _first_line(error)


def _gpu(torch: Any, index: int) -> TorchGpu:
    properties = torch.cuda.get_device_properties(index)
    uuid = getattr(properties, "uuid", None)
    return TorchGpu(
        index=index,
        label=str(properties.name),
        uuid=None if uuid is None else str(uuid),
        capability=(properties.major, properties.minor),
        total_bytes=properties.total_memory,
    )


def _first_line(error: object) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
