"""A GPU in lines for a terminal, each with what its driver tells, and why it does not tell more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdbench.devices.description import GpuDescription, GpuUsers, Told
from sdbench.devices.nvml_memory import GpuMemory
from sdbench.devices.nvml_processes import GpuProcess
from sdbench.results.figure import Figure
from sdbench.units import format_bytes

Line = tuple[str, str]
"""A label and what is told under it."""

Part = tuple[str, str | None, str | None]
"""A name, what is told of it or None, and why it is not told."""


def gpu_lines(gpu: GpuDescription) -> Iterator[Line]:
    """Memory, users, clocks, state, abilities, modes and names."""
    if gpu.word is None:
        is_divided = gpu.is_mig_on.value is True
        yield "torch", "sees its MIG instances, if any" if is_divided else "does not see it"
    state = gpu.state
    yield "memory", _memory(gpu.memory)
    yield "used by", _users(gpu.users)
    yield (
        "clocks",
        _joined(
            (
                _of_most("SM", state.sm_clock_mhz, state.max_sm_clock_mhz, "MHz"),
                _of_most("memory", state.memory_clock_mhz, state.max_memory_clock_mhz, "MHz"),
            )
        ),
    )
    events = state.clock_events
    yield (
        "state",
        _joined(
            (
                _of_most("temperature", state.temperature_celsius, None, "°C"),
                _of_most("power", state.power_watts, state.power_limit_watts, "W"),
                (
                    "clock events",
                    None if events is None else f"clock events: {', '.join(events) or 'none'}",
                    state.clock_events_reason,
                ),
            )
        ),
    )
    yield "can do", _abilities(gpu)
    modes = (("ECC", gpu.is_ecc_on), ("MIG", gpu.is_mig_on), ("persistence", gpu.is_persistence_on))
    yield "modes", _joined(_mode(name, told) for name, told in modes)
    names = (("UUID", gpu.uuid), ("PCI", gpu.pci_bus), ("driver", gpu.driver))
    yield "known as", _joined(_name(name, told) for name, told in names)


def _memory(memory: GpuMemory) -> str:
    figures = (
        ("in all", memory.total_bytes),
        ("used", memory.used_bytes),
        ("free", memory.free_bytes),
        ("kept by the driver", memory.reserved_bytes),
    )
    told = _joined(
        (words, f"{format_bytes(int(figure.value))} {words}", None)
        if figure.value is not None
        else (words, None, figure.reason)
        for words, figure in figures
    )
    used = memory.used_bytes
    remark = used.reason if used.value is not None else None
    return f"{told} ({remark})" if remark else told


def _users(users: GpuUsers) -> str:
    if users.processes is None:
        return f"not told: {users.reason}"
    named = "; ".join(map(_user, users.processes)) or "no process that the driver tells"
    return f"{named} ({users.reason})" if users.reason else named


def _user(process: GpuProcess) -> str:
    used = process.used_bytes
    size = format_bytes(int(used.value)) if used.value is not None else f"not told: {used.reason}"
    return f"{process.pid} {process.name or '(no name told)'}, {size}"


def _abilities(gpu: GpuDescription) -> str:
    capability = gpu.compute_capability
    if capability.value is None:
        return f"not told: {capability.reason}"
    able = ", ".join(gpu.abilities) or "none of bf16, TF32 and flash attention"
    return f"{able} (compute capability {capability.value})"


def _of_most(name: str, now: Figure, most: Figure | None, unit: str) -> Part:
    if now.value is None:
        return name, None, now.reason
    limit = "" if most is None or most.value is None else f" of {most.value:g}"
    return name, f"{name} {now.value:g}{limit} {unit}", None


def _mode(name: str, told: Told) -> Part:
    if told.value is None:
        return name, None, told.reason
    return name, f"{name} {'on' if told.value else 'off'}", None


def _name(name: str, told: Told) -> Part:
    return name, None if told.value is None else f"{name} {told.value}", told.reason


def _joined(parts: Iterable[Part]) -> str:
    """What is told, and then each reason once, with the names of what it keeps from being told."""
    told: list[str] = []
    missing: dict[str | None, list[str]] = {}
    for name, text, reason in parts:
        if text is None:
            missing.setdefault(reason, []).append(name)
        else:
            told.append(text)
    if not told and len(missing) == 1:
        return f"not told: {next(iter(missing))}"
    reasons = (f"{', '.join(names)} not told: {reason}" for reason, names in missing.items())
    return "; ".join(filter(None, (", ".join(told), *reasons)))
