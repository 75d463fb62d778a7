"""How much of a GPU's memory is in use, by everything together, as NVML tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pynvml

from sdbench.devices.nvml_errors import nvml_reason
from sdbench.results.figure import Figure

WITH_RESERVE = "includes the driver's reserve (NVML version 1)"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuMemory:
    """Memory of a GPU at one moment.

    Attributes:
        total_bytes: Capacity.
        used_bytes: In use by all processes. An old driver counts its own reserve too, and the
            figure's reason says so.
        free_bytes: Neither used nor reserved.
        reserved_bytes: What the driver keeps for itself.
    """

    total_bytes: Figure
    used_bytes: Figure
    free_bytes: Figure
    reserved_bytes: Figure

    @classmethod
    def absent(cls, reason: str) -> GpuMemory:
        """Nothing is known, and why."""
        nothing = Figure.absent(reason)
        return cls(
            total_bytes=nothing,
            used_bytes=nothing,
            free_bytes=nothing,
            reserved_bytes=nothing,
        )


def read_memory(handle: Any) -> GpuMemory:
    """One reading: version 2 where the driver has it, version 1 otherwise."""
    try:
        try:
            info = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
        except (
            pynvml.NVMLError_FunctionNotFound,
            pynvml.NVMLError_ArgumentVersionMismatch,
            pynvml.NVMLError_NotSupported,
        ):
            info = pynvml.nvmlDeviceGetMemoryInfo(handle)
            return GpuMemory(
                total_bytes=Figure.measured(info.total),
                used_bytes=Figure.measured(info.used, WITH_RESERVE),
                free_bytes=Figure.measured(info.free),
                reserved_bytes=Figure.absent("NVML version 1 does not tell the driver's reserve"),
            )
    except pynvml.NVMLError as error:
        return GpuMemory.absent(nvml_reason(error))
    return GpuMemory(
        total_bytes=Figure.measured(info.total),
        used_bytes=Figure.measured(info.used),
        free_bytes=Figure.measured(info.free),
        reserved_bytes=Figure.measured(info.reserved),
    )
