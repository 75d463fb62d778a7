"""A/B jobs: whose turn it is, who gets fresh pairs, and what is stored of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
from ab_jobs import installation

from sdbench.results.ab import BASELINE, CANDIDATE, CONTROL, read_ab_job
from sdbench.results.record import Record
from sdbench.results.store import read_run
from sdbench.run.ab import run_ab
from sdbench.run.ab_listener import StageKind
from sdbench.run.launch import Launcher
from sdbench.run.messages import Command, Event, Finished, Start
from sdbench.run.order import Order

from .ab_runs import (
    AbRecorder,
    DelegatingWorker,
    Turns,
    WrappingLauncher,
    always,
    job_order,
    nothing,
    with_trained_pipeline,
)


def sides_in_order(turns: Turns, number: int) -> list[str]:
    """Whose turn it was in a pair, each turn once."""
    sides = (side for side, _, round_number in turns.measured if round_number == number)
    return [side for side, _ in itertools.groupby(sides)]


def test_sides_take_turns_in_abba_order_with_the_control_at_the_other_end(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    """The first load serves the control; the second does not."""
    order = job_order(plain, screen_pairs=4, in_turns=False)
    run_ab(order, turns.of(forked), listener, nothing)
    even = [BASELINE, CANDIDATE, CONTROL, BASELINE, CANDIDATE]
    odd = [CONTROL, CANDIDATE, BASELINE, CANDIDATE, BASELINE]
    assert [sides_in_order(turns, number) for number in range(4)] == [even, odd, even, odd]


def test_a_worker_measures_one_load_of_one_pair_and_never_are_two_alive(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    order = job_order(plain, in_turns=False)
    job = read_ab_job(run_ab(order, turns.of(forked), listener, nothing).folder)
    assert turns.most_alive == 1
    assert not job.info.in_turns
    assert turns.alive == 0
    for run in (job.baseline, job.candidate):
        by_worker: dict[str, list[Record]] = {}
        for record in run.records:
            by_worker.setdefault(record.worker, []).append(record)
        assert [
            {(one.knobs["dtype"], one.round) for one in some} for some in by_worker.values()
        ] == [{("fp32", 0)}, {("fp16", 0)}, {("fp32", 1)}, {("fp16", 1)}]


def test_what_workers_are_forked_from_is_started_anew_for_each_pair(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    """All forks of one server lie in memory alike: pairs that share it are not independent."""
    run_ab(job_order(plain, screen_pairs=4), turns.of(forked), listener, nothing)
    at_the_end = 1
    assert turns.servers_ended.count(CANDIDATE) == 4 + at_the_end
    assert turns.servers_ended.count(CONTROL) == 4 + at_the_end


def test_the_job_is_stored_as_it_was_asked_for(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    outcome = run_ab(job_order(plain, notes=("a remark",)), turns.of(forked), listener, nothing)
    job = read_ab_job(outcome.folder)
    keys = [one.key for one in plain.configurations]
    assert outcome.stopped is None
    assert job.folder.parent.name == "scripted"
    assert job.folder.name.endswith("Z-scripted-ab")
    assert job.info.is_finished
    assert job.info.notes == tuple(listener.notes) == ("a remark",)
    assert job.info.twins == {key: key for key in keys}
    assert job.info.control_key == keys[0]
    assert job.baseline.info.planned_keys == job.candidate.info.planned_keys == tuple(keys)
    assert [(one.key, one.round) for one in job.candidate.records] == [
        (key, number) for number in (0, 1) for key in keys
    ]
    assert job.control is not None
    assert [(one.key, one.round) for one in job.control.records] == [(keys[0], 0), (keys[0], 1)]
    assert (job.folder / "candidate" / "logs" / "worker-1.log").exists()
    assert [path.name for path in job.folder.parent.iterdir()] == [job.folder.name]


def test_a_job_without_control_has_no_such_run(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    outcome = run_ab(job_order(plain, control=None), turns.of(forked), listener, nothing)
    job = read_ab_job(outcome.folder)
    assert job.control is None
    assert job.info.control_key is None
    assert CONTROL not in turns.started
    assert [pair.control for pair in listener.pairs] == [None, None]


def test_fresh_pairs_are_of_suspects_and_the_control_alone(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    """The control's twin on the candidate has nothing to tell, so it is left out."""
    suspect = plain.configurations[4].key
    control = plain.configurations[0].key
    order = job_order(plain, confirm_pairs=2, most_pairs=4)
    run_ab(order, turns.of(forked), listener, always(suspect))
    assert [one for one in turns.measured if one[2] == 2] == [
        (BASELINE, control, 2),
        (CONTROL, control, 2),
        (BASELINE, suspect, 2),
        (CANDIDATE, suspect, 2),
    ]
    assert [one for one in turns.measured if one[2] == 3] == [
        (CONTROL, control, 3),
        (BASELINE, control, 3),
        (CANDIDATE, suspect, 3),
        (BASELINE, suspect, 3),
    ]


