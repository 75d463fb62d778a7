from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sdbench.fleet import neighbours
from sdbench.fleet.neighbours import Neighbours, check_neighbours, control_suite
from sdbench.results.record import Record, Status, StopReason
from sdbench.run.controller import InTurns, Job
from sdbench.run.environment import worker_environment
from sdbench.run.launch import Launcher, SpawnLauncher
from sdbench.run.worker_process import CannotStart
from sdbench.suite.configuration import Configuration

from .conftest import SUITE, everything, measured

CONTROL = everything()[0]


def test_devices_that_differ_when_alone_are_named() -> None:
    """1.00, 1.02 and 1.10: the median is 1.02, so 2.0 % less is fine, and 7.8 % more is not."""
    remarks = Neighbours({"a": 1.00, "b": 1.02, "c": 1.10}).remarks
    assert remarks == (
        "neighbour check: alone, c takes 7.8 % more than the median of its kind: figures from "
        "different devices are not quite comparable",
    )


def test_devices_that_are_slower_while_all_run_are_named() -> None:
    found = Neighbours({"a": 1.0, "b": 1.0}, {"a": 1.05, "b": 1.02})
    assert found.remarks == (
        "neighbour check: a takes 5.0 % more while all run than alone: they share power, cooling, "
        "the bus or the CPU",
    )


def test_where_all_is_well_one_line_says_what_was_seen() -> None:
    found = Neighbours({"a": 1.0, "b": 1.01}, {"a": 1.02, "b": 1.0})
    assert found.remarks == (
        "neighbour check: a call takes 1.00 s to 1.01 s on each of 2 devices alone, and at most "
        "2.0 % more while all devices run",
    )


def test_devices_of_one_kind_are_held_against_each_other_alone() -> None:
    found = Neighbours({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.0})
    assert found.of(["b"]).remarks == (
        "neighbour check: a call takes 2.00 s alone, and at most 0.0 % more while all devices run",
    )


def test_a_device_without_a_figure_is_named_with_the_reason() -> None:
    assert Neighbours({"a": 1.0}, {}, {"b": "out of memory"}).remarks == (
        "neighbour check: b has no figure: out of memory",
    )


class FakeController:
    """Plays rounds of six timed calls, and writes down who does what."""

    events: list[str] = []
    broken: tuple[str, ...] = ()

    def __init__(self, job: Job, launcher: Launcher, folder: Path) -> None:
        self.word = job.device

    def round_in_turns(
        self, configuration: Configuration, number: int, folder: Path, progress: Any
    ) -> InTurns[Record]:
        return self._round(number)

    def _round(self, number: int) -> InTurns[Record]:
        self.events.append(f"{self.word} {number} ready")
        if self.word in self.broken:
            raise CannotStart("no such device")
        samples = 0
        while (yield StopReason.CONVERGED if samples >= 6 else None) is None:
            samples += 1
            self.events.append(f"{self.word} {number} call")
        time_s = 1.0 + number
        return measured(
            CONTROL,
            samples_s=(time_s,) * samples,
            status=Status.OK,
        )

    def kill_worker(self) -> None:
        self.events.append(f"{self.word} killed")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeController]:
    monkeypatch.setattr(neighbours, "Controller", FakeController)
    monkeypatch.setattr(FakeController, "events", [])
    monkeypatch.setattr(FakeController, "broken", ())
    return FakeController


def check(*words: str) -> Neighbours:
    jobs = {word: Job(control_suite(SUITE), word) for word in words}
    launchers = {word: SpawnLauncher({}) for word in words}
    return check_neighbours(jobs, launchers, CONTROL)


def test_devices_are_measured_one_after_the_other_and_then_together(
    fake: type[FakeController],
) -> None:
    found = check("a", "b")
    assert sorted(fake.events[:2]) == ["a 0 ready", "b 0 ready"]
    assert fake.events[2:14] == ["a 0 call"] * 6 + ["b 0 call"] * 6
    assert sorted(fake.events[14:16]) == ["a 1 ready", "b 1 ready"]
    together = fake.events[16:-2]
    assert set(together) == {"a 1 call", "b 1 call"}
    assert min(together.count(f"{word} 1 call") for word in "ab") >= 6
    assert sorted(fake.events[-2:]) == ["a killed", "b killed"]
    assert (found.alone_s, found.together_s) == ({"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 2.0})


def test_a_device_that_cannot_start_is_left_out(fake: type[FakeController]) -> None:
    fake.broken = ("b",)
    found = check("a", "b", "c")
    assert found.problems == {"b": "no such device"}
    assert found.together_s == {"a": 2.0, "c": 2.0}


def test_one_device_that_is_left_has_no_neighbours(fake: type[FakeController]) -> None:
    fake.broken = ("b",)
    assert check("a", "b").together_s == {}
    assert "a 1 ready" not in fake.events


def test_real_workers_of_scripted_devices_differ_as_their_scripts_say(tmp_path: Path) -> None:
    """A call of two steps takes 65 ms and 2 x 21 ms or, with a slower denoiser, 2 x 31 ms."""
    jobs = {}
    for name, denoiser_s in (("a", 0.02), ("b", 0.03)):
        path = tmp_path / f"{name}.json"
        path.write_text(f'{{"denoiser_s": {denoiser_s}, "noise_ratio": 0}}')
        jobs[name] = Job(control_suite(SUITE), f"scripted:{path}")
    spawn = SpawnLauncher(worker_environment(os.environ))
    found = check_neighbours(jobs, {"a": spawn, "b": spawn}, CONTROL)
    assert found.problems == {}
    assert found.alone_s == pytest.approx({"a": 0.107, "b": 0.127})
    assert found.together_s == pytest.approx(found.alone_s)
    assert len(found.remarks) == 2
