"""What a failure of one side, an interruption, or a device that is not fit costs an A/B job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ab_jobs import installation

from sdbench.results.ab import CANDIDATE, CONTROL, read_ab_job
from sdbench.results.record import Record, Status
from sdbench.run.ab import run_ab
from sdbench.run.launch import Launcher
from sdbench.run.messages import Event, Ready
from sdbench.run.order import Order
from sdbench.run.surroundings import Unfit
from sdbench.run.worker_process import CannotStart
from sdbench.suite.configuration import Configuration

from .ab_runs import (
    AbRecorder,
    DelegatingWorker,
    Turns,
    WrappingLauncher,
    always,
    job_order,
    nothing,
    without_fidelity,
)


@pytest.mark.parametrize(
    ("fault", "status"), [("oom", Status.OOM), ("crash", Status.ERROR), ("hang", Status.TIMEOUT)]
)
def test_a_failure_of_one_side_costs_that_configuration_alone(
    order: Callable[..., Order],
    script: Callable[..., str],
    forked: Launcher,
    turns: Turns,
    listener: AbRecorder,
    fault: str,
    status: Status,
) -> None:
    """It is measured once on each side, and in no further pair, also where it is wanted."""
    faults = [{"fault": fault, "knobs": {"attention": "eager", "steps": 4, "dtype": "fp32"}}]
    asked = without_fidelity(order(script(faults=faults), **QUICK if fault == "hang" else {}))
    broken = asked.configurations[1].key
    job_asked = job_order(
        asked,
        candidate=installation(overrides={"attention": "eager"}),
        confirm_pairs=2,
        most_pairs=2,
    )
    outcome = run_ab(job_asked, turns.of(forked), listener, always(broken))
    job = read_ab_job(outcome.folder)
    assert outcome.stopped is None
    assert job.info.is_finished
    by_key = {
        key: [one for one in job.candidate.records if one.key == key]
        for key in job.info.twins.values()
    }
    twin = job.info.twins[broken]
    assert [one.status for one in by_key.pop(twin)] == [status]
    assert all([one.status for one in some] == [Status.OK] * 2 for some in by_key.values())
    assert [one.round for one in job.baseline.records if one.key == broken] == [0]
    assert [pair.failed for pair in listener.pairs] == [1, 1]
    assert turns.most_alive == 3


QUICK = {"measure": "{warmup: 1, min_samples: 2, max_samples: 2, timeout: 1s, default: off}"}
"""Long enough for rounds on a simulated clock, and over soon where one hangs."""


def test_a_control_that_fails_is_measured_no_more(
    order: Callable[..., Order],
    script: Callable[..., str],
    forked: Launcher,
    turns: Turns,
    listener: AbRecorder,
) -> None:
    faults = [{"fault": "oom", "knobs": {"dtype": "fp32", "steps": 2}}]
    asked = without_fidelity(order(script(faults=faults)))
    run_ab(job_order(asked), turns.of(forked), listener, nothing)
    assert turns.started.count(CONTROL) == 1


@pytest.mark.parametrize("at", [0, 3, 8])
def test_an_interruption_keeps_what_there_is(
    plain: Order, forked: Launcher, turns: Turns, at: int
) -> None:
    class Interrupts(AbRecorder):
        def finished(self, configuration: Configuration, record: Record) -> None:
            super().finished(configuration, record)
            if len(self.records) > at:
                raise KeyboardInterrupt

    outcome = run_ab(job_order(plain), turns.of(forked), Interrupts(), nothing)
    job = read_ab_job(outcome.folder)
    assert outcome.is_interrupted
    assert not job.info.is_finished
    records = [
        *job.baseline.records,
        *job.candidate.records,
        *(job.control.records if job.control else ()),
    ]
    assert len(records) == at + 1
    assert turns.alive == 0


def test_a_side_that_starts_no_worker_is_named(
    plain: Order, spawned: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    class Refuses:
        def start(self, name: str, log: Path) -> None:
            raise CannotStart("torch is missing")

        def close(self) -> None:
            pass

    launchers = {**turns.of(spawned), CANDIDATE: Refuses()}
    with pytest.raises(CannotStart, match=r"^candidate: torch is missing$"):
        run_ab(job_order(plain), launchers, listener, nothing)  # type: ignore[arg-type]
    assert turns.alive == 0
    assert list((plain.results / "scripted").iterdir()) == []


def test_sides_with_different_devices_are_not_compared(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    class OtherDevice(DelegatingWorker):
        def receive(self, timeout_s: float) -> Event | None:
            event = self._worker.receive(timeout_s)
            return replace(event, device="Another") if isinstance(event, Ready) else event

    launchers = {**turns.of(forked), CANDIDATE: WrappingLauncher(forked, OtherDevice)}
    with pytest.raises(Unfit, match="the baseline Scripted device, the candidate Another") as unfit:
        run_ab(job_order(plain), launchers, listener, nothing)
    assert unfit.value.exit_code == 4
    assert listener.folder is None


def test_an_unfit_device_is_refused_before_anything_is_measured(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    alive = []

    def problems(torch_device: str) -> Sequence[str]:
        alive.append(turns.alive)
        return [f"{torch_device}: another process is on it"]

    order = job_order(plain)
    with pytest.raises(Unfit, match="cuda: another process is on it"):
        run_ab(order, turns.of(forked), listener, nothing, problems)
    assert turns.measured == []
    assert alive == [0]
    order = replace(order, ignores_problems=True)
    outcome = run_ab(order, turns.of(forked), listener, nothing, problems)
    assert read_ab_job(outcome.folder).info.notes == ("cuda: another process is on it",)
