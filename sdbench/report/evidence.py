"""What the figures rest on: device, versions, command line, protocol; with labels and units."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sdbench.analysis.wording import count
from sdbench.jsontypes import JsonValue
from sdbench.results.not_run import NO_WORKER
from sdbench.results.plan_file import EXHAUSTIVE
from sdbench.results.record import Record
from sdbench.results.store import Run
from sdbench.suite.load import suite_from_json
from sdbench.suite.model import FidelityProtocol, Protocol
from sdbench.units import format_bytes, format_seconds

Fact = tuple[str, str]
"""A label, and what is known."""

_DEVICE_LABELS = {
    "device": "device",
    "total_memory_bytes": "memory",
    "memory_limit_bytes": "memory limit of the run",
    "memory_limit_means": "what the limit is held against",
    "memory_limit_context_bytes": "CUDA context within the limit",
    "memory_limit_context_source": "how the context is known",
    "compute_capability": "compute capability",
    "gpu_count": "GPUs in the machine",
    "driver": "driver",
    "power_limit_watts": "power limit",
    "ecc": "ECC memory",
    "mig": "MIG instances",
    "nvml": "NVML",
    "machine": "architecture",
    "instruction_set": "instructions that torch uses",
    "torch_threads": "threads of torch",
}
"""Names in a fingerprint that tell of the device, with their labels."""

_SOFTWARE_LABELS = {"sdbench": "sdbench", "python": "Python", "cuda": "CUDA", "cudnn": "cuDNN"}
"""Names in a fingerprint that are spelled otherwise; the others are packages, spelled as here."""

_READINGS = {
    "sm_clock_mhz": "clock of the multiprocessors",
    "memory_clock_mhz": "clock of the memory",
    "temperature_celsius": "temperature",
    "power_watts": "power before and after the calls",
    "utilisation_ratio": "utilisation",
}
"""Readings of the device beside the timed calls."""

_UNITS = {"_mhz": "MHz", "_watts": "W", "_celsius": "°C"}


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts under one heading.

    Attributes:
        heading: The heading.
        facts: What is known, with labels.
    """

    heading: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run rests on.

    Attributes:
        groups: The facts by heading.
        command_line: The command that began the run, as a shell takes it; None where not recorded.
        suite_json: The suite as resolved.
    """

    groups: tuple[Facts, ...]
    command_line: str | None
    suite_json: str


def evidence(run: Run) -> Evidence:
    """What a run rests on."""
    info = run.info
    fingerprint, environment = dict(info.fingerprint), dict(info.environment)
    command_line = environment.pop("command_line", None)
    device = {name: fingerprint.pop(name) for name in _DEVICE_LABELS if name in fingerprint}
    suite = suite_from_json(info.suite)
    groups = (
        Facts(
            "Device",
            (
                *((_DEVICE_LABELS[name], value_text(name, v)) for name, v in device.items()),
                *_readings(run.records),
            ),
        ),
        Facts(
            "Software",
            tuple((_SOFTWARE_LABELS.get(n, n), value_text(n, v)) for n, v in fingerprint.items()),
        ),
        Facts("The run", tuple(_run_facts(run, environment))),
        Facts("How each configuration was measured", _protocol(suite.measure, info.planned_rounds)),
        Facts("How fidelity was measured", _fidelity(suite.fidelity)),
    )
    return Evidence(
        groups=tuple(group for group in groups if group.facts),
        command_line=_command_text(command_line),
        suite_json=json.dumps(info.suite, indent=2, ensure_ascii=False),
    )


def value_text(name: str, value: JsonValue) -> str:
    """A value in words, with the unit that its name carries."""
    match value:
        case None:
            return "not installed"
        case bool():
            return "on" if value else "off"
        case int() | float():
            return _number_text(name, value)
        case str():
            return value
        case Mapping():
            return ", ".join(f"{key}={value_text(key, one)}" for key, one in value.items())
        case _:
            return ", ".join(value_text(name, one) for one in value)


def _number_text(name: str, value: float) -> str:
    if name.endswith("_bytes"):
        return format_bytes(int(value))
    if name.endswith("_s"):
        return format_seconds(value)
    if name.endswith("_ratio"):
        return f"{100 * value:.3g} %"
    unit = next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), None)
    if unit is None:
        return str(value)
    return f"{value:,.0f} {unit}"


def _readings(records: Iterable[Record]) -> list[Fact]:
    """The least and the largest of what the device told beside the timed calls."""
    found: dict[str, list[float]] = {name: [] for name in _READINGS}
    events: dict[str, None] = {}
    reasons: dict[str, None] = {}
    for record in records:
        for state in record.device_state.values():
            if not isinstance(state, Mapping):
                continue
            for name, values in found.items():
                if isinstance(value := state.get(name), (int, float)):
                    values.append(value)
            words = state.get("clock_events")
            events.update(dict.fromkeys(map(str, words) if isinstance(words, list) else ()))
            if isinstance(reason := state.get("reason"), str):
                reasons[reason] = None
    facts = [
        (label, _range_text(name, found[name])) for name, label in _READINGS.items() if found[name]
    ]
    if any(found.values()):
        facts.append(("why clocks were held back", ", ".join(events) or "no reason was told"))
    if reasons:
        facts.append(("clocks, power and temperature", "; ".join(reasons)))
    return facts


def _range_text(name: str, values: Sequence[float]) -> str:
    low, high = (_number_text(name, value) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _run_facts(run: Run, environment: Mapping[str, JsonValue]) -> Iterable[Fact]:
    yield "folder", run.folder.name
    yield "began", run.info.started_at.replace("T", " ").replace("Z", " UTC")
    workers = len({record.worker for record in run.records} - {NO_WORKER})
    yield "measured by", f"{workers} {'process' if workers == 1 else 'processes'}"
    if run.info.plan != EXHAUSTIVE:
        yield "plan", run.info.plan
    if run.info.budget_s is not None:
        yield "budget", format_seconds(run.info.budget_s)
    if run.info.shard is not None:
        yield "shard", f"{run.info.shard} of the suite alone"
    rounds = sum(record.round > 0 for record in run.records)
    if rounds:
        yield "fresh rounds after the sweep", str(rounds)
    for name, value in environment.items():
        if name == "variables" and isinstance(value, dict):
            yield from ((key, str(one)) for key, one in value.items())
        elif value is not None:
            yield name.replace("_", " "), value_text(name, value)


def _command_text(command_line: JsonValue) -> str | None:
    if isinstance(command_line, list):
        return shlex.join(map(str, command_line))
    return command_line if isinstance(command_line, str) else None


def _protocol(protocol: Protocol, rounds: int) -> tuple[Fact, ...]:
    warmup = f"{protocol.warmup} to {count(protocol.max_warmup, 'call')}, until they are steady"
    again = count(protocol.confirm_rounds, "fresh round")
    return (
        ("warm-up", warmup),
        ("timed calls", f"{protocol.min_samples} to {protocol.max_samples}"),
        ("stopped at an interval of", f"± {100 * protocol.target_interval:.3g} % of the median"),
        ("or after", f"{format_seconds(protocol.time_budget_s)} of timed calls"),
        ("given up after", format_seconds(protocol.timeout_s)),
        ("loading given up after", format_seconds(protocol.load_timeout_s)),
        ("memory", "in a call of its own, apart from the timed ones"),
        ("default configuration", "measured too" if protocol.default else "not measured"),
        *([("rounds of each", f"{rounds}, every one in a process of its own")] * (rounds > 1)),
        ("the fastest", f"measured again, {again}" if protocol.confirm_rounds else "not repeated"),
    )


def _fidelity(protocol: FidelityProtocol | None) -> tuple[Fact, ...]:
    if protocol is None:
        return (("fidelity", "not measured"),)
    steps = protocol.reference_steps
    scheduler = protocol.reference_scheduler
    return (
        ("prompts", f"{len(protocol.prompts)} of its own" if protocol.prompts else "the inputs'"),
        ("seeds of each prompt", str(protocol.seeds)),
        ("reference", f"{2 * steps} steps in fp32, held against {steps}"),
        (
            "its sampler",
            "one that fits the pipeline" if scheduler is None else value_text("", scheduler),
        ),
    )
