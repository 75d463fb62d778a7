"""Which controller a worker belongs to: written into its environment, and handed down from there.

So that what outlives its controller can be told from the workers of a session that runs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from sdbench.run.processes import ProcessId

CONTROLLER_VARIABLE = "SDBENCH_CONTROLLER"
"""Holds the controller's number and the moment of its start, such as ``4711:123456``."""


def with_controller(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for workers of this process."""
    controller = ProcessId.of(os.getpid())
    if controller is None:
        return dict(environment)
    mark = f"{controller.pid}:{controller.start_ticks}"
    return {**environment, CONTROLLER_VARIABLE: mark}


def controller_of(environment: Mapping[str, str]) -> ProcessId | None:
    """The controller that an environment names; None where it names none."""
    pid, _, start_ticks = environment.get(CONTROLLER_VARIABLE, "").partition(":")
    if not (pid.isdecimal() and start_ticks.isdecimal()):
        return None
    return ProcessId(int(pid), int(start_ticks))
