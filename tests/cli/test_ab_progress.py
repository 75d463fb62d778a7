"""What an A/B job says while it goes."""

from __future__ import annotations

import io
from pathlib import Path

import factories
import pytest
from rich.console import Console
from rich.progress import Progress

from sdbench.cli.ab_progress import AbProgress, ab_progress
from sdbench.run.ab_listener import Pair, Stage, StageKind
from sdbench.suite.configuration import Configuration

CONFIGURATIONS = [Configuration(factories.knobs(steps=steps)) for steps in (2, 4)]


def pair(
    number: int,
    *changes: float,
    kind: StageKind = StageKind.SCREENING,
    control: float | None = None,
    failed: int = 0,
) -> Pair:
    return Pair(kind=kind, number=number, changes=changes, control=control, failed=failed)


def test_each_stage_and_each_pair_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress = AbProgress(most_pairs=16)
    progress.begun(Path("results/x"), "CPU", CONFIGURATIONS)
    progress.note("a remark")
    progress.stage(Stage(StageKind.SCREENING, 2, 4, 20))
    progress.finished(CONFIGURATIONS[0], factories.record(steps=2))
    progress.pair(pair(1, 1.004, 1.051, control=0.9996))
    progress.pair(pair(2, 0.98, control=1.01, failed=1))
    progress.stage(Stage(StageKind.CONFIRMING, 1, 8, 32))
    progress.pair(pair(8, kind=StageKind.CONFIRMING, failed=2))
    progress.stage(Stage(StageKind.SHARPENING, 1, 2, 8))
    progress.pair(pair(9, 1.02, kind=StageKind.SHARPENING))
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.splitlines() == [
        "CPU: 2 configurations on two sides",
        "into results/x",
        "a remark",
        "screening: 2 configurations, 4 pairs (20 rounds)",
        "pair 1 of 4: candidate +2.7 % (+0.4 % to +5.1 %), control -0.04 %",
        "pair 2 of 4: candidate -2.0 %, control +1.0 %, 1 failed",
        "1 suspect: 8 fresh pairs (32 rounds)",
        "fresh pair 8 of 8: nothing ran on both sides, 2 failed",
        "1 not told from noise yet: 2 more pairs (8 rounds)",
        "fresh pair 9 of at most 16: candidate +2.0 %",
    ]


def test_a_terminal_has_a_bar_of_the_stage_s_rounds() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with Progress(console=console, auto_refresh=False) as bar:
        progress = AbProgress(16, bar)
        progress.begun(Path("results/x"), "CPU", CONFIGURATIONS)
        progress.stage(Stage(StageKind.SCREENING, 2, 4, 20))
        progress.phase(CONFIGURATIONS[0], "timed calls")
        progress.finished(CONFIGURATIONS[0], factories.record(steps=2))
        task = bar.tasks[0]
        assert (task.completed, task.total, task.description) == (1, 20, "timed calls")
        progress.stage(Stage(StageKind.CONFIRMING, 1, 8, 32))
        assert (task.completed, task.total) == (0, 32)


def test_a_job_goes_on_where_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    said = []

    def echo(line: str, err: bool) -> None:
        said.append(line)
        raise BrokenPipeError

    monkeypatch.setattr("sdbench.cli.ab_progress.click.echo", echo)
    with ab_progress(16) as progress:
        progress.note("one")
        progress.note("two")
    assert said == ["one"]
