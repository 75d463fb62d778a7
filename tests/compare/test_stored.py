from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ab_jobs
import factories
import pytest
from ab_jobs import processes, stored

from sdbench.compare.comparison import Ending, Kind
from sdbench.compare.stored import compare_records, compare_runs
from sdbench.compare.verdict import Verdict
from sdbench.results.record import Status
from sdbench.suite.gates import Gates

STEADY = (1.0, 1.002, 0.998, 1.001)
HALF_AS_FAST = (2.0, 2.01, 1.99, 2.0)
A_LITTLE_SLOWER = (1.05, 1.052, 1.048, 1.05)


def test_equal_runs_are_clean_and_say_what_they_assume(tmp_path: Path) -> None:
    comparison = compare_runs(
        stored(tmp_path, processes(STEADY)), stored(tmp_path, processes(STEADY))
    )
    assert (comparison.kind, comparison.units) == (Kind.STORED, "processes")
    assert comparison.ending is Ending.CLEAN
    assert "differ from run to run by 3.0 %" in comparison.notes[0]


def test_a_small_change_between_two_runs_is_not_told_from_their_days(tmp_path: Path) -> None:
    before = stored(tmp_path, processes(STEADY))
    after = stored(tmp_path, processes(A_LITTLE_SLOWER))
    comparison = compare_runs(before, after)
    assert comparison.rows[0].verdict is Verdict.AMBIGUOUS
    assert comparison.exit_code == 0
    steady = Gates(between_runs=0.003)
    assert compare_runs(before, after, gates=steady).rows[0].verdict is Verdict.SLOWER


def test_one_process_a_side_still_tells_what_is_far_slower(tmp_path: Path) -> None:
    before, after = (stored(tmp_path, processes([value])) for value in (1.0, 1.4))
    assert compare_runs(before, after).exit_code == 1


def test_calls_of_one_process_are_no_independent_samples(tmp_path: Path) -> None:
    """Twenty narrow calls a side, and the processes differ by 10 %: nothing is told."""
    before, after = (stored(tmp_path, processes([value])) for value in (1.0, 1.1))
    assert compare_runs(before, after).rows[0].verdict is Verdict.AMBIGUOUS


def test_other_conditions_make_it_advisory(tmp_path: Path) -> None:
    before = stored(tmp_path, processes(STEADY))
    after = stored(
        tmp_path,
        processes(HALF_AS_FAST),
        fingerprint={"device": "Test CPU", "torch": "2.14.0"},
    )
    comparison = compare_runs(before, after)
    assert comparison.advisory == (
        "the two runs were measured under other conditions: torch 2.13.0 -> 2.14.0",
    )
    assert comparison.rows[0].verdict is Verdict.SLOWER
    assert comparison.exit_code == 0
    assert compare_runs(before, after, accepted=["torch"]).exit_code == 1


def test_another_protocol_or_other_prompts_are_other_conditions(tmp_path: Path) -> None:
    before = stored(tmp_path, processes(STEADY))
    other = ab_jobs.suite().to_json()
    other["inputs"]["prompts"] = ["a fox"]
    comparison = compare_runs(before, stored(tmp_path, processes(STEADY), suite_json=other))
    assert "suite.inputs" in comparison.advisory[0]


def test_what_is_missing_is_not_passed_over_by_an_advisory_comparison(tmp_path: Path) -> None:
    planned = factories.record(steps=7).key
    before = stored(tmp_path, [*processes(STEADY), *processes(STEADY, steps=7)])
    after = stored(
        tmp_path, processes(STEADY), missing=[planned], fingerprint={"device": "another"}
    )
    comparison = compare_runs(before, after)
    assert [row.verdict for row in comparison.rows] == [Verdict.AMBIGUOUS, Verdict.MISSING]
    assert comparison.exit_code == 3


def test_a_configuration_of_one_run_alone_is_new_or_gone_and_checks_nothing(
    tmp_path: Path,
) -> None:
    before = stored(tmp_path, [*processes(STEADY), *processes(STEADY, steps=7)])
    after = stored(tmp_path, [*processes(STEADY), *processes(STEADY, steps=8)])
    comparison = compare_runs(before, after, gates=Gates(between_runs=0.001))
    assert [row.verdict for row in comparison.rows] == [Verdict.SAME, Verdict.GONE, Verdict.NEW]
    assert comparison.exit_code == 3
    allowed = Gates(between_runs=0.001, missing=False)
    assert compare_runs(before, after, gates=allowed).exit_code == 0


