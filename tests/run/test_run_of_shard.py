"""Runs of shards: their folders, and which of them ``--resume`` goes on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from launchers import KeptLauncher

from sdbench.results.store import read_run
from sdbench.run import run_folder
from sdbench.run.order import Order
from sdbench.run.run_folder import newest_run
from sdbench.run.session import run_suite

from .recorder import Recorder


def test_a_shard_is_gone_on_with_and_no_other_run(
    order: Callable[..., Order], forked: KeptLauncher, recorder: Recorder
) -> None:
    whole = run_suite(order(), forked, recorder).folder
    second = run_suite(order(shard="2/2"), forked, recorder).folder
    assert second.name.endswith("-scripted-shard2of2")
    assert read_run(second).info.shard == "2/2"
    first = run_suite(order(shard="1/2"), forked, recorder).folder
    results = whole.parents[1]
    found = [newest_run(results, "scripted", shard) for shard in (None, "1/2", "2/2", "2/3")]
    assert found == [whole, first, second, None]
    again = run_suite(order(shard="2/2", resume=True), forked, recorder)
    assert (again.folder, recorder.done_before) == (second, 6)
    new = run_suite(order(shard="2/3", resume=True), forked, recorder)
    assert new.folder.name.endswith("-scripted-shard2of3")


def test_a_folder_that_another_command_line_took_in_between_is_left_alone(
    order: Callable[..., Order],
    forked: KeptLauncher,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Two devices of one name began in one second, and one of them ended in an error."""
    taken = tmp_path / "taken"
    taken.mkdir()
    names = iter([taken, tmp_path / "free"])
    monkeypatch.setattr(run_folder, "free_folder", lambda *arguments: next(names))
    assert run_suite(order(), forked, recorder).folder == tmp_path / "free"
    assert list(taken.iterdir()) == []
