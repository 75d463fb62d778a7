"""Staged runs by a plan that is written here: what is measured, derived and stored, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from launchers import KeptLauncher

from sdbench.analysis.completeness import completeness
from sdbench.derive.staged import Batch, BatchKind
from sdbench.results.derived import DerivedLatency
from sdbench.results.plan_file import EXHAUSTIVE, STAGED
from sdbench.results.record import Record, Status
from sdbench.results.store import RECORDS_FILE, Run, read_run
from sdbench.run.session import Order, Outcome, run_suite
from sdbench.run.staged import Staging
from sdbench.statistics import median_estimate
from sdbench.suite.configuration import Configuration
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite

from .conftest import Recorder

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

    def remarks(self, records: Mapping[str, Record]) -> tuple[str, ...]:
        return (f"{len(records)} measured",)


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


class Clock:
    """A time that goes on only where it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Ticking(Recorder):
    """A listener for which each round, and each derived one, takes a second."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def finished(self, configuration: Configuration, record: Record) -> None:
        super().finished(configuration, record)
        self._clock.now_s += 1


class Runs:
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
        staging = Staging(planner=planner, tops=tops, leaders=leaders, clock=self.clock)
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


@pytest.fixture
def staged(tmp_path: Path, forked: KeptLauncher, script: Callable[..., str]) -> Runs:
    return Runs(tmp_path, forked, script)


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


def test_few_are_measured_and_the_rest_is_derived(staged: Runs) -> None:
    run = staged()
    assert kinds(run) == {"ok": MEASURED, "derived": ALL - MEASURED}
    assert (run.info.plan, len(run.info.planned_keys)) == (STAGED, ALL)
    assert completeness(run).is_complete
    assert run.plan_remarks == (f"{MEASURED} measured",)
    assert staged.listener.batches == [
        (WHY, MEASURED),
        ("they follow from what was measured", ALL - MEASURED),
    ]
    assert staged.listener.notes == [f"{MEASURED} measured"]


def test_a_plan_that_saves_little_measures_all_and_says_so(staged: Runs) -> None:
    run = staged(planner=lambda asked: EulerTells(asked, is_worthwhile=False))
    assert kinds(run) == {"ok": ALL}
    assert run.info.plan == EXHAUSTIVE
    assert run.plan_notes is None
    assert "all are measured: 8 would have to be, to derive the others" in staged.listener.notes


@pytest.mark.parametrize("values", [{"plan": EXHAUSTIVE}, {"rounds": 2}, {"is_staged": False}])
def test_an_exhaustive_run_measures_all(staged: Runs, values: dict[str, Any]) -> None:
    run = staged(**values)
    assert kinds(run) == {"ok": ALL}
    assert run.info.plan == EXHAUSTIVE


def test_a_load_serves_all_of_a_batch_that_it_can(staged: Runs) -> None:
    """The plan's own order alternates between two loads."""

    class Alternating(EulerTells):
        def next(self, records: Mapping[str, Record]) -> Batch | None:
            batch = super().next(records)
            return batch and replace(
                batch,
                configurations=tuple(
                    sorted(batch.configurations, key=lambda one: str(one.knobs["steps"]))
                ),
            )

    run = staged(planner=Alternating)
    assert [one.knobs["dtype"] for one in run.records[:MEASURED]] == ["fp32"] * 4 + ["fp16"] * 4


def test_a_batch_begins_with_what_the_loaded_pipeline_serves(staged: Runs) -> None:
    run = staged(tops=lambda run: (*where(run, dtype="fp32"), *where(run, dtype="fp16")))
    types = [one.knobs["dtype"] for one in run.records if one.status is Status.OK]
    assert types == ["fp32"] * 4 + ["fp16"] * 4 + ["fp16"] * 8 + ["fp32"] * 8


def test_the_best_of_what_is_derived_is_measured(staged: Runs) -> None:
    run = staged(tops=lambda run: where(run, scheduler="ddim", steps=2))
    assert kinds(run) == {"ok": MEASURED + 2, "derived": ALL - MEASURED - 2}
    assert staged.listener.batches[2] == ("among the best, and only derived so far", 2)


def test_what_comes_up_when_the_best_are_known_is_measured_too(staged: Runs) -> None:
    """The tops are named once: their frontier would let in others without an end."""

    def later(run: Run) -> list[str]:
        heun, ddim = where(run, scheduler="heun", steps=2), where(run, scheduler="ddim", steps=2)
        return heun if run.latest[ddim[0]].status is Status.OK else []

    named: list[Run] = []

    def tops(run: Run) -> list[str]:
        named.append(run)
        return where(run, scheduler="ddim", steps=2)

    run = staged(tops=tops, leaders=later)
    assert len(named) == 1
    assert {run.latest[key].status for key in where(run, steps=2)} == {Status.OK}


