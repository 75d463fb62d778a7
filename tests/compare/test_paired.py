from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ab_jobs
import factories
import pytest
from ab_jobs import NO_DIFFERENCE, OPEN

from sdbench.compare.comparison import Ending, Kind
from sdbench.compare.paired import compare_ab
from sdbench.compare.verdict import Verdict
from sdbench.results.record import Status
from sdbench.suite.gates import GateRule, Gates

SUSPECT = (1.10, 1.11, 1.09, 1.10)
SLOWER = (1.10, 1.11, 1.09, 1.10, 1.10, 1.11, 1.09, 1.10)
EQUAL = (1.001, 0.999, 1.0, 1.0, 1.001, 0.999, 1.0, 1.0)


def test_a_suspect_that_is_slower_in_fresh_pairs_is_a_regression(tmp_path: Path) -> None:
    comparison = compare_ab(ab_jobs.ab_job(tmp_path, *ab_jobs.pairs((*SUSPECT, *SLOWER))))
    (row,) = comparison.rows
    assert (comparison.kind, comparison.ending) == (Kind.PAIRED, Ending.REGRESSION)
    assert row.verdict is Verdict.SLOWER
    assert row.is_confirmed
    assert comparison.exit_code == 1


def test_the_pairs_that_made_it_a_suspect_take_no_part_in_the_verdict(tmp_path: Path) -> None:
    comparison = compare_ab(ab_jobs.ab_job(tmp_path, *ab_jobs.pairs((*[2.0] * 4, *EQUAL))))
    latency = comparison.rows[0].finding("latency")
    assert latency is not None
    assert latency.verdict is Verdict.SAME
    assert latency.effect is not None
    assert latency.effect.units == 8
    assert comparison.exit_code == 0


def test_unchanged_and_quiet_is_the_same(tmp_path: Path) -> None:
    comparison = compare_ab(ab_jobs.ab_job(tmp_path, *ab_jobs.pairs(NO_DIFFERENCE)))
    assert comparison.rows[0].verdict is Verdict.SAME
    assert not comparison.rows[0].is_confirmed
    assert comparison.ending is Ending.CLEAN


def test_noise_is_ambiguous_and_says_how_many_pairs_would_tell(tmp_path: Path) -> None:
    comparison = compare_ab(ab_jobs.ab_job(tmp_path, *ab_jobs.pairs(OPEN)))
    latency = comparison.rows[0].finding("latency")
    assert latency is not None
    assert latency.verdict is Verdict.AMBIGUOUS
    assert latency.units_needed is not None
    assert latency.units_needed > 4
    assert latency.detectable_ratio is not None
    assert latency.detectable_ratio > 1.05
    assert comparison.exit_code == 0


def test_more_suspects_make_smaller_changes_invisible(tmp_path: Path) -> None:
    found = []
    for others in (0, 5):
        place = tmp_path / str(others)
        place.mkdir()
        sides = [
            ab_jobs.pairs((*SUSPECT, *SLOWER), steps=10 + index) for index in range(others + 1)
        ]
        before = [one for side, _ in sides for one in side]
        after = [one for _, side in sides for one in side]
        comparison = compare_ab(ab_jobs.ab_job(place, before, after))
        latency = comparison.rows[0].finding("latency")
        assert latency is not None
        found.append(latency.detectable_ratio)
        assert comparison.family_size == others + 1
    assert found[0] is not None
    assert found[1] is not None
    assert found[0] < found[1]


def test_a_broken_configuration_is_a_regression_without_times(tmp_path: Path) -> None:
    before, _ = ab_jobs.pairs(NO_DIFFERENCE)
    after = [factories.record(status=Status.OOM, fields={"round": number}) for number in range(4)]
    comparison = compare_ab(ab_jobs.ab_job(tmp_path, before, after))
    (row,) = comparison.rows
    assert row.verdict is Verdict.BROKEN
    assert row.finding("latency") is None
    assert "ok -> oom" in row.decisive.reason


def test_a_configuration_without_records_on_a_side_is_missing(tmp_path: Path) -> None:
    before, _ = ab_jobs.pairs(NO_DIFFERENCE)
    comparison = compare_ab(ab_jobs.ab_job(tmp_path, before, []))
    assert comparison.rows[0].verdict is Verdict.MISSING
    assert comparison.exit_code == 3


def test_a_job_without_any_configuration_is_incomplete(tmp_path: Path) -> None:
    assert compare_ab(ab_jobs.ab_job(tmp_path, [], [])).ending is Ending.INCOMPLETE


def test_a_job_that_was_cut_off_says_what_it_lacks(tmp_path: Path) -> None:
    job = ab_jobs.ab_job(tmp_path, *ab_jobs.pairs((*SUSPECT, 1.1, 1.1)), is_finished=False)
    comparison = compare_ab(job)
    assert comparison.incomplete == ("the job was cut off", "fresh pairs are missing of 1 suspect")
    early = tmp_path / "early"
    early.mkdir()
    cut = compare_ab(ab_jobs.ab_job(early, *ab_jobs.pairs((1.0, 1.0)), is_finished=False))
    assert cut.incomplete[1] == "pairs of the first look are missing of 1 of 1 configuration"
    assert cut.exit_code == 3


