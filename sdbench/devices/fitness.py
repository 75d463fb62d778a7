"""Whether torch, the driver and the GPUs fit together, and whether the GPUs are fit to measure on.

Each check is a function that gives a finding, or None where all is well. Nothing imports torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sdbench.devices.capability import has_kernels
from sdbench.devices.description import Finding, GpuDescription
from sdbench.devices.driver_gpus import DriverView
from sdbench.devices.nvml_processes import GpuProcess
from sdbench.devices.torch_view import TorchGpu, TorchView
from sdbench.units import MIB, format_bytes

QUIET_BYTES = 100 * MIB
"""So much of a GPU may be in use without a word: what a driver or a display takes."""

_LOST = "GPU is lost"
"""How NVML says that a GPU has fallen off the bus."""

_NVIDIA = "0x10de"
_DISPLAY_CLASS = "0x03"
"""Vendor and class on the PCI bus."""


def torch_broken(torch: TorchView) -> Finding | None:
    """The installed torch cannot be imported."""
    if torch.version is not None:
        return None
    return Finding(
        "torch",
        f"torch cannot be imported: {torch.problem}",
        "install it anew, from https://pytorch.org/get-started/locally/",
    )


def packages_broken(torch: TorchView) -> Iterator[Finding]:
    """Packages beside torch that cannot be imported."""
    for package, reason in torch.broken:
        yield Finding(
            package,
            f"{package} cannot be imported beside torch {torch.version}, and takes imports of "
            f"transformers and diffusers with it: {reason}",
            f"install the {package} that is made for this torch, from where torch came; or "
            f"uninstall it: diffusers does without",
        )


def gpus_unused(
    torch: TorchView,
    driver: DriverView,
    hidden: Sequence[GpuDescription],
    environment: Mapping[str, str],
) -> Finding | None:
    """The driver has GPUs that torch does not see, with the first cause that explains it."""
    if not hidden or torch.version is None:
        return None
    names = ", ".join(gpu.label for gpu in hidden)
    if torch.cuda is None:
        kind = f"for HIP {torch.hip}" if torch.hip else "without CUDA"
        return Finding(
            "torch",
            f"torch {torch.version} is built {kind}, so it cannot use: {names}",
            "install a build for CUDA, from https://pytorch.org/get-started/locally/",
        )
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return Finding(
            "CUDA_VISIBLE_DEVICES",
            f"CUDA_VISIBLE_DEVICES={visible} hides from torch: {names}",
            "unset it, or name them in it, to measure on them",
        )
    if driver.cuda is not None and _major(torch.cuda) > driver.cuda[0]:
        runs = ".".join(map(str, driver.cuda))
        return Finding(
            "driver",
            f"the driver runs CUDA up to {runs}, and torch {torch.version} is built for CUDA "
            f"{torch.cuda}, so it cannot use: {names}",
            f"update the driver, or install a torch for CUDA {driver.cuda[0]}",
        )
    told = f": {torch.problem}" if torch.problem else ""
    return Finding(
        "torch",
        f"torch {torch.version} does not see, though the driver does: {names}{told}",
        "see what it says: python -c 'import torch; torch.zeros(1).cuda()'",
    )


def driver_missing(driver: DriverView, torch: TorchView, root: Path = Path("/")) -> Finding | None:
    """An NVIDIA GPU is on the bus, and its driver does not answer.

    Args:
        driver: What the driver tells.
        torch: What torch sees.
        root: Where /sys is.
    """
    if driver.problem is None or torch.gpus or not _is_nvidia_on_bus(root):
        return None
    return Finding(
        "driver",
        f"an NVIDIA GPU is on the bus, and its driver does not answer: {driver.problem}",
        "install the driver; in a container, start it with the GPU (docker run --gpus all, which "
        "needs the NVIDIA Container Toolkit)",
    )


def no_kernels(gpu: TorchGpu, torch: TorchView) -> Finding | None:
    """A GPU that torch sees, and has no kernels for."""
    if torch.hip or not torch.architectures or has_kernels(gpu.capability, torch.architectures):
        return None
    capability = ".".join(map(str, gpu.capability))
    return Finding(
        f"cuda:{gpu.index}",
        f"torch {torch.version} has no kernels for {gpu.label} (compute capability {capability}); "
        f"it has some for {', '.join(torch.architectures)}",
        "install a torch for another version of CUDA: builds for newer ones leave old GPUs out, "
        "builds for older ones do not know new GPUs",
    )


def in_use(gpu: GpuDescription) -> Finding | None:
    """Others use a GPU: their work slows what is measured, their memory is missing."""
    about = gpu.word or gpu.label
    processes = gpu.users.processes
    if processes:
        named = ", ".join(map(_named, processes))
        seen = f"{len(processes)} other {_process(processes)} on it: {named}"
    else:
        used = gpu.memory.used_bytes.value
        if used is None or used < QUIET_BYTES:
            return None
        seen = f"{format_bytes(int(used))} of it are in use, and the driver does not tell by whom"
    return Finding(
        about,
        seen,
        "end them before you measure; what hung workers of sdbench hold, `sdbench devices --clear` "
        "frees",
    )


def lost(gpu: GpuDescription) -> Finding | None:
    """A GPU no longer answers its driver."""
    reason = gpu.memory.used_bytes.reason or ""
    if _LOST not in reason:
        return None
    return Finding(
        gpu.word or gpu.label,
        f"it does not answer its driver ({reason})",
        "look for Xid errors in the kernel's log (dmesg), and restart the machine",
    )


def throttled(gpu: GpuDescription) -> Finding | None:
    """A GPU clocks lower than it could, and not since it is idle."""
    if not gpu.state.throttled_by:
        return None
    temperature = gpu.state.temperature_celsius.value
    degrees = "" if temperature is None else f" at {temperature:g} °C"
    return Finding(
        gpu.word or gpu.label,
        f"it is throttled now{degrees}: {', '.join(gpu.state.throttled_by)}",
        "let it cool, and look after its cooling and power supply, before you measure",
    )


def persistence_off(gpu: GpuDescription) -> Finding | None:
    """The driver unloads when no process uses a GPU, so that each start of a worker waits."""
    if gpu.is_persistence_on.value is not False:
        return None
    return Finding(
        gpu.word or gpu.label,
        "persistence mode is off: with no process on it the driver unloads, and the next start "
        "takes seconds longer",
        "turn it on: sudo nvidia-smi -pm 1",
    )


def _is_nvidia_on_bus(root: Path) -> bool:
    for vendor in root.glob("sys/bus/pci/devices/*/vendor"):
        try:
            kind = (vendor.parent / "class").read_text()
            if vendor.read_text().strip() == _NVIDIA and kind.startswith(_DISPLAY_CLASS):
                return True
        except OSError:
            continue
    return False


def _named(process: GpuProcess) -> str:
    used = process.used_bytes.value
    size = "" if used is None else f" ({format_bytes(int(used))})"
    return f"{process.name or 'pid'} {process.pid}{size}"


def _process(several: Sequence[object]) -> str:
    return "process is" if len(several) == 1 else "processes are"


def _major(cuda: str) -> int:
    match = re.match(r"\d+", cuda)
    return int(match[0]) if match else 0
