"""The folder of an A/B job: ``ab.json`` beside a run for each side and one for the control.

    results/<suite>/<UTC time>-<device>-ab/
        ab.json       how it was measured
        baseline/     a run: round i of a configuration is its half of pair i
        candidate/    the same of the other side
        control/      the baseline's installation again, the control configuration alone

Rounds are numbered by pair, from 0 on; those below `AbInfo.screen_pairs` are the first look, all
others fresh pairs of suspects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sdbench.jsontypes import JsonValue
from sdbench.results.record import RECORD_SCHEMA, to_json
from sdbench.results.store import Run, RunFolderError, read_run

AB_FILE = "ab.json"
BASELINE, CANDIDATE, CONTROL = "baseline", "candidate", "control"

SCREEN_PAIRS, CONFIRM_PAIRS, MOST_PAIRS = 4, 8, 16
"""Pairs of the first look, and fresh pairs of a suspect at least and at most, unless told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One side of an A/B job.

    Attributes:
        source: What the user named it by: the name of a virtual environment or interpreter.
        python: Version of its Python.
        packages: Versions of all distributions installed there, with the commit where one is known.
        variables: Environment variables that are set on this side alone.
        overrides: Knobs that are set on this side alone, in place of the suite's.
    """

    source: str
    python: str
    packages: Mapping[str, str]
    variables: Mapping[str, str]
    overrides: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class AbInfo:
    """How an A/B job was measured.

    Attributes:
        schema: Version of the format.
        baseline: One side.
        candidate: The other.
        twins: The candidate's key of each configuration, by the baseline's, in the order of the
            plan; they differ where an override changes a knob.
        screen_pairs: Pairs of the first look at every configuration.
        confirm_pairs: Fresh pairs that a suspect gets at least.
        most_pairs: Fresh pairs that a suspect gets at most.
        control_key: The baseline's key of the control configuration, or None without a control.
        in_turns: Whether workers of a pair were alive together, and their timed calls took turns;
            False where a worker of one side measured after one of the other.
        notes: Remarks for the reader.
        is_finished: Whether it came to its end.
    """

    schema: int = RECORD_SCHEMA
    baseline: Installation
    candidate: Installation
    twins: Mapping[str, str]
    screen_pairs: int
    confirm_pairs: int
    most_pairs: int
    control_key: str | None
    in_turns: bool = False
    notes: tuple[str, ...] = ()
    is_finished: bool = False


_AB_INFOS: TypeAdapter[AbInfo] = TypeAdapter(AbInfo)


@dataclass(frozen=True, slots=True)
class AbJob:
    """An A/B job as read back.

    Attributes:
        folder: Where it lies.
        info: How it was measured.
        baseline: The baseline's run.
        candidate: The candidate's run.
        control: The control's run, or None without one.
    """

    folder: Path
    info: AbInfo
    baseline: Run
    candidate: Run
    control: Run | None


def is_ab_job(folder: Path) -> bool:
    """Whether a folder holds an A/B job."""
    return (folder / AB_FILE).is_file()


def write_ab_info(folder: Path, info: AbInfo) -> None:
    """Writes how a job is measured, as a whole or not at all."""
    partial = folder / f"{AB_FILE}.partial"
    partial.write_text(to_json(_AB_INFOS, info, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / AB_FILE)


def read_ab_job(folder: Path) -> AbJob:
    """Reads a job, also one that is still being measured or was cut off.

    Raises:
        RunFolderError: The folder is no job, or a file in it is damaged.
    """
    try:
        info = _AB_INFOS.validate_json((folder / AB_FILE).read_bytes())
    except FileNotFoundError:
        raise RunFolderError(f"{folder} is not an A/B job: it has no {AB_FILE}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]["msg"]
        raise RunFolderError(f"{folder / AB_FILE} is damaged: {first}") from None
    return AbJob(
        folder=folder,
        info=info,
        baseline=read_run(folder / BASELINE),
        candidate=read_run(folder / CANDIDATE),
        control=read_run(folder / CONTROL) if (folder / CONTROL).is_dir() else None,
    )
