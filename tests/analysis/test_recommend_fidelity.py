import json

import pytest
from factories import NOT_COMPARABLE, around, fidelity, record

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import measurement_of
from sdbench.analysis.recommend import recommend
from sdbench.results.fidelity import Fidelity
from sdbench.results.record import Record
from sdbench.suite.model import Limits, Metric, Objective
from sdbench.units import MIB

NINE_TENTHS = Limits(fidelity=0.9)

FIFTY = record(steps=50, samples_s=around(5.0), fidelity=fidelity(0.98, worst=0.97))
TWENTY = record(steps=20, samples_s=around(2.0), fidelity=fidelity(0.93, worst=0.91))
TEN = record(steps=10, samples_s=around(1.0), fidelity=fidelity(0.41, worst=0.33))


def advise(
    *records: Record, limits: Limits = NINE_TENTHS, metric: str = "latency_per_image"
) -> Advice:
    measured = [measurement_of(one) for one in records]
    return recommend(measured, limits, Objective(minimize=Metric(metric)), device="a Test CPU")


def test_what_keeps_to_a_fidelity_limit_competes_across_steps():
    advice = advise(FIFTY, TWENTY, TEN)
    assert advice.best.chosen == measurement_of(TWENTY)
    assert len(advice.by_work) == 1
    assert "steps" not in advice.best.work
    assert "2 of 3 configurations qualify (1 below the fidelity limit)" in advice.best.reason
    assert advice.headline == (
        "On a Test CPU, no memory limit was given, fidelity at least 0.9: 20 steps: 2.00 s an "
        "image (p95 of a call 2.04 s), 200 MiB allocated, 900 MiB resident in the process, "
        "fidelity 0.93 (worst picture 0.91)."
    )


def test_a_faster_scheduler_with_more_steps_can_win():
    heun = record(scheduler="heun", steps=20, samples_s=around(4.0), fidelity=fidelity(0.99))
    euler = record(scheduler="euler", steps=30, samples_s=around(3.0), fidelity=fidelity(0.95))
    assert advise(heun, euler).best.chosen == measurement_of(euler)


def test_without_a_limit_steps_separate_and_the_reason_offers_one():
    best = advise(FIFTY, TWENTY, TEN, limits=Limits()).best
    assert best.chosen == measurement_of(FIFTY)
    assert "no fidelity limit was given, so no steps are given up for speed" in best.reason
    assert best.reason.endswith(
        "The fidelity of its worst picture is 0.97; with a fidelity limit (--min-fidelity 0.9) "
        "other numbers of steps compete too, as far as they keep to it."
    )
    assert advise(FIFTY, TWENTY, TEN, limits=Limits()).without_fidelity_limit is None


def test_without_known_fidelities_no_limit_is_offered():
    assert "--min-fidelity" not in advise(record(), limits=Limits()).best.reason


def test_the_offer_says_why_the_headlines_own_fidelity_is_not_known():
    stochastic = record(steps=50, fidelity=Fidelity.absent(NOT_COMPARABLE))
    reason = advise(stochastic, TEN, limits=Limits()).best.reason
    assert f"Its fidelity is not known ({NOT_COMPARABLE})" in reason


def test_sizes_and_contents_do_not_compete_under_a_fidelity_limit_either():
    small = record(height=256, width=256, samples_s=around(1.0), fidelity=fidelity(0.95))
    large = record(height=512, width=512, samples_s=around(4.0), fidelity=fidelity(0.95))
    advice = advise(small, large)
    assert advice.best.chosen == measurement_of(large)
    assert "less height or width is always faster, and draws another image" in advice.best.reason


def test_checkpoints_are_told_apart_by_name():
    tiny = record(pipeline={"builtin": "tiny"}, steps=10, fidelity=fidelity(0.95))
    other = record(
        pipeline={"id": "some/other"}, steps=20, samples_s=around(3.0), fidelity=fidelity(0.95)
    )
    advice = advise(tiny, other)
    assert [choice.chosen for choice in advice.by_work] == [
        measurement_of(tiny),
        measurement_of(other),
    ]
    assert "This is the choice for pipeline " in advice.best.reason
    assert "what differs in pipeline draws another image and does not compete" in advice.best.reason
    assert [content["steps"] for content in advice.to_json()["by_steps"]] == [10, 20]


