"""What memory is predicted for where no GPU is named: this machine, or a run's device."""

from __future__ import annotations

from typing import Any

from sdbench.devices.host import cpu_model, host_memory
from sdbench.errors import IllegalValue, SdbenchError
from sdbench.predict.gpus import gpu_named, target_for
from sdbench.predict.target import Target
from sdbench.run.inventory import inventory
from sdbench.run.launch import has_gpu_driver
from sdbench.run.messages import Ready


class WrongTarget(SdbenchError):
    """A device to predict for that is not known, or is named twice."""


def target_named(
    device_name: str | None, device: str | None, memory_limit_bytes: int | None
) -> Target:
    """What the user named; this machine where nothing is.

    Args:
        device_name: A GPU's name.
        device: ``cpu`` for this machine's CPU.
        memory_limit_bytes: What a process may use; alone, of a GPU of some common kind.

    Raises:
        WrongTarget: No GPU of that name is known, or both a GPU and the CPU are named.
        NoInventory: There is a GPU's driver, and its devices cannot be asked for.
    """
    if device_name is not None and device is not None:
        raise WrongTarget("--device-name and --device name two devices: leave one out")
    if device is not None:
        return cpu_here(memory_limit_bytes)
    if device_name is None and memory_limit_bytes is None:
        return target_here()
    try:
        return target_for(device_name, memory_limit_bytes)
    except IllegalValue as error:
        raise WrongTarget(f"--device-name: {error}") from None


def target_here() -> Target:
    """The first GPU of this machine, or else its CPU.

    Raises:
        NoInventory: There is a GPU's driver, and its devices cannot be asked for.
    """
    gpus = inventory().machine.gpus if has_gpu_driver() else ()
    for gpu in gpus:
        capability, total = gpu.compute_capability.value, gpu.memory.total_bytes.value
        if gpu.word is not None and isinstance(capability, str) and total is not None:
            return _of_gpu(gpu.label, capability, int(total))
    return cpu_here()


def cpu_here(memory_limit_bytes: int | None = None) -> Target:
    """This machine's CPU, with the memory that the machine has or its control group allows."""
    memory = host_memory()
    known = (memory.total_bytes.value, memory.limit_bytes.value)
    return Target(
        name=f"CPU: {cpu_model()}",
        compute_capability=None,
        limit_bytes=_least(memory_limit_bytes, *known),
        context_bytes=0,
    )


def target_of(ready: Ready, memory_limit_bytes: int | None) -> Target:
    """What a run predicts for: the device that its worker has.

    Args:
        ready: What the worker told of it.
        memory_limit_bytes: What the user allows, which counts where the device has more; without
            it, all that the device has of its own. A CPU's memory is everybody's, so that no limit
            is known.
    """
    capability = ready.fingerprint.get("compute_capability")
    total: Any = ready.fingerprint.get("total_memory_bytes")
    if isinstance(capability, str):
        return _of_gpu(ready.device, capability, _least(memory_limit_bytes, total))
    return Target(
        name=ready.device,
        compute_capability=None,
        limit_bytes=_least(memory_limit_bytes, total),
        context_bytes=0,
    )


def _of_gpu(name: str, capability: str, limit_bytes: int | None) -> Target:
    """A GPU that is there; its context is as its kind's, or as that of any GPU."""
    try:
        context_bytes = gpu_named(name).context_bytes
    except IllegalValue:
        context_bytes = target_for(None).context_bytes
    major, _, minor = capability.partition(".")
    return Target(
        name=name,
        compute_capability=(int(major), int(minor or 0)),
        limit_bytes=limit_bytes,
        context_bytes=context_bytes,
    )


def _least(*limits_bytes: float | None) -> int | None:
    """The least of the limits that are known; None without any."""
    return min((int(limit) for limit in limits_bytes if limit is not None), default=None)
