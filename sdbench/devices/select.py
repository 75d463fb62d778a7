"""A device from the word that names it: ``auto``, ``cpu``, ``cuda``, ``cuda:1``."""

from __future__ import annotations

from sdbench.devices.base import Device
from sdbench.errors import SdbenchError


class NoSuchDevice(SdbenchError):
    """The device that was asked for is not there."""


def select_device(word: str) -> Device:
    """The device that ``word`` names; ``auto`` is the first CUDA GPU, or else the CPU.

    Raises:
        NoSuchDevice: There is no such device here; the message says what there is.
    """
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if word == "cpu" or (word == "auto" and count == 0):
        from sdbench.devices.cpu import CpuDevice

        return CpuDevice()
    name, _, number = "cuda:0".partition(":") if word in ("auto", "cuda") else word.partition(":")
    if name == "cuda" and number.isdecimal() and int(number) < count:
        from sdbench.devices.cuda import CudaDevice

        return CudaDevice(int(number))
    found = ["cpu", *(f"cuda:{index}" for index in range(count))]
    raise NoSuchDevice(f"there is no device {word!r} here; there is: {', '.join(found)}")
