"""Runs of many days in one line each, for tests of histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from factories import PIPELINE, STEADY_S, info, record

from sdbench.results.record import Record
from sdbench.results.store import Run, RunInfo, RunWriter
from sdbench.suite.model import Protocol, Suite

FIRST_DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)
TORCH = "2.12.0"


def calls(latency_s: float) -> tuple[float, ...]:
    """Six timed calls around a latency."""
    return tuple(latency_s * share for share in STEADY_S)


def run_info(
    day: float,
    records: Sequence[Record],
    *,
    suite: str = "nightly",
    fingerprint: Mapping[str, Any] | None = None,
    missing: Sequence[str] = (),
    planned_rounds: int = 1,
    warmup: int = 1,
) -> RunInfo:
    """What holds for all records of a run on a day."""
    started = (FIRST_DAY + timedelta(days=day)).isoformat().replace("+00:00", "Z")
    return info(
        Suite(name=suite, fixed={"pipeline": PIPELINE}, measure=Protocol(warmup=warmup)),
        [*dict.fromkeys(one.key for one in records), *missing],
        started_at=started,
        planned_rounds=planned_rounds,
        fingerprint={"device": "Test CPU", "torch": TORCH, **(fingerprint or {})},
        environment={"torch_device": "cpu", "commit": f"c0ffee{int(day):06}"},
    )


def run_of(day: float, records: Sequence[Record], **fields: Any) -> Run:
    """A run on a day, in no folder."""
    return Run(Path(f"run-{day:03}"), run_info(day, records, **fields), tuple(records))


def runs_of(latencies_s: Sequence[float], **fields: Any) -> list[Run]:
    """A run a day of one configuration with four steps, of these latencies."""
    return [
        run_of(day, [record(steps=4, samples_s=calls(latency_s))], **fields)
        for day, latency_s in enumerate(latencies_s)
    ]


def written(run: Run, results: Path) -> Path:
    """Writes a run below a folder of results, where it would lie."""
    folder = results / str(run.info.suite["name"]) / run.folder.name
    with RunWriter.create(folder, run.info) as writer:
        for one in run.records:
            writer.append(one)
    return folder
