import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from factories import around, derived, record, run

from sdbench.analysis import feasibility
from sdbench.analysis.advice import Advice
from sdbench.analysis.feasibility import Excess, excesses
from sdbench.analysis.measurement import Measurement, measurement_of
from sdbench.analysis.reasons import derivation
from sdbench.analysis.recommend import recommend, recommend_for_run
from sdbench.results.record import Record, Status
from sdbench.suite.model import Limits, Metric, Objective
from sdbench.units import MIB

NO_LIMITS = Limits()


def advise(
    *records: Record,
    limits: Limits = NO_LIMITS,
    metric: str = "latency_per_image",
    defaults: Sequence[Record] = (),
    unswept: Sequence[Record] | None = None,
) -> Advice:
    measured = [measurement_of(one) for one in records]
    return recommend(
        measured,
        limits,
        Objective(minimize=Metric(metric)),
        device="a Test CPU",
        default_keys=[one.key for one in defaults],
        unswept_keys=None if unswept is None else [one.key for one in unswept],
    )


def test_the_fastest_per_image_is_recommended_not_the_fastest_call():
    single = record(samples_s=around(1.0), batch_size=1)
    four = record(samples_s=around(2.0), batch_size=4)
    assert advise(single, four).best.chosen == measurement_of(four)
    assert advise(single, four, metric="latency").best.chosen == measurement_of(single)


def test_what_exceeds_the_memory_limit_is_not_recommended():
    large = record(dtype="fp32", samples_s=around(1.0), rss_mib=1000)
    small = record(dtype="bf16", samples_s=around(2.0), rss_mib=500)
    advice = advise(large, small, limits=Limits(memory_bytes=600 * MIB))
    assert advice.best.chosen == measurement_of(small)
    assert "1 over the memory limit" in advice.best.reason
    assert "within 600 MiB" in advice.headline


def test_a_peak_that_needs_all_of_the_limit_with_its_headroom_is_within_it():
    # 600 MiB and 2 % of it are 612 MiB.
    one = record(rss_mib=600)
    assert advise(one, limits=Limits(memory_bytes=612 * MIB)).best.chosen is not None
    assert advise(one, limits=Limits(memory_bytes=611 * MIB)).best.chosen is None


def test_a_batch_above_the_batch_limit_is_not_recommended():
    four = record(samples_s=around(2.0), batch_size=4)
    eight = record(samples_s=around(2.4), batch_size=8)
    advice = advise(four, eight, limits=Limits(batch_size=4))
    assert advice.best.chosen == measurement_of(four)
    assert "1 over the batch limit" in advice.best.reason
    assert "batch at most 4" in advice.headline


def test_the_latency_limit_is_held_against_the_p95_of_a_call():
    # Of six samples the 6th is the first that 95 % of them (5.7) do not exceed: 2.0 s.
    spiky = record(samples_s=(1.0, 1.0, 1.0, 1.0, 1.0, 2.0))
    assert advise(spiky, limits=Limits(latency_s=1.9)).best.chosen is None
    assert advise(spiky, limits=Limits(latency_s=2.0)).best.chosen is not None


def test_an_unstable_configuration_is_never_recommended():
    unstable = record(status=Status.UNSTABLE, samples_s=around(0.1), dtype="bf16")
    steady = record(samples_s=around(1.0))
    assert advise(unstable, steady).best.chosen == measurement_of(steady)
    assert advise(unstable).best.chosen is None


def test_an_unknown_memory_peak_does_not_pass_a_memory_limit():
    unknown = record(allocated_mib=None, rss_mib=None)
    advice = advise(unknown, limits=Limits(memory_bytes=MIB))
    assert advice.best.chosen is None
    assert "without a known memory peak" in advice.best.reason
    assert advise(unknown).best.chosen is not None


