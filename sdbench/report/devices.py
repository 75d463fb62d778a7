"""The devices of a machine for a terminal: what can be measured on, and what is unfit."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from sdbench.devices.description import (
    CpuDescription,
    Finding,
    HostMemory,
    Machine,
)
from sdbench.jsontypes import JsonValue
from sdbench.report.gpu_lines import Line, gpu_lines
from sdbench.results.figure import Figure
from sdbench.units import format_bytes

_WORD_WIDTH = 8
_LABEL_WIDTH = 9


def machine_text(machine: Machine, versions: Mapping[str, JsonValue], columns: int) -> str:
    """The devices, what is unfit with advice, and the versions that workers run with.

    Args:
        machine: The devices of this machine.
        versions: Versions of what workers run with; None for what is not installed.
        columns: Width to wrap to.
    """
    cpu = machine.cpu
    blocks = [_block(cpu.word, cpu.label, _cpu_lines(cpu), columns)]
    for gpu in machine.gpus:
        blocks.append(_block(gpu.word or "unused", gpu.label, gpu_lines(gpu), columns))
    if machine.no_gpus_reason:
        blocks.append(_block("no GPU", machine.no_gpus_reason, (), columns))
    blocks.append(_findings(machine.findings, columns))
    named = ", ".join(f"{name} {value}" for name, value in versions.items() if value)
    blocks.append(_wrapped(f"Workers run with {named}.", columns))
    return "\n\n".join(blocks) + "\n"


def _block(word: str, title: str, lines: Iterable[Line], columns: int) -> str:
    indent = " " * _WORD_WIDTH
    rest = " " * (_WORD_WIDTH + _LABEL_WIDTH)
    texts = [_wrapped(title, columns, f"{word:<{_WORD_WIDTH}}", indent)]
    for label, text in lines:
        first = f"{indent}{label:<{_LABEL_WIDTH}}"
        texts.append(_wrapped(text, columns, first, rest))
    return "\n".join(texts)


def _findings(findings: Iterable[Finding], columns: int) -> str:
    found = list(findings)
    if not found:
        return "Nothing unfit was found."
    lines = ["Unfit, or to be known:"]
    for finding in found:
        lines.append(_wrapped(f"{finding.about}: {finding.seen}.", columns, "  - ", "    "))
        end = "" if finding.advice.endswith("/") else "."  # of an address to be copied
        lines.append(_wrapped(f"{finding.advice}{end}", columns, "    -> ", "       "))
    return "\n".join(lines)


def _cpu_lines(cpu: CpuDescription) -> Iterator[Line]:
    threads = [
        _with_unit(cpu.cores, "cores", "an unknown number of cores"),
        _with_unit(cpu.threads, "threads"),
    ]
    if cpu.usable_threads.value not in (None, cpu.threads.value):
        threads.append(f"{cpu.usable_threads.value} of them for this process")
    threads.append(_with_unit(cpu.torch_threads, "used by torch"))
    yield "cores", ", ".join(filter(None, threads))
    yield "can do", ", ".join(cpu.abilities) or "nothing that its kernel tells"
    if cpu.instruction_set.value:
        yield "torch", f"kernels for {cpu.instruction_set.value}"
    yield from _host_memory_lines(cpu.memory)


def _host_memory_lines(memory: HostMemory) -> Iterator[Line]:
    total, available = memory.total_bytes, memory.available_bytes
    if total.value is None:
        yield "memory", f"not told: {total.reason}"
    else:
        yield "memory", f"{_bytes(total)}, {_bytes(available)} available"
    limit, used = memory.limit_bytes, memory.limit_used_bytes
    if limit.value is not None:
        yield (
            "limit",
            f"{_bytes(limit)} for this container or job (control group), {_bytes(used)} in use "
            "with its file cache; beyond it the kernel kills",
        )


def _with_unit(figure: Figure, unit: str, otherwise: str = "") -> str:
    return f"{figure.value:g} {unit}" if figure.value is not None else otherwise


def _bytes(figure: Figure) -> str:
    return "an unknown part" if figure.value is None else format_bytes(int(figure.value))


def _wrapped(text: str, columns: int, first: str = "", rest: str = "") -> str:
    return textwrap.fill(
        text,
        columns,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
