"""The devices of this machine, asked for in a process that may import torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.run.environment import versions, worker_environment

_TIMEOUT_S = 120.0


class NoInventory(SdbenchError):
    """The devices could not be asked for."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device that can be measured on.

    Attributes:
        word: What ``--device`` takes.
        label: Its name as people read it.
        facts: What is known of it, units in the names.
    """

    word: str
    label: str
    facts: Mapping[str, JsonValue]

    @property
    def details(self) -> str:
        """The facts in one line."""
        return ", ".join(
            f"{name} {value}" for name, value in self.facts.items() if name != "device"
        )


@dataclass(frozen=True, slots=True)
class Inventory:
    """The devices of this machine, and the versions that a worker would run with."""

    devices: tuple[FoundDevice, ...]
    versions: Mapping[str, JsonValue]

    def to_json(self) -> dict[str, Any]:
        """The inventory as programs read it."""
        return asdict(self)


def inventory() -> Inventory:
    """Asks a process that imports torch.

    Raises:
        NoInventory: torch cannot be imported, or does not answer.
    """
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "sdbench.devices.inventory"],
            capture_output=True,
            check=True,
            timeout=_TIMEOUT_S,
            env=worker_environment(os.environ),
        )
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise NoInventory(f"torch does not work here: {' '.join(last)}") from None
    except subprocess.TimeoutExpired:
        raise NoInventory(f"the devices did not answer within {_TIMEOUT_S:g} s") from None
    devices = tuple(FoundDevice(**device) for device in json.loads(answer.stdout))
    return Inventory(devices, versions())
