"""The GPUs of a fleet: what a probe on the node tells of each, and which of them are equal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sdbench.errors import IllegalValue
from sdbench.jsontypes import JsonValue
from sdbench.predict.gpus import gpu_named
from sdbench.units import format_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetGpu:
    """One GPU, as its node tells it.

    Attributes:
        node: Address of its node.
        name: Its product's name.
        uuid: Its UUID, with the driver's prefix; None where it is not told.
        memory_bytes: Memory that it has; None where it is not told.
        driver: Version of the driver; None where it is not told.
        power_limit_watts: What it may draw; None where it is not told.
        mig: Whether it is divided into instances; None where it is not told.
        problem: Why nothing can be measured on it as a whole GPU, or None.
    """

    node: str
    name: str
    uuid: str | None = None
    memory_bytes: int | None = None
    driver: str | None = None
    power_limit_watts: float | None = None
    mig: bool | None = None
    problem: str | None = None

    @property
    def kind(self) -> str:
        """The name of GPUs like it: `sdbench.predict.gpus`' where it is known, else its own."""
        return kind_of(self.name)

    @property
    def conditions(self) -> tuple[JsonValue, ...]:
        """What must be equal too for figures of two GPUs of one kind to be of one run."""
        return (self.memory_bytes, self.driver, self.power_limit_watts)

    @property
    def line(self) -> str:
        """It in one line, for people."""
        parts = [self.name, format_bytes(self.memory_bytes)]
        if self.driver is not None:
            parts.append(f"driver {self.driver}")
        if self.power_limit_watts is not None:
            parts.append(f"{self.power_limit_watts:g} W")
        return f"{self.node}: {', '.join(parts)}"


def kind_of(name: str) -> str:
    """The kind of GPU that a name stands for, however it is written."""
    try:
        return gpu_named(name).name
    except IllegalValue:
        return name


def wanted_kinds(hardware: Iterable[str]) -> tuple[str, ...]:
    """The kinds of GPU that a suite asks for, each once.

    Raises:
        IllegalValue: One is not known, or its name is that of several.
    """
    return tuple(dict.fromkeys(gpu_named(name).name for name in hardware))


@dataclass(frozen=True, slots=True)
class Choice:
    """The GPUs that a suite is measured on, by their places in the inventory.

    Attributes:
        groups: Equal GPUs, by their kind.
        missing: Kinds that were asked for and that no usable GPU is of.
        notes: What was left aside, and why.
    """

    groups: dict[str, tuple[int, ...]]
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def choose(gpus: Sequence[FleetGpu], wanted: Sequence[str]) -> Choice:
    """The GPUs of the wanted kinds, and of each kind the most that are equal.

    Args:
        gpus: All that there are.
        wanted: Kinds; empty for every kind that there is.
    """
    notes = [f"{gpu.line}: left out, {gpu.problem}" for gpu in gpus if gpu.problem]
    by_kind: dict[str, dict[tuple[JsonValue, ...], list[int]]] = defaultdict(dict)
    for place, gpu in enumerate(gpus):
        if gpu.problem is None:
            by_kind[gpu.kind].setdefault(gpu.conditions, []).append(place)
    groups = {}
    for kind in wanted or by_kind:
        if kind not in by_kind:
            continue
        chosen = max(by_kind[kind].values(), key=len)
        groups[kind] = tuple(chosen)
        notes += [
            f"{gpus[place].line}: left out, it differs in memory, driver or power limit from "
            f"{gpus[chosen[0]].line}"
            for equal in by_kind[kind].values()
            if equal is not chosen
            for place in equal
        ]
    missing = tuple(kind for kind in wanted if kind not in by_kind)
    return Choice(groups, missing, tuple(notes))
