"""What `benchmarks/sweep.py` says of two runs, on runs that were made up."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sdbench.results.record import Record, Status
from sdbench.results.store import Run
from sdbench.suite.expand import configurations
from sdbench.suite.load import load_suite
from sdbench.suite.model import Limits
from sdbench.units import MIB
from tests import factories
from tests.factories import around, derived, fidelity, record

_FOLDER = Path(__file__).parents[2] / "benchmarks"
MODULES = ("sweep", "sweep_answers", "sweep_errors")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, ModuleType]]:
    monkeypatch.syspath_prepend(_FOLDER)
    return {name: importlib.import_module(name) for name in MODULES}


def measured(call_s: float, **fields: Any) -> Record:
    """A configuration of two schedulers' steps that was measured."""
    return record(samples_s=around(call_s), fidelity=fidelity(0.8), **fields)


def told(call_s: float, spread: float = 0.03, **fields: Any) -> Record:
    """The same, derived."""
    return derived(call_s, spread=spread, fidelity=fidelity(0.8), **fields)


def runs(folder: Path, staged: list[Record], exhaustive: list[Record]) -> tuple[Run, Run]:
    """Both runs."""
    found = []
    for name, records in (("staged", staged), ("exhaustive", exhaustive)):
        (folder / name).mkdir()
        found.append(factories.run(folder / name, records))
    return found[0], found[1]


@pytest.mark.parametrize(("name", "count"), [("small", 48), ("medium", 512), ("large", 2240)])
def test_a_grid_is_as_large_as_it_says(
    bench: Mapping[str, ModuleType], tmp_path: Path, name: str, count: int
) -> None:
    grid = bench["sweep"].GRIDS[name]
    file = tmp_path / "sweep.yaml"
    file.write_text(grid.suite(True), encoding="utf-8")
    suite = load_suite(file)
    assert len(configurations(suite)) == grid.count == count
    assert suite.fidelity is not None
    file.write_text(grid.suite(False), encoding="utf-8")
    assert load_suite(file).fidelity is None