def test_a_leader_that_is_derived_is_measured_before_its_fresh_rounds(staged: Runs) -> None:
    """What comes up as late as that is not one of those that were measured as the best."""
    run = staged(leaders=lambda run: where(run, scheduler="ddim", steps=2)[:1])
    (key,) = where(run, scheduler="ddim", steps=2, dtype="fp32")
    assert [one.round for one in run.records if one.key == key] == [0, 0, 1]
    assert run.rounds[key].swept.status is Status.OK
    assert run.rounds[key].confirmed == 1
    assert staged.listener.batches[-1] == (
        "the recommendation rests on them, and they are only derived so far",
        1,
    )


def test_what_failed_is_an_answer_and_what_it_would_tell_is_measured(staged: Runs) -> None:
    """Its mates of other schedulers are told by nothing else."""
    faults = [{"fault": "error", "knobs": {"scheduler": "euler", "steps": 4, "dtype": "fp16"}}]
    run = staged(faults=faults)
    assert kinds(run) == {"ok": MEASURED - 1 + 2, "error": 1, "derived": ALL - MEASURED - 2}
    assert ("nothing tells of them", 2) in staged.listener.batches
    assert max(Counter(one.key for one in staged.measured).values()) == 1
    assert not completeness(run).is_complete


def test_a_run_that_goes_on_begins_with_what_failed(staged: Runs) -> None:
    wrong = {"scheduler": "euler", "steps": 4, "dtype": "fp16"}
    staged(faults=[{"fault": "error", "knobs": wrong}])
    run = staged(resume=True)
    assert [one.status for one in staged.measured] == [Status.OK]
    assert staged.listener.batches[0] == ("without an answer so far", 1)
    assert completeness(run).is_complete


def test_what_needs_no_less_than_what_ran_out_is_not_tried(staged: Runs) -> None:
    faults = [{"fault": "oom", "knobs": {"dtype": "fp16", "scheduler": "euler", "steps": 4}}]
    run = staged(faults=faults)
    assert kinds(run) == {"ok": 4 + 1, "oom": 1, "derived": 8, "inferred": 10}
    assert completeness(run).is_complete


def test_a_plan_that_asks_for_ever_for_the_same_is_left_at_that(staged: Runs) -> None:
    class Stubborn(EulerTells):
        def next(self, records: Mapping[str, Record]) -> Batch | None:
            return Batch(BatchKind.REFINE, self.all[:1], "once more")

    run = staged(planner=Stubborn)
    assert "the plan asks again for what was measured: it is left at that" in staged.listener.notes
    assert staged.listener.batches[0] == ("once more", 1)
    assert completeness(run).is_complete


@pytest.mark.parametrize("kept", [0, 3, 8, 13, 24, 25])
def test_a_killed_run_goes_on_where_it_stopped(staged: Runs, kept: int) -> None:
    """8 are measured, then 16 derived, then two of these measured."""

    def tops(run: Run) -> list[str]:
        return where(run, scheduler="ddim", steps=2)

    whole = staged(tops=tops)
    assert len(whole.records) == 26
    (whole.folder / "plan.json").unlink()
    cut(whole, kept)
    run = staged(tops=tops, resume=True)
    assert run.records[:kept] == whole.records[:kept]
    assert kinds(run) == kinds(whole)
    assert Counter(one.key for one in run.records) == Counter(one.key for one in whole.records)


def test_a_finished_run_has_nothing_to_go_on_with(staged: Runs) -> None:
    """Its frontier would let in others each time, as the best of it came to be measured."""
    before = staged(tops=lambda run: where(run, scheduler="ddim", steps=2))
    run = staged(tops=lambda run: where(run, scheduler="heun"), resume=True)
    assert run.records == before.records
    assert staged.listener.records == []
    assert run.plan_remarks == before.plan_remarks


def test_a_staged_run_can_be_made_exhaustive(staged: Runs) -> None:
    staged()
    run = staged(plan=EXHAUSTIVE, resume=True)
    assert kinds(run) == {"ok": ALL}
    assert len(staged.measured) == ALL - MEASURED


def test_a_run_goes_on_as_it_was_begun(staged: Runs) -> None:
    cut(staged(plan=EXHAUSTIVE), 4)
    assert kinds(staged(resume=True)) == {"ok": ALL}


def test_an_interrupted_run_can_be_read_and_goes_on(staged: Runs) -> None:
    class Interrupting(Recorder):
        def finished(self, configuration: Configuration, record: Record) -> None:
            super().finished(configuration, record)
            if len(self.records) == MEASURED + 3:
                raise KeyboardInterrupt

    run = staged(listener=Interrupting())
    assert staged.outcome is not None
    assert staged.outcome.stopped == "interrupted"
    assert kinds(run) == {"ok": MEASURED, "derived": 3}
    assert run.plan_notes is not None
    assert not run.plan_notes.is_finished
    run = staged(resume=True)
    assert kinds(run) == {"ok": MEASURED, "derived": ALL - MEASURED}
    assert len(run.records) == ALL


