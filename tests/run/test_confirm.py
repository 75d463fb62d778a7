"""Fresh rounds of what a recommendation rests on, on a scripted device whose luck is scripted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from launchers import KeptLauncher

from sdbench.analysis.completeness import completeness
from sdbench.analysis.confirmation import leaders
from sdbench.analysis.measurement import Measurement, measurements
from sdbench.analysis.recommend import recommend_for_run
from sdbench.results.record import Status
from sdbench.results.store import RECORDS_FILE, RUN_FILE, Run, read_run
from sdbench.run import confirm
from sdbench.run.order import Order
from sdbench.run.session import Outcome, run_suite
from sdbench.run.worker_process import WorkerProcess
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite

from .recorder import Recorder

SWEEP = """
name: lucky
pipeline: {builtin: tiny}
fixed: {steps: 4}
axes:
  dtype: [fp32, fp16]
  scheduler: [euler, ddim]
measure: {warmup: 1, min_samples: 6, max_samples: 6, timeout: 60s, default: off}
"""
STEADY = {"half_precision_speedup": 0.5}
LUCKY = {"half_precision_speedup": 2.0}
"""In the sweep half precision is twice as fast, in truth half as fast as single."""


class Scripts:
    """Workers of a scripted device that follows another script after the first worker.

    Args:
        launcher: What starts them.
        path: The script that they read when they start.
        first: What it says for the first worker, which measures the sweep.
        later: What it says for the others.
    """

    def __init__(
        self, launcher: KeptLauncher, path: Path, first: dict[str, Any], later: dict[str, Any]
    ) -> None:
        self._launcher = launcher
        self._path = path
        self._first = first
        self._later = later

    def start(self, name: str, log: Path) -> WorkerProcess:
        script = self._first if name == "worker-1" else self._later
        self._path.write_text(json.dumps(script))
        return self._launcher.start(name, log)

    def close(self) -> None:
        pass


class Measures:
    """Runs a suite and what its recommendation rests on again."""

    def __init__(self, folder: Path, launcher: KeptLauncher, listener: Recorder) -> None:
        self._folder = folder
        self._launcher = launcher
        self.listener = listener
        self.outcome: Outcome | None = None

    def order(self, suite: str = SWEEP, **values: Any) -> Order:
        path = self._folder / "suite.yaml"
        path.write_text(suite)
        loaded = load_suite(path)
        return Order(
            suite=loaded,
            configurations=configurations(loaded),
            results=self._folder / "results",
            device=f"scripted:{self._folder / 'script.json'}",
            **values,
        )

    def __call__(
        self,
        first: dict[str, Any] = STEADY,
        later: dict[str, Any] = STEADY,
        *,
        suite: str = SWEEP,
        is_confirmed: bool = True,
        **values: Any,
    ) -> Run:
        scripts = Scripts(self._launcher, self._folder / "script.json", first, later)
        order = self.order(suite, **values)
        told = leaders if is_confirmed else None
        self.outcome = run_suite(order, scripts, self.listener, leaders=told)
        return read_run(self.outcome.folder)


@pytest.fixture
def measured(tmp_path: Path, forked: KeptLauncher, recorder: Recorder) -> Measures:
    return Measures(tmp_path, forked, recorder)


def chosen(run: Run) -> Measurement:
    found = recommend_for_run(run).best.chosen
    assert found is not None
    return found


def visits(run: Run) -> list[tuple[int, str, str]]:
    """Round, data type and scheduler of each record of a fresh round."""
    return [
        (one.round, str(one.knobs["dtype"]), str(one.knobs["scheduler"]))
        for one in run.records
        if one.round
    ]


def test_luck_in_the_sweep_is_not_recommended(measured: Measures) -> None:
    run = measured(first=LUCKY, later=STEADY)
    swept = replace(run, records=tuple(one for one in run.records if one.round == 0))
    assert chosen(swept).knobs["dtype"] == "fp16"
    best = chosen(run)
    assert best.knobs["dtype"] == "fp32"
    assert best.confirmed_rounds == 2


def test_a_lucky_latency_gives_way_to_that_of_fresh_rounds(measured: Measures) -> None:
    run = measured(first=LUCKY, later=STEADY)
    half = next(m for m in measurements(run) if m.knobs["dtype"] == "fp16")
    assert half.latency is not None
    assert half.swept_latency is not None
    assert half.latency.point == pytest.approx(4 * half.swept_latency.point, rel=0.02)


def test_what_comes_up_when_the_lucky_ones_fall_is_measured_again_too(measured: Measures) -> None:
    measured(first=LUCKY, later=STEADY)
    # Both of half precision lead and tie; when they have fallen, both of single precision do.
    assert measured.listener.fresh_rounds == [(2, 1, 2), (2, 2, 2), (2, 1, 2), (2, 2, 2)]


def test_the_choice_is_looked_at_three_times_at_most(
    measured: Measures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirm, "MOST_PASSES", 1)
    run = measured(first=LUCKY, later=STEADY)
    assert len(visits(run)) == 4
    assert any("the choice is still open: 2 more" in note for note in measured.listener.notes)


def test_every_second_round_runs_backwards_and_each_has_a_worker_of_its_own(
    measured: Measures,
) -> None:
    run = measured()
    assert visits(run) == [
        (1, "fp32", "euler"),
        (1, "fp32", "ddim"),
        (2, "fp32", "ddim"),
        (2, "fp32", "euler"),
    ]
    assert [one.worker for one in run.records if one.round] == ["worker-2"] * 2 + ["worker-3"] * 2


def test_one_load_serves_all_that_it_can_in_a_round(measured: Measures) -> None:
    suite = SWEEP.replace("timeout", "confirm_rounds: 1, timeout")
    run = measured({"half_precision_speedup": 1.0}, {"half_precision_speedup": 1.0}, suite=suite)
    fresh = [one for one in run.records if one.round]
    assert [one.knobs["dtype"] for one in fresh] in (
        ["fp32", "fp32", "fp16", "fp16"],
        ["fp16", "fp16", "fp32", "fp32"],
    )
    assert [one.load_s is not None for one in fresh] == [True, False, True, False]


@pytest.mark.parametrize("fault", ["oom", "error", "crash"])
def test_what_fails_in_a_fresh_round_is_not_recommended(measured: Measures, fault: str) -> None:
    concerned = {"fault": fault, "knobs": {"dtype": "fp32", "scheduler": "euler"}}
    run = measured(later={**STEADY, "faults": [concerned]})
    failed = next(m for m in measurements(run) if m.knobs["scheduler"] == "euler")
    assert failed.status is (Status.OOM if fault == "oom" else Status.ERROR)
    assert failed.reason is not None
    assert failed.reason.startswith("in a fresh round: ")
    assert chosen(run).knobs["scheduler"] == "ddim"
    assert [round_ for round_, _, scheduler in visits(run) if scheduler == "euler"] == [1]
    assert completeness(run).is_complete is (fault == "oom")


def test_a_resumed_run_measures_again_what_failed_in_a_fresh_round(measured: Measures) -> None:
    crash = {"fault": "crash", "knobs": {"dtype": "fp32", "scheduler": "euler"}}
    measured(later={**STEADY, "faults": [crash]})
    run = measured(resume=True)
    assert completeness(run).by_status == {Status.OK: 4}
    assert {m.confirmed_rounds for m in measurements(run)} == {0, 2}
    assert visits(run)[-2:] == [(1, "fp32", "euler"), (2, "fp32", "euler")]


def test_a_finished_run_is_not_confirmed_twice(measured: Measures) -> None:
    before = measured()
    assert measured(resume=True).records == before.records


@pytest.mark.parametrize("kept", [5, 6, 7])
def test_an_interrupted_confirmation_goes_on_where_it_stopped(
    measured: Measures, kept: int
) -> None:
    whole = measured()
    path = whole.folder / RECORDS_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:kept]))
    run = measured(resume=True)
    assert run.records[:kept] == whole.records[:kept]
    assert sorted(visits(run)) == sorted(visits(whole))


def test_an_interruption_leaves_a_readable_run(tmp_path: Path, forked: KeptLauncher) -> None:
    class Interrupts(Recorder):
        def again(self, count: int, number: int, rounds: int) -> None:
            if number == 2:
                raise KeyboardInterrupt

    measures = Measures(tmp_path, forked, Interrupts())
    run = measures()
    assert measures.outcome is not None
    assert measures.outcome.stopped == "interrupted"
    assert chosen(run).confirmed_rounds == 1
    measures.listener = Recorder()
    assert chosen(measures(resume=True)).confirmed_rounds == 2
    assert measures.listener.fresh_rounds == [(2, 2, 2)]


def test_no_rounds_and_no_leaders_are_two_ways_to_switch_it_off(measured: Measures) -> None:
    assert visits(measured(is_confirmed=False)) == []
    suite = SWEEP.replace("timeout", "confirm_rounds: 0, timeout")
    assert visits(measured(suite=suite)) == []


def test_fidelity_is_kept_and_nothing_is_drawn_again(tmp_path: Path, forked: KeptLauncher) -> None:
    class CountsDrawings(Recorder):
        drawn_before = 0

        def again(self, count: int, number: int, rounds: int) -> None:
            self.drawn_before = self.drawn_before or self.phases.count("drawing")

    listener = CountsDrawings()
    run = Measures(tmp_path, forked, listener)(suite=SWEEP.replace("{builtin: tiny}", "some/model"))
    fresh = [one for one in run.records if one.round]
    assert listener.phases.count("drawing") == listener.drawn_before > 0
    assert all(one.fidelity.score is not None for one in fresh)
    assert chosen(run).fidelity_score == fresh[0].fidelity.score


def test_a_memory_limit_holds_in_fresh_rounds_too(measured: Measures) -> None:
    run = measured(later={**STEADY, "weights_bytes": 5 << 30}, memory_limit_bytes=4 << 30)
    single = [m for m in measurements(run) if m.knobs["dtype"] == "fp32"]
    assert {m.status for m in single} == {Status.OOM}
    assert chosen(run).knobs["dtype"] == "fp16"


def test_a_run_from_before_these_keys_goes_on(measured: Measures) -> None:
    """Its suite does not say them, so that the present defaults hold; that is no other suite."""
    suite = SWEEP.replace(", default: off", "")
    run = measured(suite=suite, is_confirmed=False)
    path = run.folder / RUN_FILE
    info = json.loads(path.read_text())
    for key in ("default", "confirm_rounds"):
        del info["suite"]["measure"][key]
    path.write_text(json.dumps(info))
    run = measured(suite=suite, resume=True)
    assert chosen(run).confirmed_rounds == 2


def rounds_of(run: Run) -> list[int]:
    """How many rounds each configuration has, each by a worker of its own."""
    found = [(known.swept, *known.fresh) for known in run.rounds.values()]
    assert all(len({one.worker for one in records}) == len(records) for records in found)
    return [len(records) for records in found]


def test_every_configuration_gets_its_rounds_each_in_a_worker_of_its_own(
    measured: Measures,
) -> None:
    run = measured(is_confirmed=False, rounds=4)
    assert rounds_of(run) == [4] * 4
    assert measured.listener.fresh_rounds == [(4, 1, 3), (4, 2, 3), (4, 3, 3)]
    assert (run.info.planned_rounds, completeness(run).is_complete) == (4, True)


def test_rounds_of_all_are_rounds_of_the_leaders_too(measured: Measures) -> None:
    run = measured(rounds=3)
    assert rounds_of(run) == [3] * 4
    assert chosen(run).confirmed_rounds == 2


def test_leaders_get_the_more_of_the_two_numbers(measured: Measures) -> None:
    """What all have been measured again makes nobody a leader that was cut off."""
    suite = SWEEP.replace("timeout", "confirm_rounds: 3, timeout")
    run = measured(rounds=2, suite=suite)
    assert rounds_of(run) == [4, 4, 2, 2]
    assert chosen(run).confirmed_rounds == 3


def test_what_fails_in_a_round_gets_no_more(measured: Measures) -> None:
    concerned = {"fault": "oom", "knobs": {"dtype": "fp16", "scheduler": "euler"}}
    run = measured(later={**STEADY, "faults": [concerned]}, is_confirmed=False, rounds=4)
    assert sorted(rounds_of(run)) == [2, 4, 4, 4]
    assert completeness(run).by_status == {Status.OK: 3, Status.OOM: 1}


@pytest.mark.parametrize("kept", [3, 6, 8, 11])
def test_an_interrupted_run_goes_on_with_its_missing_rounds(measured: Measures, kept: int) -> None:
    """Also where the command that goes on does not say how many there were to be."""
    whole = measured(is_confirmed=False, rounds=3)
    path = whole.folder / RECORDS_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:kept]))
    assert not completeness(read_run(whole.folder)).is_complete
    run = measured(is_confirmed=False, resume=True)
    assert run.records[:kept] == whole.records[:kept]
    assert sorted(visits(run)) == sorted(visits(whole))
    assert completeness(run).is_complete


def test_a_finished_run_can_get_more_rounds(measured: Measures) -> None:
    before = measured(is_confirmed=False, rounds=2)
    run = measured(is_confirmed=False, rounds=4, resume=True)
    assert rounds_of(run) == [4] * 4
    assert run.records[: len(before.records)] == before.records


def test_rounds_that_are_planned_do_not_count_as_run(measured: Measures) -> None:
    """pytest-codspeed stored the planned rounds as if they had been run."""
    run = measured(is_confirmed=False, rounds=4)
    path = run.folder / RECORDS_FILE
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:9]))
    cut_off = read_run(run.folder)
    assert sorted(len(known.fresh) for known in cut_off.rounds.values()) == [1, 1, 1, 2]
    assert completeness(cut_off).lacking_rounds == 4
    assert completeness(cut_off).summary == (
        "4 configurations: 4 ok; 4 measured again; 4 lack rounds"
    )
