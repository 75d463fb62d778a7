"""Workers of a pair that are alive together: whose call it is, and what becomes of the others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

import factories
import pytest

from sdbench.results.ab import BASELINE, CANDIDATE, CONTROL, read_ab_job
from sdbench.results.record import Record, Status, StopReason
from sdbench.run.ab import run_ab
from sdbench.run.ab_order import NoTurns, calls_take_turns
from sdbench.run.ab_turns import take_turns
from sdbench.run.launch import Launcher
from sdbench.run.messages import Command, Event, Measure, Ready, Waiting
from sdbench.run.order import Order
from sdbench.run.worker_process import WorkerDied

from .ab_runs import AbRecorder, DelegatingWorker, Turns, WrappingLauncher, job_order, nothing

CONVERGED, BUDGET = StopReason.CONVERGED, StopReason.TIME_BUDGET


class Log:
    """Rounds in steps, and what was done in them, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def round(
        self, name: str, reasons: Sequence[StopReason | None]
    ) -> Generator[StopReason | None, StopReason | None, Record]:
        """A round that says these reasons before its calls; when they end, so does its worker."""
        self.done.append(f"{name} is set up")
        for reason in reasons:
            stop = yield reason
            if stop is not None:
                return factories.record(fields={"stop_reason": stop})
            self.done.append(name)
        return factories.record(status=Status.ERROR)


def test_each_is_set_up_and_then_calls_alternate() -> None:
    log = Log()
    rounds = {name: log.round(name, [None, None, BUDGET]) for name in "ABC"}
    records = take_turns(rounds)
    assert log.done == ["A is set up", "B is set up", "C is set up", *"ABCABC"]
    assert [records[name].stop_reason for name in "ABC"] == [BUDGET] * 3


def test_who_has_enough_goes_on_until_all_have() -> None:
    log = Log()
    early, late = [None, CONVERGED, CONVERGED, CONVERGED], [None, None, None, CONVERGED]
    records = take_turns({"A": log.round("A", early), "B": log.round("B", late)})
    assert log.done[2:] == [*"ABABAB"]
    assert {one.stop_reason for one in records.values()} == {CONVERGED}


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_the_others_go_on_where_one_dies(calls: int) -> None:
    log = Log()
    rounds = {
        "A": log.round("A", [None, None, None, CONVERGED]),
        "B": log.round("B", [None] * calls),
    }
    records = take_turns(rounds)
    assert records["B"].status is Status.ERROR
    assert records["A"].stop_reason is CONVERGED
    assert log.done.count("A") == 3