def test_a_sample_is_of_the_grid_s_own_configurations(
    bench: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    grid = bench["sweep"].GRIDS["small"]
    whole, part = tmp_path / "whole.yaml", tmp_path / "part.yaml"
    whole.write_text(grid.suite(True), encoding="utf-8")
    every = configurations(load_suite(whole))
    part.write_text(grid.sample([one.knobs for one in every[5:9]]), encoding="utf-8")
    suite = load_suite(part)
    assert [one.key for one in configurations(suite)] == [one.key for one in every[5:9]]
    assert suite.fidelity is None


def test_a_sample_that_was_measured_is_read_and_held_against_what_was_derived(
    bench: Mapping[str, ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Derived 3 s within 5 %, measured 3.3 and 3.03 s: one of the two holds."""
    staged, _ = runs(tmp_path, [told(3.0, steps=6), told(3.0, steps=8)], [])
    place = tmp_path / "sample" / "sweep"
    place.mkdir(parents=True)
    factories.run(place, [measured(3.3, steps=6), measured(3.03, steps=8)])
    (tmp_path / "sample" / "wall.json").write_text('{"wall_s": 1.0}', encoding="utf-8")
    sweep = bench["sweep"]
    found = sweep.measured_soon(staged, sweep.GRIDS["small"], tmp_path / "sample")
    assert (found.count, found.held) == (2, 1)
    assert "50.0% of the intervals hold it" in capsys.readouterr().out


def test_a_common_drift_is_no_error_of_what_is_derived(
    bench: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    # All calls of the staged run took 1.1 times as long, and one that is derived 1.1 * 1.02.
    staged, exhaustive = runs(
        tmp_path,
        [measured(1.1, steps=2), measured(2.2, steps=4), told(1.1 * 3 * 1.02, steps=6)],
        [measured(1.0, steps=2), measured(2.0, steps=4), measured(3.0, steps=6)],
    )
    errors = bench["sweep_errors"]
    truth_s, ours_s = errors.measured_s(exhaustive), errors.measured_s(staged)
    drift = errors.drift_ratio(ours_s, truth_s)
    assert drift == pytest.approx(1.1)
    raw = errors.errors_of_derived(errors.derived(staged), truth_s)
    assert raw.median_ratio == pytest.approx(1.1 * 1.02 - 1)
    assert raw.coverage == 0
    without = errors.errors_of_derived(errors.derived(staged), truth_s, drift)
    assert without.p95_ratio == pytest.approx(0.02)
    assert without.coverage == 1
    assert str(without) == "1: off by 2.0%, p95 2.0%; 100.0% of the intervals hold it"
    assert errors.errors_of_measured(ours_s, truth_s, drift).p95_ratio == pytest.approx(0)


def test_a_moment_of_the_machine_is_no_error_at_its_usual_pace(
    bench: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    def at(factor: float, steps: int) -> Record:
        stages_s = {"denoiser": 0.1 * steps * factor, "vae_decode": 0.2 * factor}
        call_s = sum(stages_s.values())
        staged = {name: (seconds,) * 6 for name, seconds in stages_s.items()}
        return record(samples_s=(call_s,) * 6, steps=steps, fields={"stages_s": staged})

    _, exhaustive = runs(tmp_path, [], [at(1.0, 2), at(1.5, 4), at(1.0, 8)])
    errors = bench["sweep_errors"]
    by_steps = {record.knobs["steps"]: record.key for record in exhaustive.latest.values()}
    assert errors.measured_s(exhaustive)[by_steps[4]] == pytest.approx(0.9)
    assert errors.usual_s(exhaustive)[by_steps[4]] == pytest.approx(0.6)


def test_what_was_derived_and_measured_later_counts_as_derived_too(
    bench: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    staged, exhaustive = runs(
        tmp_path,
        [told(1.05, steps=2), told(1.04, steps=2), measured(1.0, steps=2)],
        [measured(1.0, steps=2)],
    )
    errors = bench["sweep_errors"]
    found = errors.errors_of_derived(errors.derived(staged), errors.measured_s(exhaustive))
    assert found.log_ratios == [pytest.approx(math.log(1.04))]
    assert errors.counts(staged) == {"measured": 1}


def test_it_is_counted_how_configurations_ended(
    bench: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    staged, _ = runs(
        tmp_path,
        [
            measured(1.0, steps=2),
            told(2.0, steps=4),
            factories.inferred_oom(steps=6),
            record(status=Status.OOM, steps=8),
        ],
        [],
    )
    assert bench["sweep_errors"].counts(staged) == {
        "measured": 1,
        "derived": 1,
        "inferred-oom": 1,
        "oom": 1,
    }


def test_nothing_that_both_measured_tells_no_drift(bench: Mapping[str, ModuleType]) -> None:
    errors = bench["sweep_errors"]
    assert errors.drift_ratio({"a": 1.0}, {"b": 2.0}) == 1.0
    assert str(errors.errors_of_derived({}, {"b": 2.0})) == "nothing to compare"


def grid_of_runs() -> tuple[list[Record], list[Record]]:
    """Two schedulers, steps 2 and 4, batch 1 and 2; the staged run has derived half of it.

    By the exhaustive run euler is the faster one throughout. The staged run believes ddim to be the
    faster one with 4 steps and batch 2.
    """
    exhaustive, staged = [], []
    for scheduler, factor in (("euler", 1.0), ("ddim", 1.2)):
        for steps in (2, 4):
            for batch in (1, 2):
                call_s = factor * steps * (1 + 0.5 * batch)
                fields = {
                    "scheduler": scheduler,
                    "steps": steps,
                    "batch_size": batch,
                    "allocated_mib": 100.0 * batch,
                }
                score = fidelity(0.4 + 0.1 * steps)
                one = record(samples_s=around(call_s), fidelity=score, **fields)
                exhaustive.append(one)
                is_derived = scheduler == "ddim"
                wrong = 0.5 if (is_derived and steps == 4 and batch == 2) else 1.0
                staged.append(
                    derived(call_s * wrong, fidelity=score, **fields) if is_derived else one
                )
    return staged, exhaustive


def test_limits_come_from_the_figures_and_each_leaves_out_a_part(
    bench: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    _, exhaustive = runs(tmp_path, *grid_of_runs())
    answers = bench["sweep_answers"]
    asked = answers.questions(answers.by_tensor_bytes(exhaustive))
    assert asked == answers.questions(answers.by_tensor_bytes(exhaustive))
    assert len(set(asked)) == len(asked)
    with_fidelity = [one for one in asked if one.steps is None]
    # Two scores, no memory limit and two peaks, with a batch limit and without.
    assert len(with_fidelity) == 2 * 3 * 2
    assert {one.steps for one in asked} == {None, 2, 4}
    assert {one.limits.batch_size for one in asked} == {None, 1}
    text = str(answers.Question(Limits(fidelity=0.5, batch_size=2)))
    assert text == "fidelity >= 0.50, batch_size <= 2"


def test_peaks_that_differ_by_some_latents_make_one_limit(
    bench: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    exhaustive = [
        record(
            allocated_mib=100 + 0.001 * steps, fidelity=fidelity(0.5 + 0.001 * steps), steps=steps
        )
        for steps in (2, 4, 6, 8)
    ]
    _, run = runs(tmp_path, [], exhaustive)
    answers = bench["sweep_answers"]
    asked = answers.questions(answers.by_tensor_bytes(run))
    # 100.008 MiB and 2 % of headroom are 102.008 MiB.
    limits = {one.limits.memory_bytes for one in asked if one.limits.memory_bytes}
    assert limits == {int(102.125 * MIB)}
    assert {one.limits.fidelity for one in asked if one.steps is None} == {0.5}


def test_a_peak_that_is_the_limit_keeps_to_it(
    bench: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    staged, exhaustive = runs(tmp_path, *grid_of_runs())
    answers = bench["sweep_answers"]
    theirs = answers.by_tensor_bytes(exhaustive)
    found = answers.answers(answers.by_tensor_bytes(staged), theirs, answers.questions(theirs))
    tightest = min(one.question.limits.memory_bytes or math.inf for one in found)
    choices = {one.best.batch_size for one in found if one.question.limits.memory_bytes == tightest}
    assert choices == {1}
    assert all(one.keeps_to_limits for one in found)


def test_what_differs_is_measured_again_once(
    bench: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    staged, exhaustive = runs(tmp_path, *grid_of_runs())
    answers, sweep = bench["sweep_answers"], bench["sweep"]
    theirs = answers.by_tensor_bytes(exhaustive)
    found = answers.answers(answers.by_tensor_bytes(staged), theirs, answers.questions(theirs))
    pairs = []

    def again(one: Mapping[str, Any], other: Mapping[str, Any]) -> Any:
        pairs.append((one, other))
        return ratio(1.2)

    judged = sweep.verdicts(found, again)
    wrong = [one for one in judged if not one.is_good]
    assert {one.answers.staged.knobs["scheduler"] for one in wrong} == {"ddim"}
    assert {one.answers.best.knobs["scheduler"] for one in wrong} == {"euler"}
    assert [other["scheduler"] for _, other in pairs] == ["ddim"] * len(pairs)
    assert len(wrong) > len(pairs) > 0
    assert all(str(one).endswith("<- missed") for one in wrong)
    same = [one for one in judged if one.answers.is_same]
    assert len(same) + len(wrong) == len(judged)
    assert all(str(one).endswith("the same configuration") for one in same)


def ratio(point: float) -> Any:
    """A ratio that was measured again."""
    return importlib.import_module("paired").Ratio(point, point, point, 15)


@pytest.mark.parametrize(
    ("point", "keeps", "is_good"),
    [(1.03, True, True), (1.04, True, False), (0.9, False, False), (0.9, True, True)],
)
def test_a_choice_is_good_that_is_fast_and_keeps_to_the_limits(
    bench: Mapping[str, ModuleType], point: float, keeps: bool, is_good: bool
) -> None:
    verdict = bench["sweep"].Verdict(two_choices(bench, keeps), ratio(point))
    assert verdict.is_good is is_good


def two_choices(bench: Mapping[str, ModuleType], keeps: bool | None = True) -> Any:
    """Answers that differ."""
    from sdbench.analysis.measurement import measurement_of

    answers = bench["sweep_answers"]
    one, other = (measurement_of(measured(1.0, steps=steps)) for steps in (2, 4))
    return answers.Answers(answers.Question(Limits(fidelity=0.5)), one, other, keeps)


def test_a_run_that_has_no_answer_where_the_other_one_has_misses(
    bench: Mapping[str, ModuleType],
) -> None:
    lacking = replace(two_choices(bench), staged=None, keeps_to_limits=None)
    verdict = bench["sweep"].verdicts([lacking], lambda one, other: ratio(1.0))[0]
    assert verdict.ratio is None
    assert not verdict.is_good
    assert str(verdict) == "fidelity >= 0.50: staged has no answer  <- missed"


def test_each_goal_that_is_missed_is_told(bench: Mapping[str, ModuleType]) -> None:
    sweep, errors = bench["sweep"], bench["sweep_errors"]
    good = sweep.Verdict(two_choices(bench), ratio(1.0))
    bad = sweep.Verdict(two_choices(bench), ratio(1.1))
    fine = errors.Errors([0.01] * 100, 95)
    assert sweep.missed(0.1, [good] * 20, fine) == []
    assert sweep.missed(0.2, [good] * 19 + [bad], errors.Errors([0.01] * 100, 94)) == [
        "staged takes 20.0% of the time, more than 10%",
        "1 recommendations are beyond the limits or more than 3% slower",
        "94.0% of the derived intervals hold what was measured, fewer than 95%",
    ]
    assert sweep.missed(0.1, [good], errors.Errors([], 0)) == [
        "1 sets of limits have an answer, fewer than 20",
        "nothing was derived",
    ]


def test_a_run_that_was_cut_off_has_no_wall_time(
    bench: Mapping[str, ModuleType], tmp_path: Path
) -> None:
    sweep = bench["sweep"]
    assert sweep.stored_wall_s(tmp_path) is None
    (tmp_path / "wall.json").write_text('{"wall_s": 12.5}', encoding="utf-8")
    assert sweep.stored_wall_s(tmp_path) == 12.5