def test_among_ties_the_one_that_allocates_less_is_chosen_and_the_reason_says_so():
    # 1.00 +- 2 % and 1.01 +- 2 % overlap; 1.10 +- 2 % overlaps neither.
    fastest = record(scheduler="euler", samples_s=around(1.00), allocated_mib=300)
    frugal = record(scheduler="ddim", samples_s=around(1.01), allocated_mib=200)
    slower = record(scheduler="heun", samples_s=around(1.10), allocated_mib=100)
    best = advise(fastest, frugal, slower).best
    assert best.chosen == measurement_of(frugal)
    assert [m.key for m in best.ties] == [fastest.key]
    assert "ties" in best.reason
    assert "Of those as fast as the fastest this one allocates the least memory" in best.reason


def test_a_difference_in_memory_without_weight_does_not_decide_between_ties():
    """A run chose 450 ms over a tied 400 ms, for 0.4 % less memory."""
    # 208 MiB is within 16 MiB of 200 MiB; 300 MiB is not.
    fastest = record(scheduler="euler", samples_s=around(1.00), allocated_mib=300)
    frugal = record(scheduler="ddim", samples_s=around(1.02), allocated_mib=200)
    faster = record(scheduler="heun", samples_s=around(1.01), allocated_mib=208)
    best = advise(fastest, frugal, faster).best
    assert best.chosen == measurement_of(faster)
    assert "2 allocate equally little memory" in best.reason
    best = advise(frugal, faster).best
    assert best.chosen == measurement_of(faster)
    assert "the lowest median, and none as fast allocates less memory" in best.reason


def test_a_noisy_configuration_is_a_tie_and_does_not_win_by_its_noise():
    """A wide interval that reaches down to the fastest one's won, 49 % slower, by 50 MiB."""
    steady = record(samples_s=around(1.01, 0.01), allocated_mib=900)
    noisy = record(dtype="bf16", samples_s=(1.01, 1.3, 1.5, 1.5, 1.6, 1.9), allocated_mib=850)
    best = advise(steady, noisy).best
    assert best.chosen == measurement_of(steady)
    assert [m.key for m in best.ties] == [noisy.key]


def test_different_pipelines_and_prompts_do_not_compete():
    """The smaller of two checkpoints was recommended over the other."""
    small = record(pipeline={"builtin": "tiny"}, samples_s=around(1.0))
    large = record(pipeline={"id": "some/sdxl"}, samples_s=around(5.0))
    advice = advise(large, small)
    assert [choice.chosen for choice in advice.by_work] == [
        measurement_of(large),
        measurement_of(small),
    ]
    assert advice.best.chosen == measurement_of(large)
    assert "what differs in pipeline draws another image and does not compete" in advice.best.reason


def test_guidance_is_no_amount_of_work():
    records = [record(guidance_scale=g, samples_s=around(1.0)) for g in (5.0, 12.0)]
    reason = advise(*records).best.reason
    assert "always faster" not in reason
    assert "what differs in guidance scale draws another image" in reason


def test_without_ties_the_reason_says_that_no_interval_overlaps():
    best = advise(record(samples_s=around(1.0)), record(dtype="bf16", samples_s=around(0.5))).best
    assert best.ties == ()
    assert "its interval overlaps no other's" in best.reason


def test_a_single_sample_is_not_passed_off_as_certain():
    best = advise(record(samples_s=(1.0,)), record(dtype="bf16", samples_s=(0.5,))).best
    assert "has no interval" in best.reason


def test_few_samples_are_named_with_the_confidence_that_they_give():
    # Five samples: their range holds the median with 1 - 2 / 32 = 93.75 %.
    best = advise(record(samples_s=(1.0, 1.1, 1.2, 1.3, 1.4))).best
    assert "94% only" in best.reason


def test_the_headline_gives_up_no_steps():
    short = record(steps=10, samples_s=around(1.0))
    long = record(steps=50, samples_s=around(5.0))
    advice = advise(short, long)
    assert advice.best.chosen == measurement_of(long)
    assert "50 steps" in advice.best.reason
    assert (
        "fewer steps are always faster, and no fidelity limit was given, so no steps are given up "
        "for speed"
    ) in advice.best.reason
    assert [choice.work["steps"] for choice in advice.by_work] == [50, 10]
    assert all(choice.chosen for choice in advice.by_work)