def test_a_rule_gives_some_configurations_other_margins(tmp_path: Path) -> None:
    rule = GateRule(configurations={"steps": (20,)}, gates={"latency": 0.2})
    sides = [ab_jobs.pairs((*SUSPECT, *SLOWER), steps=steps) for steps in (10, 20)]
    before = [one for side, _ in sides for one in side]
    after = [one for _, side in sides for one in side]
    comparison = compare_ab(ab_jobs.ab_job(tmp_path, before, after, gates=Gates(rules=(rule,))))
    assert [row.verdict for row in comparison.rows] == [Verdict.SLOWER, Verdict.SAME]


def test_a_slower_stage_is_told_by_its_name(tmp_path: Path) -> None:
    before, after = ab_jobs.pairs((*SUSPECT, *EQUAL))
    usual = [ab_jobs.with_stage(one, "vae_decode", 0.1) for one in before]
    slow = [
        ab_jobs.with_stage(one, "vae_decode", 0.1 * (1.3 + 0.001 * (number % 2)))
        for number, one in enumerate(after)
    ]
    job = ab_jobs.ab_job(tmp_path, usual, slow, gates=Gates(stages={"vae_decode": 0.05}))
    (row,) = compare_ab(job).rows
    assert (row.decisive.metric, row.verdict) == ("stage:vae_decode", Verdict.SLOWER)


def test_a_gated_stage_that_nothing_has_is_not_passed_over(tmp_path: Path) -> None:
    job = ab_jobs.ab_job(
        tmp_path, *ab_jobs.pairs(NO_DIFFERENCE), gates=Gates(stages={"vae_decode": 0.05})
    )
    comparison = compare_ab(job)
    assert "no configuration has the stage vae_decode" in comparison.incomplete[0]
    assert comparison.exit_code == 3


def test_spoiled_rounds_are_set_aside(tmp_path: Path) -> None:
    before, after = ab_jobs.pairs((*SUSPECT, 9.0, *EQUAL), fields={})
    after[4] = factories.record(
        status=Status.UNSTABLE, samples_s=(9.0,) * 6, fields={"round": 4, "worker": "worker-5"}
    )
    comparison = compare_ab(ab_jobs.ab_job(tmp_path, before, after))
    latency = comparison.rows[0].finding("latency")
    assert latency is not None
    assert latency.effect is not None
    assert latency.effect.units == 8
    assert comparison.unfit == ()


def test_too_many_throttled_rounds_make_the_environment_unfit(tmp_path: Path) -> None:
    before, after = ab_jobs.pairs((*SUSPECT, *SLOWER))
    for number in range(8):
        after[number] = factories.record(status=Status.UNSTABLE, fields={"round": number})
    comparison = compare_ab(ab_jobs.ab_job(tmp_path, before, after))
    assert comparison.unfit == ("the device was throttled in 8 of 24 rounds",)
    assert comparison.exit_code == 4


@pytest.mark.parametrize(("in_turns", "unfit"), [(True, 0), (False, 1)])
def test_other_programs_meet_both_sides_alike_where_calls_take_turns(
    tmp_path: Path, in_turns: bool, unfit: int
) -> None:
    sides = ab_jobs.pairs((*SUSPECT, *SLOWER), fields={"waited_s": (0.2,) * 6})
    job = ab_jobs.ab_job(tmp_path, *sides, in_turns=in_turns)
    comparison = compare_ab(job)
    assert len(comparison.unfit) == unfit
    assert comparison.exit_code == (4 if unfit else 1)


def test_a_control_that_alarms_makes_times_untrustworthy_and_nothing_else(tmp_path: Path) -> None:
    before, after = ab_jobs.pairs((*SUSPECT, *SLOWER))
    _, other = ab_jobs.pairs([1.2, 1.21, 1.19, 1.2] * 3)
    comparison = compare_ab(ab_jobs.ab_job(tmp_path, before, after, control=other))
    assert comparison.control is not None
    assert comparison.control.verdict is Verdict.SLOWER
    assert "the baseline against itself is 20.0 % slower" in comparison.unfit[0]
    assert comparison.exit_code == 4

    grown = tmp_path / "grown"
    grown.mkdir()
    _, fat = ab_jobs.pairs((*SUSPECT, *SLOWER), allocated_mib=400)
    memory = compare_ab(ab_jobs.ab_job(grown, before, fat, control=other))
    assert memory.exit_code == 1


@pytest.mark.parametrize("ratios", [NO_DIFFERENCE, OPEN])
def test_a_control_that_is_equal_or_vague_is_no_alarm(
    tmp_path: Path, ratios: tuple[float, ...]
) -> None:
    _, other = ab_jobs.pairs(ratios)
    job = ab_jobs.ab_job(tmp_path, *ab_jobs.pairs(NO_DIFFERENCE), control=other)
    comparison = compare_ab(job)
    assert comparison.unfit == ()
    assert comparison.exit_code == 0


