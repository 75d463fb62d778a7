"""Descriptions of GPUs and machines in one line each, for tests of what reads them."""

from __future__ import annotations

from typing import Any

from sdbench.devices.description import (
    CpuDescription,
    Finding,
    GpuDescription,
    GpuState,
    GpuUsers,
    HostMemory,
    Machine,
    Told,
)
from sdbench.devices.nvml_memory import GpuMemory
from sdbench.devices.nvml_processes import GpuProcess
from sdbench.results.figure import Figure
from sdbench.units import GIB, MIB

UUID = "2b1d4f6c-0000-1111-2222-333344445555"


def memory(used_bytes: int = 0) -> GpuMemory:
    """Memory of a GPU of 24 GiB."""
    return GpuMemory(
        total_bytes=Figure.measured(24 * GIB),
        used_bytes=Figure.measured(used_bytes),
        free_bytes=Figure.measured(24 * GIB - 400 * MIB - used_bytes),
        reserved_bytes=Figure.measured(400 * MIB),
    )


def user(pid: int = 4711, name: str | None = "python", used_bytes: int | None = GIB) -> GpuProcess:
    """A process on a GPU."""
    used = Figure.absent("Windows tells no memory") if used_bytes is None else used_bytes
    return GpuProcess(pid, name, used if isinstance(used, Figure) else Figure.measured(used))


def state(**values: Any) -> GpuState:
    """A GPU that idles."""
    fields: dict[str, Any] = {
        "sm_clock_mhz": Figure.measured(210),
        "max_sm_clock_mhz": Figure.measured(2040),
        "memory_clock_mhz": Figure.measured(405),
        "max_memory_clock_mhz": Figure.measured(6251),
        "temperature_celsius": Figure.measured(38),
        "power_watts": Figure.measured(12.5),
        "power_limit_watts": Figure.measured(72.0),
        "clock_events": ("idle",),
        "clock_events_reason": None,
        "throttled_by": (),
    }
    return GpuState(**{**fields, **values})


def gpu(**values: Any) -> GpuDescription:
    """An L4 that torch sees, idle and unused."""
    fields: dict[str, Any] = {
        "word": "cuda:0",
        "label": "NVIDIA L4",
        "uuid": Told(f"GPU-{UUID}"),
        "pci_bus": Told("00000000:31:00.0"),
        "driver": Told("580.65.06"),
        "compute_capability": Told("8.9"),
        "abilities": ("fp16", "bf16", "TF32", "flash attention"),
        "is_ecc_on": Told(True),
        "is_mig_on": Told(False),
        "is_persistence_on": Told(True),
        "memory": memory(),
        "users": GpuUsers(processes=()),
        "state": state(),
    }
    return GpuDescription(**{**fields, **values})


def cpu(limit_bytes: int | None = None) -> CpuDescription:
    """A CPU of 4 cores, in a container with a limit or without one."""
    no_limit = Figure.absent("the control group sets no limit")
    return CpuDescription(
        word="cpu",
        label="CPU: AMD EPYC",
        cores=Figure.measured(4),
        threads=Figure.measured(8),
        usable_threads=Figure.measured(8),
        torch_threads=Figure.measured(4),
        instruction_set=Told("AVX512"),
        abilities=("avx2", "avx512", "bf16"),
        memory=HostMemory(
            total_bytes=Figure.measured(32 * GIB),
            available_bytes=Figure.measured(30 * GIB),
            limit_bytes=no_limit if limit_bytes is None else Figure.measured(limit_bytes),
            limit_used_bytes=no_limit if limit_bytes is None else Figure.measured(GIB),
        ),
    )


def machine(*gpus: GpuDescription, findings: tuple[Finding, ...] = ()) -> Machine:
    """A machine with these GPUs."""
    reason = None if gpus else "torch 2.13.0+cpu is built without CUDA; no driver"
    return Machine(cpu=cpu(), gpus=gpus, no_gpus_reason=reason, findings=findings)