def test_derived_ones_are_synced_together(staged: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    monkeypatch.setattr(
        "sdbench.results.store.RunWriter.append_all",
        lambda writer, records: written.append(len(list(records))),
    )
    staged()
    assert written == [1] * MEASURED + [ALL - MEASURED]


def test_pictures_of_derived_ones_are_drawn_and_judged(staged: Runs) -> None:
    run = staged(pipeline="emoji", fidelity="{prompts: [a dog, a cat], reference_steps: 4}")
    told = [one for one in run.latest.values() if one.is_derived]
    assert len(told) == ALL - MEASURED
    assert all(one.fidelity.score is not None for one in told)


def test_a_budget_stops_a_sweep_a_fifth_before_its_end(staged: Runs) -> None:
    """Of 8 s, 6.4 are for the sweep: after six rounds of a second there is no second left."""
    run = staged(listener=Ticking(staged.clock), budget_s=8.0)
    assert run.info.budget_s == 8.0
    assert kinds(run) == {"ok": 6, "derived": 2 * 6}
    assert run.is_stopped_by_budget
    assert completeness(run).is_complete
    assert completeness(run).summary == (
        "24 configurations: 6 ok, 12 derived, 6 not reached in the time given"
    )


def test_what_no_time_is_left_for_is_counted_once(staged: Runs) -> None:
    """What the plan asked for, and could not have, is not among what nothing tells of."""
    run = staged(listener=Ticking(staged.clock), budget_s=8.0)
    notes = [note for note in staged.listener.notes if note.startswith("no time is left for")]
    counts = [note.split()[5] for note in notes if " more: " in note]
    assert sum(map(int, counts)) == ALL - len(run.latest)


def test_a_run_whose_time_was_over_goes_on_with_the_rest(staged: Runs) -> None:
    staged(listener=Ticking(staged.clock), budget_s=8.0)
    run = staged(resume=True)
    assert kinds(run) == {"ok": MEASURED, "derived": ALL - MEASURED}
    assert not run.is_stopped_by_budget
    assert len(staged.measured) == MEASURED - 6


def test_a_run_that_goes_on_to_measure_all_is_not_stopped_by_its_budget(staged: Runs) -> None:
    """What its plan noted no longer holds: holes would pass for what time did not suffice for."""
    staged(listener=Ticking(staged.clock), budget_s=8.0)
    run = staged(plan=EXHAUSTIVE, resume=True)
    assert kinds(run) == {"ok": ALL}
    assert not run.is_stopped_by_budget
    assert run.plan_remarks == ()


def test_with_a_budget_the_plan_comes_first_also_where_it_saves_little(staged: Runs) -> None:
    run = staged(
        planner=lambda asked: EulerTells(asked, is_worthwhile=False),
        listener=Ticking(staged.clock),
        budget_s=15.0,
    )
    measured = [one.knobs["scheduler"] for one in run.records if one.status is Status.OK]
    assert measured == ["euler"] * MEASURED + ["ddim"] * 4
    assert kinds(run) == {"ok": 12, "derived": 12}


def test_with_time_enough_such_a_plan_measures_all(staged: Runs) -> None:
    run = staged(
        planner=lambda asked: EulerTells(asked, is_worthwhile=False),
        listener=Ticking(staged.clock),
        budget_s=100.0,
    )
    assert kinds(run) == {"ok": ALL}
    assert not run.is_stopped_by_budget


def test_what_is_left_of_a_budget_is_for_fresh_rounds_and_a_part_of_one_is_none(
    staged: Runs,
) -> None:
    """8 rounds and 16 derived ones take 24 s; then two leaders take a second each."""

    def leaders(run: Run) -> list[str]:
        return where(run, scheduler="euler", steps=2)

    run = staged(listener=Ticking(staged.clock), leaders=leaders, budget_s=26.5)
    assert sum(one.round == 1 for one in run.records) == 2
    (run.folder / "plan.json").unlink()
    run = staged(listener=Ticking(staged.clock), leaders=leaders, budget_s=25.5)
    assert sum(one.round == 1 for one in run.records) == 0
    assert "no time is left for fresh round 1 of 1" in staged.listener.notes[-1]
    assert run.is_stopped_by_budget


def test_pictures_that_time_does_not_suffice_for_are_drawn_when_a_run_goes_on(
    staged: Runs,
) -> None:
    fidelity = "{prompts: [a dog, a cat], reference_steps: 4}"
    run = staged(pipeline="emoji", fidelity=fidelity, listener=Ticking(staged.clock), budget_s=13.0)
    told = [one for one in run.latest.values() if one.is_derived]
    judged = [one for one in told if one.fidelity.score is not None]
    assert 0 < len(judged) < len(told) == ALL - MEASURED
    run = staged(pipeline="emoji", fidelity=fidelity, resume=True)
    assert all(one.fidelity.score is not None for one in run.latest.values())
    assert len(staged.listener.records) == len(told) - len(judged)
