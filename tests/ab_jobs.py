"""A/B jobs and repeated runs in one line each, for tests of everything that compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import factories

from sdbench.results.ab import (
    BASELINE,
    CANDIDATE,
    CONTROL,
    AbInfo,
    AbJob,
    Installation,
    read_ab_job,
    write_ab_info,
)
from sdbench.results.record import Record
from sdbench.results.store import Run, RunWriter
from sdbench.suite.gates import Gates
from sdbench.suite.model import Suite

SCREEN_PAIRS, CONFIRM_PAIRS, MOST_PAIRS = 4, 8, 16

NO_DIFFERENCE = (1.001, 0.999, 1.0005, 0.9995)
"""Ratios of a first look that found nothing."""

OPEN = (0.9, 1.12, 0.93, 1.06)
"""Ratios of a first look in noise, whose mean is below any margin."""


def suite(gates: Gates | None = None) -> Suite:
    """A suite with these gates, or the usual ones."""
    return Suite(name="test", fixed={"pipeline": factories.PIPELINE}, gates=gates or Gates())


def installation(source: str = "venv", **fields: Any) -> Installation:
    """An installation with a torch and a diffusers."""
    content: dict[str, Any] = {
        "source": source,
        "python": "3.11.7",
        "packages": {"torch": "2.13.0", "diffusers": "0.42.1"},
        "variables": {},
        "overrides": {},
    }
    return Installation(**{**content, **fields})


def round_of(number: int, seconds: float, **values: Any) -> Record:
    """A round with six calls of about so many seconds, in a worker of its own.

    Args:
        number: Its number.
        seconds: Median of its calls.
        values: As `factories.record` takes them.
    """
    fields = {"round": number, "worker": f"worker-{number + 1}", **values.pop("fields", {})}
    return factories.record(samples_s=factories.around(seconds, 0.001), fields=fields, **values)


def pairs(
    ratios: Sequence[float], *, start: int = 0, seconds: float = 1.0, **values: Any
) -> tuple[list[Record], list[Record]]:
    """The rounds of both sides, whose medians have these ratios.

    Args:
        ratios: A ratio of candidate to baseline for each pair.
        start: Number of the first pair.
        seconds: The baseline's median.
        values: As `factories.record` takes them, for both sides.
    """
    numbers = range(start, start + len(ratios))
    before = [round_of(number, seconds, **values) for number in numbers]
    after = [
        round_of(number, seconds * ratio, **values)
        for number, ratio in zip(numbers, ratios, strict=True)
    ]
    return before, after


def ab_job(
    folder: Path,
    baseline: Sequence[Record],
    candidate: Sequence[Record],
    /,
    *,
    control: Sequence[Record] | None = None,
    gates: Gates | None = None,
    is_finished: bool = True,
    twins: Mapping[str, str] | None = None,
    name: str = "job-ab",
    **info_fields: Any,
) -> AbJob:
    """A job that was written to a folder below ``folder``, and read back.

    Args:
        folder: An existing folder.
        baseline: Rounds of the baseline.
        candidate: Rounds of the candidate.
        control: Rounds of the control, which is the first configuration; None for no control.
        gates: The suite's gates.
        is_finished: Whether it came to its end.
        twins: The candidate's keys by the baseline's; by default they are equal.
        name: Name of the job's folder.
        info_fields: Fields of `AbInfo` in place of the usual ones.
    """
    place = folder / name
    place.mkdir()
    keys = dict.fromkeys(record.key for record in (*baseline, *candidate))
    content: dict[str, Any] = {
        "baseline": installation("baseline-venv"),
        "candidate": installation("candidate-venv"),
        "twins": twins or {key: key for key in keys},
        "screen_pairs": SCREEN_PAIRS,
        "confirm_pairs": CONFIRM_PAIRS,
        "most_pairs": MOST_PAIRS,
        "control_key": next(iter(keys)) if control is not None else None,
        "is_finished": is_finished,
    }
    write_ab_info(place, AbInfo(**{**content, **info_fields}))
    sides = {BASELINE: baseline, CANDIDATE: candidate, CONTROL: control}
    for name, records in sides.items():
        if records is not None:
            info = factories.info(suite(gates), dict.fromkeys(one.key for one in records))
            with RunWriter.create(place / name, info) as writer, mock.patch("os.fsync"):
                for record in records:
                    writer.append(record)
    return read_ab_job(place)


def stored(folder: Path, records: Sequence[Record], gates: Gates | None = None, **info: Any) -> Run:
    """A stored run of these rounds in a new folder below ``folder``."""
    place = folder / f"stored-{len(list(folder.iterdir()))}"
    place.mkdir()
    return factories.run(place, records, suite=suite(gates), **info)


def processes(seconds: Sequence[float], **values: Any) -> list[Record]:
    """Rounds of one configuration, each in a worker of its own, with these medians."""
    return [round_of(number, value, **values) for number, value in enumerate(seconds)]


def with_stage(record: Record, stage: str, seconds: float) -> Record:
    """A round with a stage of so many seconds in each call."""
    calls = tuple(seconds for _ in record.samples_s)
    return replace(record, stages_s={**record.stages_s, stage: calls})