def test_false_alarms_are_shared_by_the_whole_family(tmp_path: Path) -> None:
    barely = (1.08, 1.12, 1.09, 1.05)
    noisy = (1.0, 1.03, 0.97, 1.01)
    gates = Gates(between_runs=0.0001)
    alone = [stored(tmp_path, processes(values)) for values in (noisy, barely)]
    assert compare_runs(*alone, gates=gates).rows[0].verdict is Verdict.SLOWER
    others = [one for steps in range(2, 40) for one in processes(noisy, steps=steps)]
    many = [stored(tmp_path, [*processes(values), *others]) for values in (noisy, barely)]
    comparison = compare_runs(*many, gates=gates)
    assert comparison.family_size == 39
    assert comparison.rows[0].verdict is Verdict.AMBIGUOUS


@pytest.mark.parametrize(
    ("allocated_mib", "verdict"),
    [(200, Verdict.SAME), (216, Verdict.SAME), (217, Verdict.MORE), (183, Verdict.LESS)],
)
def test_a_peak_alarms_beyond_the_larger_of_share_and_growth(
    tmp_path: Path, allocated_mib: int, verdict: Verdict
) -> None:
    before = stored(tmp_path, processes(STEADY, allocated_mib=200))
    after = stored(tmp_path, processes(STEADY, allocated_mib=allocated_mib))
    peak = compare_runs(before, after).rows[0].finding("peak_allocated")
    assert peak is not None
    assert peak.verdict is verdict


def test_a_large_peak_alarms_by_its_share(tmp_path: Path) -> None:
    before = stored(tmp_path, processes(STEADY, allocated_mib=10_000))
    within, beyond = (
        compare_runs(before, stored(tmp_path, processes(STEADY, allocated_mib=size)))
        for size in (10_190, 10_210)
    )
    assert (within.exit_code, beyond.exit_code) == (0, 1)


def test_a_peak_that_one_side_lacks_is_missing_with_the_reason(tmp_path: Path) -> None:
    before = stored(tmp_path, processes(STEADY))
    after = stored(tmp_path, processes(STEADY, allocated_mib=None))
    comparison = compare_runs(before, after)
    peak = comparison.rows[0].finding("peak_allocated")
    assert peak is not None
    assert peak.verdict is Verdict.MISSING
    assert "this device does not tell" in peak.reason
    assert comparison.exit_code == 3


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (Status.OOM, Verdict.SAME),
        (Status.OK, Verdict.FIXED),
        (Status.ERROR, Verdict.AMBIGUOUS),
    ],
)
def test_what_never_ran_on_a_side_has_a_status_alone(
    tmp_path: Path, after: Status, verdict: Verdict
) -> None:
    failing = factories.record(status=Status.OOM)
    comparison = compare_runs(
        stored(tmp_path, [failing]), stored(tmp_path, [factories.record(status=after)])
    )
    (finding,) = comparison.rows[0].findings
    assert (finding.metric, finding.verdict) == ("status", verdict)
    assert comparison.exit_code == 0


def test_the_clock_of_the_candidate_must_not_lie_below_the_baselines(tmp_path: Path) -> None:
    def at(clock_mhz: int) -> list[factories.Record]:
        state = {"before": {"sm_clock_mhz": clock_mhz}, "after": {"sm_clock_mhz": clock_mhz}}
        return processes(STEADY, fields={"device_state": state})

    slow = compare_runs(stored(tmp_path, at(1980)), stored(tmp_path, at(1500)))
    assert slow.unfit == (
        "the candidate's clock was 24.2 % below the baseline's (1500 and 1980 MHz)",
    )
    assert slow.exit_code == 4
    assert compare_runs(stored(tmp_path, at(1980)), stored(tmp_path, at(1970))).unfit == ()
    hidden = compare_runs(stored(tmp_path, at(1500)), stored(tmp_path, at(1980)))
    assert hidden.unfit == (
        "the baseline's clock was 24.2 % below the candidate's (1500 and 1980 MHz)",
    )


def test_times_beside_other_programs_are_not_trusted(tmp_path: Path) -> None:
    """The processes of the candidate had the processor for half of the time."""
    before = stored(tmp_path, processes(STEADY))
    crowded = stored(tmp_path, processes(HALF_AS_FAST, fields={"waited_s": (1.0,) * 6}))
    comparison = compare_runs(before, crowded)
    assert comparison.unfit == (
        "calls waited for a processor for 5.0 % of their time or more in 4 of 8 rounds",
    )
    assert comparison.exit_code == 4