def test_fresh_pairs_end_at_the_most_that_were_asked_for(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    asked: list[int] = []
    suspect = plain.configurations[1].key
    order = job_order(plain, confirm_pairs=4, most_pairs=6)
    run_ab(order, turns.of(forked), listener, always(suspect, asked))
    assert max(number for _, _, number in turns.measured) == 7
    assert len(asked) == 3
    assert [(one.kind, one.configurations, one.pairs) for one in listener.stages] == [
        (StageKind.SCREENING, 6, 2),
        (StageKind.CONFIRMING, 1, 4),
        (StageKind.SHARPENING, 1, 2),
    ]
    assert [one.number for one in listener.pairs] == [1, 2, 1, 2, 3, 4, 5, 6]


def test_as_many_rounds_are_announced_as_are_measured(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    order = job_order(plain, confirm_pairs=2, most_pairs=2)
    run_ab(order, turns.of(forked), listener, always(plain.configurations[1].key))
    assert [stage.rounds for stage in listener.stages] == [2 * (6 + 6 + 1), 2 * (2 + 1 + 1)]
    assert len(listener.records) == sum(stage.rounds for stage in listener.stages)


def test_a_replaced_knob_changes_one_side_in_every_configuration(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    order = job_order(plain, candidate=installation(overrides={"attention": "eager"}))
    job = read_ab_job(run_ab(order, turns.of(forked), listener, nothing).folder)
    before, after = job.baseline.records, job.candidate.records
    assert {one.knobs["attention"] for one in after} == {"eager"}
    assert {one.knobs["attention"] for one in before} == {"default"}
    assert job.candidate.info.suite["fixed"]["attention"] == "eager"
    assert [job.info.twins[one.key] for one in before] == [one.key for one in after]
    assert set(job.info.twins) & set(job.info.twins.values()) == set()


def test_pictures_are_drawn_before_the_first_pair_and_judged_for_each_side(
    order: Callable[..., Order], forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    asked = with_trained_pipeline(order())
    folder = run_ab(job_order(asked), turns.of(forked), listener, nothing).folder
    for side in (BASELINE, CANDIDATE):
        run = read_run(folder / side)
        first = [one for one in run.records if one.round == 0]
        later = [one for one in run.records if one.round > 0]
        assert all(one.fidelity.score is not None for one in first)
        assert all(one.fidelity.score is None for one in later)
        pictures = [name for one in first for name in one.fidelity.pictures.values()]
        assert pictures
        assert all((folder / side / name).is_file() for name in pictures)
        assert not (folder / side / ".drawings").exists()
    assert turns.started[:4] == [BASELINE, CANDIDATE, BASELINE, CANDIDATE]
    assert sides_in_order(turns, 0)[:3] == [BASELINE, CANDIDATE, CONTROL]


def test_what_is_judged_is_drawn_by_each_build_also_where_a_drawing_is_kept(
    order: Callable[..., Order], forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    """Drawings in fp32 are kept by versions, and two builds may have the same version: the
    candidate was judged by what the baseline had drawn."""
    asked = with_trained_pipeline(order())
    run_ab(job_order(asked), turns.of(forked), listener, nothing)
    for side in (BASELINE, CANDIDATE):
        anew = [is_shared for drawn_by, is_shared in turns.drawn if drawn_by == side]
        assert anew.count(False) == len(asked.configurations)


def test_workers_are_not_told_of_gates_which_an_older_sdbench_does_not_know(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    parts: set[str] = set()

    class NotesSuite(DelegatingWorker):
        def send(self, command: Command) -> None:
            if isinstance(command, Start):
                parts.update(command.suite)
            super().send(command)

    launchers = {**turns.of(forked), CANDIDATE: WrappingLauncher(forked, NotesSuite)}
    folder = run_ab(job_order(plain), launchers, listener, nothing).folder
    assert "gates" not in parts
    assert {"measure", "fixed", "inputs"} <= parts
    assert "gates" in read_ab_job(folder).candidate.info.suite


def test_records_bear_the_controller_s_key_whatever_the_worker_calls_a_configuration(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    """Another version of sdbench may make another key of the same knobs."""

    class OtherKeys(DelegatingWorker):
        def receive(self, timeout_s: float) -> Event | None:
            event = self._worker.receive(timeout_s)
            if isinstance(event, Finished):
                return replace(event, record=replace(event.record, key="another"))
            return event

    launchers = {**turns.of(forked), CANDIDATE: WrappingLauncher(forked, OtherKeys)}
    folder = run_ab(job_order(plain), launchers, listener, nothing).folder
    job = read_ab_job(folder)
    assert {one.key for one in job.candidate.records} == set(job.info.twins.values())


def test_the_changes_of_a_pair_are_told(
    plain: Order, forked: Launcher, turns: Turns, listener: AbRecorder
) -> None:
    """Equal workers of a scripted device take equally long, but for its noise of each call."""
    run_ab(job_order(plain), turns.of(forked), listener, nothing)
    assert [len(pair.changes) for pair in listener.pairs] == [6, 6]
    assert [pair.control for pair in listener.pairs] == pytest.approx([1.0, 1.0], abs=0.05)
