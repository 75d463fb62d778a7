"""What is told of a moment at which memory ran out: the allocator's figures, and a sentence."""

from __future__ import annotations

from sdbench.devices.allocator_message import read_message
from sdbench.devices.base import OTHER_STAGE
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.units import format_bytes

_OUTSIDE_OF_CALLS = ("set-up", "loading")
"""Phases in which no stage of a call can be entered."""

_PHASE_WORDS = {"memory": "memory pass", "timing": "timed call"}


def out_of_memory(error: BaseException, phase: str, stage: str | None) -> OutOfMemory:
    """The moment at which memory ran out.

    Args:
        error: The error that says so.
        phase: What the worker did.
        stage: The named stage of the call in which it was raised, or None.
    """
    if stage is None and phase not in _OUTSIDE_OF_CALLS:
        stage = OTHER_STAGE
    return read_message(str(error), phase, stage)


def out_of_memory_sentence(moment: OutOfMemory, error: BaseException) -> str:
    """The moment in words; the error's own first line where it names no figure."""
    return f"out of memory {_where(moment)}: {_what(moment) or first_line(error)}"


def _where(moment: OutOfMemory) -> str:
    """Stage and phase in words."""
    phase = _PHASE_WORDS.get(moment.phase, moment.phase)
    if moment.stage is None:
        return f"in {phase}" if moment.phase == "set-up" else f"while {phase}"
    return f"in {moment.stage} ({phase})"


def _what(moment: OutOfMemory) -> str | None:
    if moment.requested_bytes is None:
        return None
    asked = f"asked for {format_bytes(moment.requested_bytes)}"
    if moment.limit_bytes is not None and moment.allocated_bytes is not None:
        left = format_bytes(max(0, moment.limit_bytes - moment.allocated_bytes))
        return f"{asked}, {left} were left of {format_bytes(moment.limit_bytes)} allowed"
    if moment.free_bytes is not None and moment.total_bytes is not None:
        free = format_bytes(moment.free_bytes)
        return f"{asked}, {free} were free of {format_bytes(moment.total_bytes)}"
    return asked


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its type's name where it has none."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
