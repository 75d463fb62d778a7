"""Remarks on a configuration that was not alone on its device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sdbench.results.crowding import crowded, waited_ratio
from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Origin
from sdbench.units import MIB, format_bytes

LEAST_COMPANY_BYTES = 128 * MIB
"""What is in use before the worker begins counts as another process from here on: a CUDA context
takes more, an idle driver less."""

_NAMED = 3
"""Processes that are named; a desktop has dozens."""


def company_notes(company: Mapping[int, str]) -> tuple[str, ...]:
    """The other processes on the device while samples were taken.

    Args:
        company: A clause for each, by its number.
    """
    named = list(company.values())[:_NAMED]
    notes = [f"{words} while it was measured" for words in named]
    if len(company) > _NAMED:
        notes.append(f"{len(company) - _NAMED} more processes were on the device")
    return tuple(notes)


def crowding_notes(samples_s: Sequence[float], waited_s: Sequence[float]) -> tuple[str, ...]:
    """That samples waited for a processor; nothing where they did not, or hardly.

    Args:
        samples_s: Seconds of every timed call.
        waited_s: For each, seconds that it waited for a processor; empty where that is not told.
    """
    ratio = crowded(waited_ratio(samples_s, waited_s))
    if ratio is None:
        return ()
    return (f"waited for a processor for {ratio:.0%} of a timed call: something else had it",)


def unseen_company_notes(memory: DeviceMemory | None) -> tuple[str, ...]:
    """The same where the driver does not tell processes apart, as in a container."""
    others = memory.other_processes_bytes if memory else None
    if others is None or others.value is None or others.origin is not Origin.INFERRED:
        return ()
    if others.value < LEAST_COMPANY_BYTES:
        return ()
    used = format_bytes(round(others.value))
    return (f"{used} of the device were in use before the worker began",)