def test_where_the_most_steps_do_not_qualify_the_headline_says_so():
    short = record(steps=10, rss_mib=500)
    long = record(steps=50, rss_mib=700)
    advice = advise(short, long, limits=Limits(memory_bytes=600 * MIB))
    assert advice.best.chosen == measurement_of(short)
    assert "Nothing qualifies with 50 steps" in advice.best.reason


def test_smaller_images_do_not_win_by_being_smaller():
    small = record(height=256, width=256, samples_s=around(1.0))
    large = record(height=512, width=512, samples_s=around(4.0))
    assert advise(small, large).best.chosen == measurement_of(large)


def test_the_headline_never_hides_that_there_was_no_limit():
    headline = advise(record()).headline
    assert "no memory limit was given, no fidelity limit was given" in headline


def test_the_headline_names_device_settings_and_figures():
    headline = advise(
        record(steps=20, dtype="bf16", samples_s=around(0.8), batch_size=2),
        record(steps=20, dtype="fp32", samples_s=around(9.0), batch_size=1),
        limits=Limits(memory_bytes=2048 * MIB),
    ).headline
    # Half the interval of an image is 2 % of 400 ms = 8 ms, so whole milliseconds are printed;
    # of a call 2 % of 800 ms = 16 ms, so tens: p95 = the largest of six = 816 -> 820.
    assert headline == (
        "On a Test CPU, within 2 GiB, no fidelity limit was given: bf16, batch 2: 400 ms an image "
        "(p95 of a call 820 ms), 200 MiB allocated, 900 MiB resident in the process."
    )


def test_nothing_feasible_names_the_nearest_miss_and_its_excess():
    near = record(dtype="bf16", rss_mib=660)
    far = record(dtype="fp32", rss_mib=1200)
    advice = advise(far, near, limits=Limits(memory_bytes=600 * MIB))
    # 660 * 1.02 / 600 - 1 = 12.2 %.
    assert advice.best.chosen is None
    assert advice.best.nearest_miss == measurement_of(near)
    assert "660 MiB with 2% headroom exceeds 600 MiB by 12%" in advice.best.reason
    assert "no configuration can be recommended" in advice.headline


def test_a_miss_of_both_limits_counts_by_its_larger_excess():
    # Memory: +12 % and +7 %; p95 of six around 1.0 and 2.0 s against 1.0 s: about +2 % and +102 %.
    evenly = record(dtype="bf16", samples_s=around(1.0), rss_mib=660)
    slow = record(dtype="fp32", samples_s=around(2.0), rss_mib=630)
    limits = Limits(memory_bytes=600 * MIB, latency_s=1.0)
    assert advise(slow, evenly, limits=limits).best.nearest_miss == measurement_of(evenly)


def test_nothing_measured_says_what_happened():
    records = [record(steps=s, status=Status.OOM) for s in (1, 2, 3)]
    advice = advise(*records, record(steps=4, status=Status.ERROR))
    assert advice.best.nearest_miss is None
    assert "3 out of memory, 1 with an error" in advice.best.reason


def test_an_empty_run_has_an_answer_too():
    assert advise().best.reason == "The run has no configuration."


def test_a_run_without_any_record_says_that_all_are_missing():
    absent = Measurement(key="0123456789ab", knobs={}, status=None, reason="not measured")
    advice = recommend([absent], NO_LIMITS, Objective())
    assert "1 without a record" in advice.best.reason


def test_a_default_beside_the_sweep_is_no_work_of_its_own():
    """The default has its own number of steps, so that it headed every sweep of steps."""
    default = record(samples_s=around(9.0))
    twenty = record(steps=20, samples_s=around(2.0))
    advice = advise(default, twenty, defaults=[default])
    assert advice.best.chosen == measurement_of(twenty)
    assert len(advice.by_work) == 1
    assert advice.unswept_defaults == (measurement_of(default),)


