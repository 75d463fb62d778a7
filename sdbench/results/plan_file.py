"""``plan.json`` in a run's folder: what is known of a staged run only at its end."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from sdbench.results.record import to_json

PLAN_FILE = "plan.json"
PLAN_SCHEMA = 1
"""Version of the format. Readers accept every version up to this one."""

EXHAUSTIVE, STAGED = "exhaustive", "staged"
"""How a run goes about: all is measured, or few, and the rest derived from these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanNotes:
    """How a staged run went, for its reader.

    Attributes:
        schema: Version of the format.
        remarks: How well the rest was told by what was measured.
        is_finished: Whether it came to its end: when it goes on, nothing is left to look for.
        stopped_by_budget: Whether its time was over before all of the plan was done.
        elapsed_s: Seconds that it took from the first drawing or round on, all sessions together
            that came to an end of their own; None where that is not known.
    """

    schema: int = PLAN_SCHEMA
    remarks: tuple[str, ...] = ()
    is_finished: bool = False
    stopped_by_budget: bool = False
    elapsed_s: float | None = None


_NOTES: TypeAdapter[PlanNotes] = TypeAdapter(PlanNotes)


def write_plan_notes(folder: Path, notes: PlanNotes) -> None:
    """Writes them in place of those that were there; a crash leaves the ones or the others."""
    partial = folder / f"{PLAN_FILE}.partial"
    with partial.open("w", encoding="utf-8") as file:
        file.write(to_json(_NOTES, notes, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / PLAN_FILE)


def read_plan_notes(folder: Path) -> PlanNotes | None:
    """The notes of a run; None of one that has none: it is exhaustive, or was cut off.

    Raises:
        OSError: The file cannot be read.
        pydantic.ValidationError: It does not hold such notes.
    """
    path = folder / PLAN_FILE
    return _NOTES.validate_json(path.read_bytes()) if path.exists() else None
