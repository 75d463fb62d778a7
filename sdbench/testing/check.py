"""The fixture ``sdbench``: a user's own pipeline, measured and held to limits in a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sdbench.analysis.measurement import measurement_of
from sdbench.errors import IllegalValue, SdbenchError
from sdbench.results.rounds import TIMED_STATUSES
from sdbench.results.store import Run
from sdbench.results.table import accepted_samples
from sdbench.suite.configuration import Configuration
from sdbench.suite.load import suite_from_json
from sdbench.testing.baseline import Baseline, find_baseline
from sdbench.testing.in_process import Ask, measured_here
from sdbench.testing.names import folder_name
from sdbench.testing.outcome import Ending, Outcome, outcome_against, outcome_alone
from sdbench.testing.playback import Benchmark, Playback, give_up
from sdbench.testing.summary import Line
from sdbench.units import format_bytes, format_seconds, parse_bytes, parse_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check has measured.

    Attributes:
        key: The configuration's key.
        latency_s: Seconds of one call: the median.
        p95_s: Seconds of one call: the 95th percentile, the slowest of fewer than 20.
        peak_memory_bytes: Peak of live tensors; None where the device does not tell.
        samples_s: Seconds of each timed call, in order; those that were throttled are left out.
    """

    key: str
    latency_s: float
    p95_s: float
    peak_memory_bytes: int | None
    samples_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What of a test, and of its session, a check uses.

    Attributes:
        node_id: The test, as pytest names it.
        benchmark: pytest-benchmark's fixture; None where that is not there.
        clock: The clock that it times by.
        is_timed: Whether times are wanted, and can be had.
        results: Folder that holds all results.
        baseline: Where runs lie that checks with gates are held against; None without any.
        command_line: What the user wrote.
        report: Takes what was measured, for the summary.
    """

    node_id: str
    benchmark: Benchmark | None
    clock: Playback
    is_timed: bool
    results: Path
    baseline: Path | None
    command_line: Sequence[str]
    report: Callable[[Line], None]


class Checker:
    """The value of the fixture."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._names: set[str | None] = set()
        self._is_recorded = False

    def check(
        self,
        pipe: Any,
        *,
        name: str | None = None,
        max_latency: str | None = None,
        max_memory: str | None = None,
        gates: Mapping[str, Any] | None = None,
        measure: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Checked:
        """Measures a loaded pipeline in this process, and leaves it exactly as it was.

        The test fails where the pipeline does not run with these settings, breaks a limit, or is
        worse than the baseline by the gates. The first check of a test goes to pytest-benchmark
        as the test's benchmark; further ones, with names of their own, as its extra information.

        Where benchmarks are disabled (``--benchmark-disable``, or in parallel by ``-n``), the
        pipeline is called just once more, and times are held against nothing.

        Args:
            pipe: The pipeline.
            name: Tells several checks of one test apart.
            max_latency: Longest p95 of one call, such as "2s".
            max_memory: Largest peak of live tensors, such as "8GiB".
            gates: Holds the check against ``--sdbench-baseline``, where that is given, by these
                gates, as in a suite; ``{}`` for a suite's defaults.
            measure: How it is measured, as in a suite; by default at most 10 calls in 20 s.
            settings: Knobs and inputs in the words of suites: ``prompt``, ``steps``, ``height``,
                ``batch_size``, ``scheduler``, ``seed``.

        Returns:
            The figures.
        """
        __tracebackhide__ = True
        asked = _Asked(max_latency, max_memory, gates, measure or {}, settings)
        told = self._told(pipe, name, asked)
        if isinstance(told, str):
            pytest.fail(told)
        return told

    def _told(self, pipe: Any, name: str | None, asked: _Asked) -> Checked | str:
        """The figures, or why the test fails."""
        try:
            limits = _Limits.parsed(asked.max_latency, asked.max_memory)
            folder = self._folder(name)
            ask = Ask(
                name=folder,
                settings=asked.settings,
                measure=asked.measure,
                gates=asked.gates,
                is_timed=self._around.is_timed,
            )
            stored = self._stored(folder) if asked.gates is not None else None
            run = measured_here(pipe, ask, self._around.results, self._around.command_line)
            outcome = self._outcome(run, stored, is_compared=asked.gates is not None)
        except SdbenchError as error:
            self._record(None, name, {})
            return f"sdbench.check: {error}"
        checked, line = self._held(run, name, outcome, limits)
        if checked is None or line.outcome.ending is Ending.FAILED:
            return "\n".join((f"sdbench.check of {line.name}:", *line.outcome.reasons))
        return checked

    def _folder(self, name: str | None) -> str:
        if name in self._names:
            told = "has no name" if name is None else f"is called {name!r}"
            raise SdbenchError(
                f"another check of this test {told} already: give each a name of its own, by name="
            )
        self._names.add(name)
        return folder_name(self._around.node_id, name)

    def _stored(self, folder: str) -> Run | None:
        path = self._around.baseline
        return None if path is None else find_baseline(path, folder)

    def _outcome(self, run: Run, stored: Run | None, is_compared: bool) -> Outcome:
        """What becomes of it, limits apart."""
        (record,) = run.records
        gates = suite_from_json(run.info.suite).gates
        if not is_compared or self._around.baseline is None or not self._around.is_timed:
            return outcome_alone(record, gates)
        if stored is None:
            missing = f"{self._around.baseline} holds no run of this check"
            ending = Ending.FAILED if gates.missing else Ending.PASSED
            return Outcome(ending, "MISSING", (missing,))
        baseline = Baseline.of(stored, gates, [Configuration(record.knobs)])
        advisory = baseline.advisory(run)
        return outcome_against(baseline.row(record, run.folder), record, gates, advisory)

    def _held(
        self, run: Run, name: str | None, outcome: Outcome, limits: _Limits
    ) -> tuple[Checked | None, Line]:
        """The figures, None without any, and the outcome under the limits; all of it on record."""
        (record,) = run.records
        checked = None
        if record.status in TIMED_STATUSES:
            m = measurement_of(record)
            assert m.latency is not None and m.p95_s is not None
            checked = Checked(
                key=record.key,
                latency_s=m.latency.point,
                p95_s=m.p95_s,
                peak_memory_bytes=m.peak_allocated_bytes,
                samples_s=tuple(accepted_samples(record)),
            )
            why = record.peak_allocated_bytes.reason
            broken = limits.broken(checked, why, is_timed=self._around.is_timed)
            if broken:
                outcome = Outcome(Ending.FAILED, "over a limit", (*outcome.reasons, *broken))
        node = self._around.node_id
        line = Line(node if name is None else f"{node} {name}", record, outcome)
        self._around.report(line)
        self._record(checked, name, line.facts)
        return checked, line

    def _record(self, checked: Checked | None, name: str | None, facts: Mapping[str, Any]) -> None:
        """Hands a check to pytest-benchmark: the first one as the benchmark of the test."""
        benchmark = self._around.benchmark
        if benchmark is None:
            return
        if self._is_recorded:
            benchmark.extra_info.setdefault("checks", {})[name] = dict(facts)
            return
        self._is_recorded = True
        benchmark.extra_info.update(facts)
        if checked is None:
            give_up(benchmark)
        else:
            self._around.clock.play_back(benchmark, checked.samples_s)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The arguments of a check."""

    max_latency: str | None
    max_memory: str | None
    gates: Mapping[str, Any] | None
    measure: Mapping[str, Any]
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Limits:
    latency_s: float | None
    memory_bytes: int | None

    @classmethod
    def parsed(cls, max_latency: str | None, max_memory: str | None) -> _Limits:
        """The limits.

        Raises:
            SdbenchError: One is no quantity with its unit.
        """
        return cls(
            _parsed("max_latency", max_latency, parse_seconds),
            _parsed("max_memory", max_memory, parse_bytes),
        )

    def broken(self, checked: Checked, no_memory: str | None, *, is_timed: bool) -> tuple[str, ...]:
        """Which limits are broken, a line each.

        Args:
            checked: The figures.
            no_memory: Why the peak is not known, where it is not.
            is_timed: Whether its times count.
        """
        lines = []
        if is_timed and self.latency_s is not None and checked.p95_s > self.latency_s:
            told = f"{format_seconds(checked.p95_s)} exceeds {format_seconds(self.latency_s)}"
            lines.append(f"max_latency: the p95 of {len(checked.samples_s)} calls of {told}")
        peak = checked.peak_memory_bytes
        if self.memory_bytes is not None and peak is None:
            lines.append(f"max_memory: the peak is not known: {no_memory}")
        elif self.memory_bytes is not None and peak is not None and peak > self.memory_bytes:
            told = f"{format_bytes(peak)} exceeds {format_bytes(self.memory_bytes)}"
            lines.append(f"max_memory: the peak of {told}")
        return tuple(lines)


def _parsed(name: str, raw: str | None, parse: Callable[[object], Any]) -> Any:
    if raw is None:
        return None
    try:
        return parse(raw)
    except IllegalValue as error:
        raise SdbenchError(f"{name}: {error}") from None