def test_a_control_is_held_against_the_margin_of_its_configuration(tmp_path: Path) -> None:
    _, other = ab_jobs.pairs((1.10, 1.11, 1.09, 1.10))
    job = ab_jobs.ab_job(tmp_path, *ab_jobs.pairs(NO_DIFFERENCE), control=other)
    assert compare_ab(job).exit_code == 4
    assert compare_ab(job, Gates(latency=0.2)).unfit == ()
    rule = GateRule(configurations={"dtype": ("fp32",)}, gates={"latency": 0.2})
    assert compare_ab(job, Gates(rules=(rule,))).unfit == ()


def test_a_control_that_tells_nothing_leaves_the_job_incomplete(tmp_path: Path) -> None:
    job = ab_jobs.ab_job(
        tmp_path,
        *ab_jobs.pairs(NO_DIFFERENCE),
        control=[factories.record(status=Status.ERROR)],
    )
    comparison = compare_ab(job)
    assert comparison.incomplete == ("the control has fewer than two pairs",)
    assert comparison.exit_code == 3


def test_overridden_configurations_are_compared_with_their_twins(tmp_path: Path) -> None:
    before, _ = ab_jobs.pairs((*SUSPECT, *SLOWER), attention="sdpa")
    _, after = ab_jobs.pairs((*SUSPECT, *SLOWER), attention="eager")
    twins = {before[0].key: after[0].key}
    comparison = compare_ab(ab_jobs.ab_job(tmp_path, before, after, twins=twins))
    assert [row.verdict for row in comparison.rows] == [Verdict.SLOWER]


def test_the_sides_tell_what_differs_between_them(tmp_path: Path) -> None:
    other = ab_jobs.installation(
        "pr-venv",
        packages={"torch": "2.13.0", "diffusers": "0.43.0"},
        variables={"OMP_NUM_THREADS": "1"},
        overrides={"attention": "eager"},
    )
    job = ab_jobs.ab_job(tmp_path, *ab_jobs.pairs(NO_DIFFERENCE), candidate=other)
    comparison = compare_ab(job)
    assert comparison.baseline.facts == {
        "diffusers": "0.42.1",
        "$OMP_NUM_THREADS": "(none)",
        "attention": "(none)",
    }
    assert comparison.candidate.facts["attention"] == "eager"
    assert comparison.candidate.source == "pr-venv"


def test_a_knob_that_one_side_sets_is_told_with_the_suites_value_on_the_other(
    tmp_path: Path,
) -> None:
    other = ab_jobs.installation(overrides={"guidance_scale": 5.0})
    job = ab_jobs.ab_job(tmp_path, *ab_jobs.pairs(NO_DIFFERENCE), candidate=other)
    for run, value in ((job.baseline, 3.0), (job.candidate, 5.0)):
        fixed = run.info.suite["fixed"]
        assert isinstance(fixed, dict)
        fixed["guidance_scale"] = value
    comparison = compare_ab(job)
    assert comparison.baseline.facts["guidance_scale"] == "3.0"
    assert comparison.candidate.facts["guidance_scale"] == "5.0"


def test_a_suspect_that_fails_in_a_fresh_round_is_not_passed_over(tmp_path: Path) -> None:
    before, after = ab_jobs.pairs((*SUSPECT, 1.2, 1.0))
    failed = factories.record(status=Status.ERROR, fields={"round": 6})
    job = ab_jobs.ab_job(tmp_path, [*before, ab_jobs.round_of(6, 1.0)], [*after, failed])
    comparison = compare_ab(job)
    assert comparison.rows[0].verdict is Verdict.AMBIGUOUS
    assert comparison.ending is Ending.INCOMPLETE
    assert "fresh pairs are missing of 1 suspect" in comparison.incomplete[0]


def test_a_suspect_that_fails_at_first_look_is_not_passed_over(tmp_path: Path) -> None:
    before, after = ab_jobs.pairs(SUSPECT)
    failed = factories.record(status=Status.ERROR, fields={"round": 3})
    comparison = compare_ab(ab_jobs.ab_job(tmp_path, before, [*after[:3], failed]))
    assert comparison.ending is Ending.INCOMPLETE


def test_what_only_other_gates_make_a_suspect_is_not_passed_over(tmp_path: Path) -> None:
    before, after = (
        [replace(one, load_s=load_s) for one in side]
        for side, load_s in zip(ab_jobs.pairs(NO_DIFFERENCE), (1.0, 2.0), strict=True)
    )
    job = ab_jobs.ab_job(tmp_path, before, after)
    assert compare_ab(job).ending is Ending.CLEAN
    assert compare_ab(job, Gates(load=0.1)).ending is Ending.INCOMPLETE
    assert compare_ab(job, Gates(load=0.1, missing=False)).ending is Ending.CLEAN
