from __future__ import annotations

from pathlib import Path
from typing import Any

import ab_jobs
import factories
import pytest

from sdbench.results.store import Run
from sdbench.testing import check
from sdbench.testing.check import Checker, Surroundings
from sdbench.testing.playback import Playback
from sdbench.testing.summary import Line


def checked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, suite_gates: dict[str, Any], runs: list[Run]
) -> Line:
    """The line of a check whose pipeline measures as the second run, against the first."""
    baseline, measured = runs
    lines: list[Line] = []
    monkeypatch.setattr(check, "measured_here", lambda *given: measured)
    around = Surroundings(
        node_id="test_speed.py::test_it",
        benchmark=None,
        clock=Playback(),
        is_timed=True,
        results=folder,
        baseline=baseline.folder,
        command_line=(),
        report=lines.append,
    )
    Checker(around).check(None, gates=suite_gates)
    (line,) = lines
    return line


def test_all_gated_times_of_a_check_share_the_chance_of_a_false_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for index, gates in enumerate((ab_jobs.Gates(), ab_jobs.Gates(load=0.02, first_call=0.02))):
        place = tmp_path / str(index)
        place.mkdir()
        record = factories.record()
        runs = [ab_jobs.stored(place, [record], gates) for _ in range(2)]
        seen.append(checked(place, monkeypatch, {}, runs).outcome.detectable_ratio)
    latency_alone, among_three = seen
    assert latency_alone is not None
    assert among_three is not None
    assert among_three > latency_alone
