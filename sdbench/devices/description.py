"""A machine as ``sdbench devices`` describes it. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from sdbench.devices.nvml_memory import GpuMemory
from sdbench.devices.nvml_processes import GpuProcess
from sdbench.results.figure import Figure


@dataclass(frozen=True, slots=True)
class Told:
    """A word or a yes or no that a device told of itself.

    Attributes:
        value: What it told, or None.
        reason: Why there is no value, or a remark on the one there is.

    Raises:
        ValueError: There is neither a value nor a reason.
    """

    value: bool | str | None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.value is None and not self.reason:
            raise ValueError("what is not told has a reason")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something of the machine or the installation that is unfit, or that changes figures.

    Attributes:
        about: What it concerns: a device's word, or a package.
        seen: What was seen, in a sentence without a full stop.
        advice: What to do, likewise.
    """

    about: str
    seen: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMemory:
    """Memory of the host, and what this process may use of it.

    Attributes:
        total_bytes: What the machine has.
        available_bytes: What can be had without swapping, as the kernel estimates.
        limit_bytes: What this process's control group may use; beyond it the kernel kills.
        limit_used_bytes: What the group uses now, its file cache included.
    """

    total_bytes: Figure
    available_bytes: Figure
    limit_bytes: Figure
    limit_used_bytes: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuDescription:
    """The CPU and its memory.

    Attributes:
        word: What ``--device`` takes.
        label: Its name as people read it.
        cores: Physical cores of the machine.
        threads: Logical processors of the machine.
        usable_threads: Those that this process may run on.
        torch_threads: Threads that torch computes with.
        instruction_set: What torch's kernels use.
        abilities: Instructions that matter for half precision and speed, such as ``bf16``.
        memory: Its memory.
    """

    word: str
    label: str
    cores: Figure
    threads: Figure
    usable_threads: Figure
    torch_threads: Figure
    instruction_set: Told
    abilities: tuple[str, ...]
    memory: HostMemory


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuUsers:
    """The processes that use a GPU.

    Attributes:
        processes: Those that the driver tells, or None.
        reason: Why it tells none, or a remark on what it tells.
    """

    processes: tuple[GpuProcess, ...] | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuState:
    """A GPU at one moment.

    Attributes:
        sm_clock_mhz: Clock of its multiprocessors.
        max_sm_clock_mhz: The highest that it has.
        memory_clock_mhz: Clock of its memory.
        max_memory_clock_mhz: The highest that it has.
        temperature_celsius: Of the chip.
        power_watts: What it draws.
        power_limit_watts: What it may draw.
        clock_events: Why it does not clock higher, in words; None where it is not told.
        clock_events_reason: Why it is not told.
        throttled_by: Those of them that slow what is measured: heat, and failing power.
    """

    sm_clock_mhz: Figure
    max_sm_clock_mhz: Figure
    memory_clock_mhz: Figure
    max_memory_clock_mhz: Figure
    temperature_celsius: Figure
    power_watts: Figure
    power_limit_watts: Figure
    clock_events: tuple[str, ...] | None
    clock_events_reason: str | None
    throttled_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuDescription:
    """A GPU, as its driver and torch tell it.

    Attributes:
        word: What ``--device`` takes; None where torch does not see it.
        label: Its name as people read it.
        uuid: Its UUID, with the prefix that the driver gives it.
        pci_bus: Where it is on the bus.
        driver: Version of the driver.
        compute_capability: Such as ``8.9``.
        abilities: What it can do of what pipelines use, such as ``bf16``.
        is_ecc_on: Whether its memory corrects errors, which costs some of it.
        is_mig_on: Whether it is divided into instances.
        is_persistence_on: Whether the driver stays loaded without a process.
        memory: Its memory.
        users: Who uses it.
        state: Clocks, temperature and power now.
    """

    word: str | None
    label: str
    uuid: Told
    pci_bus: Told
    driver: Told
    compute_capability: Told
    abilities: tuple[str, ...]
    is_ecc_on: Told
    is_mig_on: Told
    is_persistence_on: Told
    memory: GpuMemory
    users: GpuUsers
    state: GpuState


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What can be measured on here, and what of the installation is unfit.

    Attributes:
        cpu: The CPU.
        gpus: Those that torch sees in its order, then those that only the driver sees.
        no_gpus_reason: Why there is none; None where there is one.
        findings: What is unfit, most serious first.
    """

    cpu: CpuDescription
    gpus: tuple[GpuDescription, ...]
    no_gpus_reason: str | None
    findings: tuple[Finding, ...]


MACHINES: TypeAdapter[Machine] = TypeAdapter(Machine)
"""Reads and writes a machine as JSON."""