def test_a_default_that_is_swept_is_work_like_any_other():
    default = record(samples_s=around(9.0))
    twenty = record(steps=20, samples_s=around(2.0))
    advice = advise(default, twenty, defaults=[default], unswept=[])
    assert advice.best.chosen == measurement_of(default)
    assert len(advice.by_work) == 2


def test_a_default_alone_is_recommended():
    default = record(samples_s=around(9.0))
    assert advise(default, defaults=[default]).best.chosen == measurement_of(default)


def test_a_default_of_the_same_steps_competes():
    default = record(samples_s=around(1.0))
    slower = record(dtype="bf16", samples_s=around(2.0))
    assert advise(default, slower, defaults=[default]).best.chosen == measurement_of(default)


def test_what_was_measured_again_says_so():
    one = replace(measurement_of(record()), confirmed_rounds=2)
    best = recommend([one], NO_LIMITS, Objective()).best
    assert "Its latency is that of 2 fresh rounds, and not of the sweep." in best.reason


def test_what_was_not_measured_again_says_so_where_others_were():
    """Limits other than the suite's choose what no fresh round has confirmed."""
    again = replace(measurement_of(record(rss_mib=900)), confirmed_rounds=2)
    once = measurement_of(record(dtype="bf16", rss_mib=300, samples_s=around(2.0)))
    best = recommend([again, once], Limits(memory_bytes=400 * MIB), Objective()).best
    assert best.chosen == once
    assert "It was not measured again on fresh rounds, as 1 other was" in best.reason
    assert "fresh rounds" not in advise(record()).best.reason


def test_a_derived_one_wins_no_tie_by_memory():
    """It is as fast as the fastest by its interval, which is of another kind."""
    measured = record(scheduler="euler", samples_s=around(1.0), allocated_mib=300)
    told = derived(1.01, scheduler="ddim", allocated_mib=200)
    best = advise(measured, told).best
    assert best.chosen == measurement_of(measured)
    assert best.ties == (measurement_of(told),)
    assert "none measured as fast allocates less memory" in best.reason


def test_a_derived_one_is_chosen_where_it_is_the_fastest():
    measured = record(scheduler="euler", samples_s=around(1.0), allocated_mib=100)
    told = derived(0.98, scheduler="ddim", allocated_mib=200)
    best = advise(measured, told).best
    assert best.chosen == measurement_of(told)
    assert "only measured ones win ties by memory or fidelity" in best.reason


def test_memory_can_be_the_objective():
    small = record(dtype="bf16", samples_s=around(5.0), rss_mib=500)
    fast = record(dtype="fp32", samples_s=around(1.0), rss_mib=900)
    best = advise(fast, small, metric="memory").best
    assert best.chosen == measurement_of(small)
    assert "smallest in memory" in best.reason


def test_the_json_form_holds_the_evidence_and_the_limits():
    one = record(steps=20, samples_s=around(1.0), batch_size=2)
    measured = [measurement_of(one)]
    limits = Limits(memory_bytes=2048 * MIB)
    advice = recommend(
        measured, limits, Objective(), code_of=lambda _: "pipe()", suite_of=lambda _: "name: one"
    )
    content = json.loads(json.dumps(advice.to_json()))
    assert content["schema"] == 2
    assert content["limits"] == {
        "memory_bytes": 2048 * MIB,
        "latency_s": None,
        "fidelity": None,
        "batch_size": None,
        "headroom_ratio": 0.02,
        "run_memory_bytes": None,
    }
    assert content["without_fidelity_limit"] is None
    found = content["recommendation"]
    assert found["key"] == one.key
    assert found["knobs"]["steps"] == 20
    assert found["latency_per_image_s"]["point"] == 0.5
    assert found["peak_memory_figure"] == "peak_rss_bytes"
    assert found["peak_allocated_bytes"] == 200 * MIB
    assert found["code"] == "pipe()"
    assert found["suite"] == "name: one"
    assert found["confirmed_rounds"] == 0
    assert content["by_steps"][0]["steps"] == 20
    assert content["by_steps"][0]["recommendation"] == found
    assert content["ties"] == []
    assert content["nearest_miss"] is None
    assert content["default"] is None
    assert [one["limit"] for one in content["relaxing"]] == ["memory_bytes"]


