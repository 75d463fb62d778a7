"""Staged runs of a scripted device, by a plan that is written here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from launchers import KeptLauncher

from sdbench.derive.staged import Batch, BatchKind
from sdbench.results.derived import DerivedLatency
from sdbench.results.record import Record, Status
from sdbench.results.store import RECORDS_FILE, Run, read_run
from sdbench.run.order import Order
from sdbench.run.session import Outcome, run_suite
from sdbench.run.staging import Staging
from sdbench.statistics import median_estimate
from sdbench.suite.configuration import Configuration
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite

from .recorder import Recorder

SUITE = """
name: staged
pipeline: {builtin: PIPELINE}
axes:
  dtype: [fp32, fp16]
  scheduler: [euler, ddim, heun]
  steps: [2, 4, 6, 8]
measure: {min_samples: 2, max_samples: 2, timeout: 60s, default: off, confirm_rounds: 1}
fidelity: FIDELITY
"""
ALL, MEASURED = 24, 8
"""Configurations, and those that the plan measures: of each data type euler with all steps."""

WHY = "euler tells the others"


class EulerTells:
    """Measures what draws with euler; the others take as long, or run out of memory like it."""

    def __init__(self, asked: Sequence[Configuration], is_worthwhile: bool = True) -> None:
        self.all = tuple(asked)
        self.is_worthwhile = is_worthwhile
        self.first = sum(_is_euler(one) for one in self.all)

    def next(self, records: Mapping[str, Record]) -> Batch | None:
        wanted = tuple(one for one in self.all if _is_euler(one) and one.key not in records)
        wanted = self.still_open(wanted, records)
        return Batch(BatchKind.IDENTIFY, wanted, WHY) if wanted else None

    def still_open(
        self, asked: Sequence[Configuration], records: Mapping[str, Record]
    ) -> tuple[Configuration, ...]:
        ran_out = {one.knobs["dtype"] for one in records.values() if one.status is Status.OOM}
        return tuple(one for one in asked if one.knobs["dtype"] not in ran_out)

    def derived(self, records: Mapping[str, Record]) -> dict[str, Record]:
        ran_out = {one.knobs["dtype"]: one for one in records.values() if one.out_of_memory}
        found = {}
        for one in self.all:
            source = records.get(_euler(one).key)
            if one.key in records:
                continue
            if (evidence := ran_out.get(one.knobs["dtype"])) is not None:
                found[one.key] = _told(one, inferred_oom_key=evidence.key)
            elif source is not None and source.status is Status.OK:
                found[one.key] = _told(one, derived_latency=_like(source), images_per_call=1)
        return found

    def usual_call_s(self, records: Mapping[str, Record]) -> dict[str, float]:
        return {
            key: median_estimate(one.samples_s).point
            for key, one in records.items()
            if one.samples_s
        }

    def remarks(self, records: Mapping[str, Record]) -> tuple[str, ...]:
        return (f"{len(records)} measured",)


class Doubting(EulerTells):
    """Has its first configuration measured once more."""

    def next(self, records: Mapping[str, Record]) -> Batch | None:
        first = self.all[0]
        if (batch := super().next(records)) is not None or records[first.key].first_look_s:
            return batch
        return Batch(BatchKind.AGAIN, (first,), "once more")


def _is_euler(one: Configuration) -> bool:
    return one.knobs["scheduler"] == "euler"


def _euler(one: Configuration) -> Configuration:
    return Configuration({**one.knobs, "scheduler": "euler"})


def _like(source: Record) -> DerivedLatency:
    call_s = median_estimate(source.samples_s).point
    return DerivedLatency(
        call_s=call_s,
        low_s=0.9 * call_s,
        high_s=1.1 * call_s,
        confidence=0.95,
        images_per_call=1,
        sources=1,
        basis="as with euler",
    )


def _told(one: Configuration, **fields: Any) -> Record:
    return Record(
        key=one.key,
        knobs=dict(one.knobs),
        worker="none",
        started_at="2026-01-02T03:04:05Z",
        status=Status.SKIPPED,
        **fields,
    )


def nothing(run: Run) -> tuple[str, ...]:
    """Names none."""
    return ()


def no_dispute(run: Run, usual_call_s: Mapping[str, float]) -> tuple[str, ...]:
    """Names none."""
    return ()


class Clock:
    """A time that goes on only where it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class StagedRuns:
    """Runs the suite by a plan."""

    def __init__(self, folder: Path, launcher: KeptLauncher, script: Callable[..., str]) -> None:
        self._folder = folder
        self._launcher = launcher
        self._script = script
        self.clock = Clock()
        self.listener = Recorder()
        self.outcome: Outcome | None = None

    def __call__(
        self,
        *,
        planner: Callable[..., Any] = EulerTells,
        tops: Callable[[Run], Sequence[str]] = nothing,
        leaders: Callable[[Run], Sequence[str]] = nothing,
        disputed: Callable[[Run, Mapping[str, float]], Sequence[str]] = no_dispute,
        listener: Recorder | None = None,
        faults: Sequence[Mapping[str, Any]] = (),
        pipeline: str = "tiny",
        fidelity: str = "off",
        is_staged: bool = True,
        **values: Any,
    ) -> Run:
        path = self._folder / "suite.yaml"
        path.write_text(SUITE.replace("PIPELINE", pipeline).replace("FIDELITY", fidelity))
        suite = load_suite(path)
        order = Order(
            suite=suite,
            configurations=configurations(suite),
            results=self._folder / "results",
            device=self._script(faults=list(faults)),
            **values,
        )
        self.listener = listener or Recorder()
        staging = Staging(
            planner=planner, tops=tops, leaders=leaders, disputed=disputed, clock=self.clock
        )
        self.outcome = run_suite(
            order,
            self._launcher,
            self.listener,
            leaders=leaders,
            staging=staging if is_staged else None,
        )
        return read_run(self.outcome.folder)

    @property
    def measured(self) -> list[Record]:
        """What the last run measured, in order."""
        return [one for one in self.listener.records if one.status is not Status.SKIPPED]


def kinds(run: Run) -> Counter[str]:
    """How many are what."""
    return Counter(
        "derived" if one.is_derived else "inferred" if one.is_inferred_oom else one.status.value
        for one in run.latest.values()
    )


def where(run: Run, **knobs: Any) -> list[str]:
    """Keys of the planned configurations with these values, in order."""
    wanted = knobs.items()
    return [
        key
        for key in run.info.planned_keys
        if key in run.latest and all(run.latest[key].knobs[name] == v for name, v in wanted)
    ]


def cut(run: Run, kept: int) -> None:
    """Leaves the first records, as a kill would, with the beginning of one more."""
    path = run.folder / RECORDS_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:kept]) + b'{"schema": 1, "key')