def test_a_process_whose_calls_waited_for_the_processor_is_left_out(tmp_path: Path) -> None:
    before = stored(tmp_path, processes((*STEADY, *STEADY)))
    after = processes((*STEADY, *STEADY))
    after[2] = replace(processes((9.0,) * 3)[2], waited_s=(8.0,) * 6)
    comparison = compare_runs(before, stored(tmp_path, after))
    latency = comparison.rows[0].finding("latency")
    assert latency is not None
    assert latency.effect is not None
    assert latency.effect.units == 7
    assert latency.effect.ratio == pytest.approx(1.0, abs=0.01)
    assert comparison.unfit == ()


def test_a_configuration_that_fails_now_and_then_is_not_passed_over(tmp_path: Path) -> None:
    before = stored(tmp_path, processes(STEADY))
    after = processes(STEADY)
    after[3] = factories.record(status=Status.ERROR, fields={"round": 3})
    comparison = compare_runs(before, stored(tmp_path, after))
    assert comparison.incomplete == (
        "1 configuration ended otherwise in some rounds, which decides nothing",
    )
    assert comparison.exit_code == 3


def test_one_process_a_side_tells_nothing_where_runs_are_said_not_to_differ(
    tmp_path: Path,
) -> None:
    before, after = (stored(tmp_path, processes([value])) for value in (1.0, 1.4))
    comparison = compare_runs(before, after, gates=Gates(between_runs=0.0))
    assert comparison.rows[0].verdict is Verdict.MISSING
    assert comparison.exit_code == 3


def test_runs_of_two_suites_say_so(tmp_path: Path) -> None:
    other = {**ab_jobs.suite().to_json(), "name": "other"}
    comparison = compare_runs(
        stored(tmp_path, processes(STEADY)),
        stored(tmp_path, processes(STEADY), suite_json=other),
    )
    assert "suite.name test -> other" in comparison.advisory[0]


def test_a_record_judged_alone_takes_its_part_of_the_family(tmp_path: Path) -> None:
    barely = processes((1.08, 1.12, 1.09, 1.05))
    baseline = stored(tmp_path, processes((1.0, 1.03, 0.97, 1.01)))
    gates, key = Gates(between_runs=0.0001), barely[0].key
    rows = [
        compare_records(key, baseline, barely, gates, family_size, tmp_path)
        for family_size in (1, 40)
    ]
    assert [row.verdict for row in rows] == [Verdict.SLOWER, Verdict.AMBIGUOUS]


def test_a_record_that_the_baseline_lacks_is_missing(tmp_path: Path) -> None:
    baseline = stored(tmp_path, processes(STEADY, steps=7))
    records = processes(STEADY)
    row = compare_records(records[0].key, baseline, records, Gates(), 1, tmp_path)
    assert row.verdict is Verdict.MISSING
    assert row.decisive.is_gated


def test_a_failure_judged_alone_is_broken(tmp_path: Path) -> None:
    baseline = stored(tmp_path, processes(STEADY))
    failed = factories.record(status=Status.ERROR)
    row = compare_records(failed.key, baseline, [failed], Gates(), 1, tmp_path)
    assert row.verdict is Verdict.BROKEN


def test_what_went_wrong_everywhere_on_both_sides_is_not_clean(tmp_path: Path) -> None:
    failing = factories.record(status=Status.ERROR)
    comparison = compare_runs(stored(tmp_path, [failing]), stored(tmp_path, [failing]))
    assert comparison.rows[0].verdict is Verdict.SAME
    assert comparison.ending is Ending.INCOMPLETE
    one_runs = [*processes(STEADY, steps=7), failing]
    comparison = compare_runs(stored(tmp_path, one_runs), stored(tmp_path, one_runs))
    assert comparison.ending is Ending.CLEAN


def test_a_run_that_lacks_planned_rounds_is_incomplete(tmp_path: Path) -> None:
    whole = stored(tmp_path, processes(STEADY), planned_rounds=4)
    cut = stored(tmp_path, processes(STEADY[:1]), planned_rounds=4)
    assert compare_runs(whole, whole).ending is Ending.CLEAN
    comparison = compare_runs(whole, cut)
    assert comparison.ending is Ending.INCOMPLETE
    assert comparison.incomplete == (
        "the candidate's run was cut off: 1 configuration of it lacks some of 4 rounds "
        "(--resume goes on with them)",
    )


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_time_that_is_not_above_zero_is_none(tmp_path: Path, seconds: float) -> None:
    before = stored(tmp_path, processes(STEADY))
    latency = (
        compare_runs(before, stored(tmp_path, processes([seconds] * 4))).rows[0].finding("latency")
    )
    assert latency is not None
    assert latency.verdict is Verdict.MISSING