def test_timed_calls_of_a_pair_alternate_and_pairs_begin_with_other_sides(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    """Two calls each; the control takes part in its configuration alone."""
    folder = run_ab(job_order(plain), turns.of(forked), listener, nothing).folder
    three, two = [BASELINE, CANDIDATE, CONTROL], [BASELINE, CANDIDATE]
    even = three * 2 + two * 2 * 5
    odd = three[::-1] * 2 + two[::-1] * 2 * 5
    assert turns.called == even + odd
    job = read_ab_job(folder)
    assert job.info.in_turns
    for run in (job.baseline, job.candidate):
        assert {len(one.samples_s) for one in run.records} == {2}
        assert {one.stop_reason for one in run.records} == {StopReason.MAX_SAMPLES}


def test_workers_of_a_pair_are_alive_together_for_one_load(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    job = read_ab_job(run_ab(job_order(plain), turns.of(forked), listener, nothing).folder)
    assert turns.most_alive == 3
    assert turns.alive == 0
    for run in (job.baseline, job.candidate):
        workers = [one.worker for one in run.records]
        assert [len(list(some)) for _, some in itertools.groupby(workers)] == [3, 3, 3, 3]
        assert len(set(workers)) == 4


def test_records_of_an_unequal_pair_tell_the_ratio_of_calls(
    order: Callable[..., Order],
    script: Callable[..., str],
    forked: Launcher,
    turns: Turns,
    listener: AbRecorder,
) -> None:
    slow = [{"ratio": 0.5, "knobs": {"attention": "eager"}}]
    asked = order(script(slowdowns=slow, noise_ratio=0.0))
    suite = replace(asked.suite, fidelity=None)
    side = job_order(replace(asked, suite=suite)).candidate
    job = job_order(
        replace(asked, suite=suite), candidate=replace(side, overrides={"attention": "eager"})
    )
    run_ab(job, turns.of(forked), listener, nothing)
    assert [change for pair in listener.pairs for change in pair.changes] == pytest.approx(
        [1.5] * 12, rel=0.01
    )
    assert [pair.control for pair in listener.pairs] == pytest.approx([1.0] * 2)


class _WithoutTurns(DelegatingWorker):
    """An sdbench of a time before turns: it takes its calls without waiting."""

    def send(self, command: Command) -> None:
        old = replace(command, in_turns=False) if isinstance(command, Measure) else command
        super().send(old)


def test_a_side_that_knows_no_turns_is_measured_before_the_others_take_theirs(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    launchers = turns.of(forked)
    launchers[BASELINE] = WrappingLauncher(forked, _WithoutTurns)
    outcome = run_ab(job_order(plain), launchers, listener, nothing)
    job = read_ab_job(outcome.folder)
    assert outcome.stopped is None
    assert BASELINE not in turns.called
    assert [one.status for one in job.baseline.records] == [Status.OK] * 12
    assert [len(one.samples_s) for one in job.candidate.records] == [2] * 12


class _DiesInItsTurn(DelegatingWorker):
    """A worker that is killed while it waits for its turn."""

    def receive(self, timeout_s: float) -> Event | None:
        event = super().receive(timeout_s)
        if isinstance(event, Waiting):
            self.kill()
            raise WorkerDied("the worker was killed (SIGKILL)", is_killed=True)
        return event


def test_a_worker_that_is_killed_while_calls_alternate_costs_its_side_alone(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    launchers = turns.of(forked)
    launchers[CANDIDATE] = WrappingLauncher(forked, _DiesInItsTurn)
    outcome = run_ab(job_order(plain), launchers, listener, nothing)
    job = read_ab_job(outcome.folder)
    assert outcome.stopped is None
    assert {one.status for one in job.candidate.records} == {Status.ERROR}
    assert all("(in phase: timing)" in str(one.reason) for one in job.candidate.records)
    assert {(one.status, len(one.samples_s)) for one in job.baseline.records} == {(Status.OK, 2)}


class _InterruptedInItsTurn(DelegatingWorker):
    def receive(self, timeout_s: float) -> Event | None:
        event = super().receive(timeout_s)
        if isinstance(event, Waiting):
            raise KeyboardInterrupt
        return event


def test_an_interruption_in_the_middle_of_turns_leaves_no_worker_behind(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    launchers = turns.of(forked)
    launchers[CANDIDATE] = WrappingLauncher(launchers[CANDIDATE], _InterruptedInItsTurn)
    outcome = run_ab(job_order(plain), launchers, listener, nothing)
    assert outcome.is_interrupted
    assert turns.most_alive == 2
    assert turns.alive == 0


def ready_of(slug: str) -> Ready:
    """What a worker says of a device with this name."""
    return Ready(device=slug, slug=slug, torch_device="any", fingerprint={}, environment={})


@pytest.mark.parametrize(
    ("asked", "slug", "takes"),
    [
        (None, "cpu", True),
        (None, "scripted", True),
        (None, "nvidia-l4", False),
        (False, "cpu", False),
        (True, "cpu", True),
    ],
)
def test_calls_take_turns_where_two_pipelines_do_not_share_a_gpu(
    plain: Order, asked: bool | None, slug: str, takes: bool
) -> None:
    assert calls_take_turns(job_order(plain, in_turns=asked), ready_of(slug)) is takes


def test_calls_cannot_take_turns_on_a_gpu(plain: Order) -> None:
    with pytest.raises(NoTurns, match=r"on nvidia-l4 .* --alternate workers"):
        calls_take_turns(job_order(plain, in_turns=True), ready_of("nvidia-l4"))
