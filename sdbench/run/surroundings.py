"""What of the machine would spoil times, looked at before any of them is taken."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sdbench.devices import fitness
from sdbench.errors import SdbenchError
from sdbench.run.interpreter import Interpreter
from sdbench.run.inventory import NoInventory, inventory
from sdbench.run.launch import has_gpu_driver

_IDLE_LOAD = 1.0
"""Processes that run on the average of a minute: sdbench itself is about one."""


class Unfit(SdbenchError):
    """Times that were taken now would be worth nothing; the message says why."""

    exit_code = 4


def gpu_problems(
    torch_device: str, interpreter: Interpreter, environment: Mapping[str, str], folder: Path
) -> tuple[str, ...]:
    """Who else is on a GPU, and whether it is throttled, in sentences; none where all is well.

    No worker may be alive, or it would be found. A device that is no GPU, and one that no driver
    tells of, have no problems.

    Args:
        torch_device: The device, as torch names it.
        interpreter: Where torch and the driver's library are.
        environment: The environment of workers there.
        folder: Where they run.
    """
    if not torch_device.startswith("cuda") or not has_gpu_driver():
        return ()
    word = torch_device if ":" in torch_device else f"{torch_device}:0"
    try:
        machine = inventory(interpreter.path, environment, folder).machine
    except NoInventory:
        return ()
    return tuple(
        f"{found.about}: {found.seen}; {found.advice}"
        for gpu in machine.gpus
        if gpu.word == word
        for check in (fitness.in_use, fitness.throttled)
        if (found := check(gpu)) is not None
    )


def load_remark() -> str | None:
    """That something else kept the processor busy in the last minute; None where it did not.

    It is a remark alone: the average also counts what has ended by now.
    """
    if not hasattr(os, "getloadavg"):
        return None
    load, _, _ = os.getloadavg()
    if load <= 2 * _IDLE_LOAD:
        return None
    return (
        f"the processor was busy before the job began: {load:.1f} processes ran on the average of "
        "the last minute"
    )