def test_samplers_that_cannot_be_compared_are_left_out_and_the_reason_says_why():
    stochastic = record(
        scheduler="euler_a",
        steps=20,
        samples_s=around(0.5),
        fidelity=Fidelity.absent(f"{NOT_COMPARABLE}."),
    )
    best = advise(FIFTY, stochastic).best
    assert best.chosen == measurement_of(FIFTY)
    assert "(1 without a known fidelity)" in best.reason
    assert f"Left out for want of a known fidelity: 1 ({NOT_COMPARABLE})." in best.reason


def test_of_many_reasons_for_an_unknown_fidelity_the_most_frequent_are_told():
    records = [
        record(steps=n, fidelity=Fidelity.absent(f"reason {min(n, 5)}")) for n in range(1, 8)
    ]
    reason = advise(*records).best.reason
    assert ("3 (reason 5), 1 (reason 1), 1 (reason 2), 2 for other reasons. ").rstrip() in reason


def test_a_run_without_fidelities_says_that_nothing_is_known_to_keep_to_the_limit():
    advice = advise(record(steps=10), record(steps=20))
    assert advice.best.chosen is None
    assert "2 without a known fidelity" in advice.best.reason
    assert "the round ended before it was measured" in advice.best.reason
    assert advice.best.nearest_miss is None
    # What the limit costs is told all the same.
    assert advice.without_fidelity_limit is not None
    assert "without a known fidelity (" in advice.without_fidelity_limit.reason


def test_a_degenerate_picture_is_never_recommended():
    black = record(
        dtype="fp16",
        steps=20,
        samples_s=around(0.1),
        fidelity=Fidelity(reason="all of one colour", is_degenerate=True),
    )
    for limits in (NINE_TENTHS, Limits()):
        advice = advise(black, TWENTY, limits=limits)
        assert advice.best.chosen == measurement_of(TWENTY)
        assert "1 drew a degenerate picture" in advice.best.reason
    free = advise(black, TWENTY).without_fidelity_limit
    assert free is not None
    assert free.chosen == measurement_of(TWENTY)


def test_the_cost_of_the_limit_is_told_in_speed_and_fidelity():
    free = advise(FIFTY, TWENTY, TEN).without_fidelity_limit
    assert free is not None
    assert free.chosen == measurement_of(TEN)
    assert free.reason == (
        "Without the fidelity limit 10 steps would be 2.0 times as fast, with fidelity 0.41 (worst "
        "picture 0.33)."
    )


def test_a_limit_that_costs_nothing_says_so():
    free = advise(FIFTY, TWENTY).without_fidelity_limit
    assert free is not None
    assert free.chosen == measurement_of(TWENTY)
    assert free.reason == "Without the fidelity limit the choice would be the same."


def test_the_other_limits_hold_without_the_fidelity_limit_too():
    large = record(
        steps=10, dtype="bf16", samples_s=around(0.5), rss_mib=2000, fidelity=fidelity(0.5)
    )
    limits = Limits(fidelity=0.9, memory_bytes=1000 * MIB)
    free = advise(FIFTY, TWENTY, TEN, large, limits=limits).without_fidelity_limit
    assert free is not None
    assert free.chosen == measurement_of(TEN)


def test_where_nothing_keeps_to_the_fidelity_limit_the_fastest_is_named_beside():
    advice = advise(TEN)
    # (0.9 - 0.33) / 0.9 = 63 %.
    assert advice.best.chosen is None
    assert "the fidelity of its worst picture, 0.33, is below 0.9 by 63%" in advice.best.reason
    assert advice.without_fidelity_limit is not None
    assert advice.without_fidelity_limit.reason == (
        "Without the fidelity limit the choice would be 10 steps: 1.00 s an image (p95 of a call "
        "1.02 s), 200 MiB allocated, 900 MiB resident in the process, fidelity 0.41 (worst picture "
        "0.33)."
    )


def test_with_memory_as_the_objective_the_limit_is_told_in_figures():
    small = record(steps=10, samples_s=around(5.0), rss_mib=500, fidelity=fidelity(0.5))
    free = advise(TWENTY, small, metric="memory").without_fidelity_limit
    assert free is not None
    assert free.reason.startswith("Without the fidelity limit the choice would be 10 steps: 5.0 s")
    assert "fidelity 0.50" in free.reason


def tie(scheduler: str, median_s: float, of: Fidelity | None, allocated_mib: float = 200) -> Record:
    return record(
        scheduler=scheduler,
        steps=20,
        samples_s=around(median_s),
        allocated_mib=allocated_mib,
        fidelity=of,
    )


