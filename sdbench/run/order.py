"""What a run is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the user asked for.

    Attributes:
        suite: The suite.
        configurations: What it stands for.
        results: Folder that holds all results.
        device: Word for the device.
        trust_remote_code: Whether models' own code may run.
        resume: Whether to go on with the newest run of this suite.
        memory_limit_bytes: What a configuration may use of the device's memory, or None.
        rounds: Rounds of every configuration, the sweep's among them, each in a worker of its own.
        plan: ``staged`` or ``exhaustive``, where the run may be a staged one; None for what the
            run that it goes on with was, and otherwise ``staged``.
        budget_s: Seconds that a staged run may take from its first drawing or round on, or None.
        shard: Which part of the suite the configurations are, such as ``2/4``; None for all.
        command_line: What the user wrote, for reading; by default this process's arguments.
    """

    suite: Suite
    configurations: Sequence[Configuration]
    results: Path
    device: str = "auto"
    trust_remote_code: bool = False
    resume: bool = False
    memory_limit_bytes: int | None = None
    rounds: int = 1
    plan: str | None = None
    budget_s: float | None = None
    shard: str | None = None
    command_line: tuple[str, ...] = ()

    @property
    def references(self) -> Path:
        """Folder of the references, which all runs share; it can be removed at any time."""
        return self.results / ".references"
