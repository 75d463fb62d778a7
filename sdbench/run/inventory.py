"""The devices of this machine, asked for in a process that may import torch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sdbench.devices.description import MACHINES, Machine
from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.run.environment import versions, worker_environment
from sdbench.run.ownership import with_controller

_TIMEOUT_S = 120.0


class NoInventory(SdbenchError):
    """The devices could not be asked for."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Inventory:
    """The devices of this machine, and the versions that a worker would run with."""

    machine: Machine
    versions: dict[str, JsonValue]

    def to_json(self) -> dict[str, Any]:
        """The inventory as programs read it: the CPU and then the GPUs, as torch counts them."""
        machine = MACHINES.dump_python(self.machine, mode="json")
        return {
            "devices": [machine["cpu"], *machine["gpus"]],
            "no_gpus_reason": machine["no_gpus_reason"],
            "findings": machine["findings"],
            "versions": self.versions,
        }


def inventory(
    python: str = sys.executable,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Inventory:
    """Asks a process that imports torch.

    Args:
        python: The interpreter to ask in.
        environment: Its environment variables; None for those that workers get.
        folder: Where it runs; None for the present folder.

    Raises:
        NoInventory: It ends in an error, or does not answer.
    """
    try:
        answer = subprocess.run(
            [python, "-m", "sdbench.devices.inventory"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_TIMEOUT_S,
            env=with_controller(environment or worker_environment(os.environ)),
            cwd=folder,
        )
        return Inventory(MACHINES.validate_json(answer.stdout), versions())
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        last = lines[-1] if lines else f"exit code {error.returncode}"
        raise NoInventory(f"the devices cannot be asked for: {last}") from None
    except subprocess.TimeoutExpired:
        raise NoInventory(f"the devices did not answer within {_TIMEOUT_S:g} s") from None
    except ValidationError as error:
        raise NoInventory(f"the devices answered what is no inventory: {error}") from None
