"""The devices of this machine, as JSON on standard output: ``python -m sdbench.devices.inventory``.

A process of its own, since it imports torch and touches the GPUs.
"""

from __future__ import annotations

import json
from typing import Any

import torch

from sdbench.devices.cpu import CpuDevice
from sdbench.units import format_bytes


def describe_devices() -> list[dict[str, Any]]:
    """For each device its word, its label and what is known of it."""
    cpu = CpuDevice()
    found: list[dict[str, Any]] = [
        {"word": "cpu", "label": cpu.label, "facts": dict(cpu.fingerprint())}
    ]
    if torch.cuda.is_available():
        from sdbench.devices.cuda import CudaDevice

        for index in range(torch.cuda.device_count()):
            device = CudaDevice(index)
            free_bytes, _ = torch.cuda.mem_get_info(index)
            facts = {
                **device.fingerprint(),
                "free_memory": format_bytes(free_bytes),
                "bf16": torch.cuda.is_bf16_supported(including_emulation=False),
                **device.state(),
            }
            found.append({"word": f"cuda:{index}", "label": device.label, "facts": facts})
    return found


if __name__ == "__main__":
    print(json.dumps(describe_devices()))