def test_the_json_form_has_null_for_the_interval_of_a_single_sample():
    content = advise(record(samples_s=(1.0,))).to_json()
    found = content["recommendation"]["latency_s"]
    assert (found["point"], found["low"], found["high"]) == (1.0, None, None)


def test_the_json_form_of_no_recommendation_holds_the_nearest_miss():
    content = advise(record(rss_mib=660), limits=Limits(memory_bytes=600 * MIB)).to_json()
    assert content["recommendation"] is None
    exceeds = content["nearest_miss"]["exceeds"]
    assert [e["figure"] for e in exceeds] == ["peak_memory_bytes"]
    # 660 * 1.02 / 600 - 1.
    assert abs(exceeds[0]["excess_ratio"] - 0.122) < 1e-6


def test_each_configuration_is_judged_a_few_times_only(monkeypatch):
    """Each step of the answer judged every configuration anew: 10,000 took seconds."""
    judged = 0

    def counting(m: Measurement, limits: Limits) -> tuple[Excess, ...]:
        nonlocal judged
        judged += 1
        return excesses(m, limits)

    monkeypatch.setattr(feasibility, "excesses", counting)
    records = [
        record(steps=steps, threads=threads, rss_mib=steps + threads, allocated_mib=None)
        for steps in range(1, 11)
        for threads in range(1, 21)
    ]
    limits = Limits(memory_bytes=20 * MIB, latency_s=3.0, batch_size=4)
    assert advise(*records, limits=limits).best.chosen is not None
    assert judged <= 4 * len(records)


def test_a_derived_choice_says_so_with_its_interval(tmp_path):
    advice = recommend_for_run(
        run(tmp_path, [record(samples_s=around(2.0)), derived(1.0, sources=5, dtype="bf16")])
    )
    assert advice.best.chosen.is_derived
    assert advice.figures.startswith(
        "1.00 s an image, derived (970 ms to 1.03 s; p95 of a call taken as 1.03 s), 200 MiB "
        "allocated (derived), 900 MiB resident in the process (derived)"
    )
    assert "Its latency is derived, not measured." in advice.best.reason
    told = advice.to_json()["recommendation"]
    assert (told["latency_origin"], told["derived_from"]) == ("derived", 5)
    assert (told["peak_memory_origin"], told["peak_allocated_origin"]) == ("derived", "derived")
    assert told["latency_s"]["low"] == pytest.approx(0.97)
    assert told["latency_s"]["samples"] == 0
    assert derivation(advice.best.chosen) == (
        "It was not measured: its latency is derived from 5 measured configurations, and a "
        "measurement of it should lie within 970 ms to 1.03 s an image. To confirm it, measure the "
        "suite that --format suite prints, or all with --plan exhaustive."
    )


def test_a_measured_figure_carries_its_origin_too(tmp_path):
    told = recommend_for_run(run(tmp_path, [record()])).to_json()["recommendation"]
    assert (told["latency_origin"], told["derived_from"]) == ("measured", None)
    assert told["peak_memory_origin"] == "measured"


def test_a_derived_choice_is_not_said_to_have_few_samples(tmp_path):
    """Those are its ties': its own interval holds with the confidence that checks gave it."""
    measured = record(samples_s=(1.0, 1.02), dtype="fp16")
    reason = recommend_for_run(run(tmp_path, [measured, derived(1.0)])).best.reason
    assert "With so few samples intervals of its ties hold with 50% only, not 95%." in reason