def test_among_equally_fast_and_small_the_higher_fidelity_decides():
    fast, near = tie("euler", 1.00, fidelity(0.92)), tie("heun", 1.01, fidelity(0.97))
    for limits in (NINE_TENTHS, Limits()):
        best = advise(fast, near, limits=limits).best
        assert best.chosen == measurement_of(near)
        assert "2 allocate equally little memory" in best.reason
        assert "and of these this one has the highest fidelity" in best.reason


def test_a_difference_of_fidelity_without_weight_does_not_decide():
    fast, near = tie("euler", 1.00, fidelity(0.95)), tie("heun", 1.01, fidelity(0.96))
    assert advise(fast, near).best.chosen == measurement_of(fast)


def test_of_several_with_equally_high_fidelity_the_faster_is_chosen():
    records = [
        tie("ddim", 1.00, fidelity(0.91)),
        tie("heun", 1.01, fidelity(0.97)),
        tie("euler", 1.005, fidelity(0.96)),
    ]
    best = advise(*records).best
    assert best.chosen == measurement_of(records[2])
    assert "2 have an equally high fidelity, this one among them with the lowest median" in (
        best.reason
    )


def test_less_memory_decides_before_fidelity():
    frugal = tie("euler", 1.00, fidelity(0.92), allocated_mib=100)
    near = tie("heun", 1.01, fidelity(0.97), allocated_mib=300)
    assert advise(frugal, near).best.chosen == measurement_of(frugal)


def test_an_unknown_fidelity_loses_among_ties_to_a_known_one():
    unknown = tie("euler", 1.00, Fidelity.absent(NOT_COMPARABLE))
    known = tie("heun", 1.01, fidelity(0.5))
    assert advise(unknown, known, limits=Limits()).best.chosen == measurement_of(known)


def test_the_worst_picture_is_held_against_the_limit_and_the_median_decides_ties():
    """Half of the pictures could be worse than what was promised."""
    uneven = record(steps=20, samples_s=around(1.0), fidelity=fidelity(0.97, worst=0.89))
    even = record(steps=30, samples_s=around(2.0), fidelity=fidelity(0.92, worst=0.91))
    assert advise(uneven, even).best.chosen == measurement_of(even)
    # Of ties 0.94 goes before 0.91, whatever their worst pictures.
    near = tie("heun", 1.01, fidelity(0.94, worst=0.90))
    far = tie("euler", 1.00, fidelity(0.91, worst=0.91))
    assert advise(near, far).best.chosen == measurement_of(near)


def test_the_json_form_holds_the_fidelity_and_what_the_limit_costs():
    content = json.loads(json.dumps(advise(FIFTY, TWENTY, TEN).to_json()))
    assert content["schema"] == 2
    assert content["limits"]["fidelity"] == 0.9
    # Scores of 0.91 and 0.95 on a scale from 10 to 50 dB: 46.4 and 48.0 dB.
    assert content["recommendation"]["fidelity"] == {
        "score": 0.93,
        "worst_score": 0.91,
        "psnr_db": pytest.approx(47.2),
        "worst_psnr_db": pytest.approx(46.4),
        "ssim": pytest.approx(0.93),
        "floor_psnr_db": 10.0,
        "ceiling_psnr_db": 50.0,
        "numerical_psnr_db": 59.0,
        "is_degenerate": False,
        "reason": None,
    }
    free = content["without_fidelity_limit"]
    assert free["recommendation"]["knobs"]["steps"] == 10
    assert free["recommendation"]["fidelity"]["worst_score"] == 0.33
    assert "2.0 times as fast" in free["reason"]


def test_the_json_form_of_an_unknown_fidelity_holds_its_reason():
    one = record(fidelity=Fidelity.absent(NOT_COMPARABLE))
    found = advise(one, limits=Limits()).to_json()["recommendation"]["fidelity"]
    assert found["reason"] == NOT_COMPARABLE
    assert {value for name, value in found.items() if name != "reason"} == {None}


def test_the_json_form_of_a_miss_holds_the_shortfall():
    exceeds = advise(TEN).to_json()["nearest_miss"]["exceeds"]
    assert [(e["figure"], e["value"], e["limit"]) for e in exceeds] == [("fidelity", 0.33, 0.9)]
    assert exceeds[0]["excess_ratio"] == pytest.approx(0.57 / 0.9)
