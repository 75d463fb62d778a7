"""From what a user names as the two sides of an A/B job to what its workers are started from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sdbench.jsontypes import JsonValue
from sdbench.results.ab import BASELINE, CANDIDATE, CONTROL, Installation
from sdbench.run.ab_order import SAME_SIDES, are_the_same
from sdbench.run.installation import probe
from sdbench.run.interpreter import Interpreter, resolve_python
from sdbench.run.launch import Launcher, launcher_for
from sdbench.run.side_environment import SEARCH_PATH, side_environment
from sdbench.run.surroundings import gpu_problems, load_remark
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite
from sdbench.suite.overrides import parse_overrides, refuse_varied


@dataclass(frozen=True, slots=True, kw_only=True)
class SideRequest:
    """A side as the user names it.

    Attributes:
        python: A virtual environment or an interpreter; None for the one that runs this.
        overrides: Knobs that it replaces, each as ``fixed.<knob>=<value>``.
        variables: Environment variables of its own.
    """

    python: str | None = None
    overrides: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSide:
    """A side that workers can be started for.

    Attributes:
        interpreter: Its Python.
        environment: Its workers' environment.
        installation: What is stored of it.
        sdbench_folder: Where it imports sdbench from.
    """

    interpreter: Interpreter
    environment: Mapping[str, str]
    installation: Installation
    sdbench_folder: Path


class PreparedSides:
    """Both sides.

    Args:
        baseline: One side as the user names it.
        candidate: The other.
        suite: What they measure.
        configurations: What it stands for.
        environment: The controller's environment.
        folder: An empty folder for their workers: what lies where they run could come before what
            is installed.

    Raises:
        SuiteError: A knob cannot be replaced.
        NoPython: One is no Python.
        NoInstallation: One has no sdbench, or does not run.
    """

    def __init__(
        self,
        baseline: SideRequest,
        candidate: SideRequest,
        suite: Suite,
        configurations: Sequence[Configuration],
        environment: Mapping[str, str],
        folder: Path,
    ) -> None:
        requests = {BASELINE: baseline, CANDIDATE: candidate}
        overrides = {
            name: parse_overrides(one.overrides, f"--{name}-set") for name, one in requests.items()
        }
        for name, values in overrides.items():
            refuse_varied(suite, configurations, values, f"--{name}-set")
        pythons = {name: resolve_python(one.python) for name, one in requests.items()}
        self._folder = folder
        self._search_path = environment.get(SEARCH_PATH)
        self._sides = {
            name: _prepared(
                pythons[name], requests[name].variables, overrides[name], environment, folder
            )
            for name in requests
        }
        self.baseline, self.candidate = (self._sides[name].installation for name in requests)

    def launchers(self, device: str) -> dict[str, Launcher]:
        """What starts the workers of both sides, and of the control: as the baseline's, apart."""
        sides = {**self._sides, CONTROL: self._sides[BASELINE]}
        return {
            name: launcher_for(device, one.environment, one.interpreter.path, self._folder)
            for name, one in sides.items()
        }

    def problems(self, torch_device: str) -> tuple[str, ...]:
        """Why times of a device would be worth nothing, as the baseline's installation sees it."""
        one = self._sides[BASELINE]
        return gpu_problems(torch_device, one.interpreter, one.environment, self._folder)

    def remarks(self) -> tuple[str, ...]:
        """What a reader of the comparison should know of its sides."""
        return tuple(self._remarks())

    def _remarks(self) -> Iterator[str]:
        before, after = self._sides[BASELINE], self._sides[CANDIDATE]
        if are_the_same(before.installation, after.installation):
            yield SAME_SIDES
        elif (
            before.interpreter.path != after.interpreter.path
            and before.sdbench_folder == after.sdbench_folder
        ):
            yield (
                "both sides import sdbench from one folder: a change of sdbench itself cannot be "
                "seen"
            )
        if self._search_path:
            count = len([one for one in self._search_path.split(os.pathsep) if one])
            yield (
                f"{SEARCH_PATH} reaches both sides ({count} of its folders): what lies there comes "
                "before what is installed"
            )
        if (busy := load_remark()) is not None:
            yield busy


def _prepared(
    interpreter: Interpreter,
    variables: Mapping[str, str],
    overrides: Mapping[str, JsonValue],
    environment: Mapping[str, str],
    folder: Path,
) -> PreparedSide:
    own = side_environment(environment, interpreter, variables)
    probed = probe(interpreter, own, folder, variables, overrides)
    return PreparedSide(
        interpreter=interpreter,
        environment=own,
        installation=probed.installation,
        sdbench_folder=probed.sdbench_folder,
    )
