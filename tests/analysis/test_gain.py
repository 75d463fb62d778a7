"""What the recommendation gains against the default configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from factories import around, fidelity, record

from sdbench.analysis.advice import Advice
from sdbench.analysis.gain import Gain
from sdbench.analysis.measurement import measurement_of
from sdbench.analysis.recommend import recommend
from sdbench.results.prediction import Fit
from sdbench.results.record import Record, Status
from sdbench.suite.model import Limits, Metric, Objective
from sdbench.units import MIB

NO_LIMITS = Limits()
FAST = record(steps=20, dtype="bf16", samples_s=around(1.0), fidelity=fidelity(0.93, worst=0.91))


def default(samples_s: tuple[float, ...] | None = None, **fields: Any) -> Record:
    return record(samples_s=samples_s or around(2.0), **fields)


def advise(
    plain: Record, *others: Record, limits: Limits = NO_LIMITS, metric: str = "latency_per_image"
) -> Advice:
    """The answer where the first is the default, beside the sweep."""
    measured = [measurement_of(one) for one in (*others, plain)]
    return recommend(measured, limits, Objective(minimize=Metric(metric)), default_keys=[plain.key])


def gain(*records: Record, **options: Any) -> Gain:
    found = advise(*records, **options).best.gain
    assert found is not None
    return found


def test_the_gain_is_the_ratio_of_the_medians_of_an_image():
    # A batch of two in 2.0 s is an image in 1.0 s; the default takes 2.5 s: 2.5 times.
    plain = record(samples_s=around(2.5), steps=20)
    two = record(steps=20, batch_size=2, samples_s=around(2.0))
    advice = advise(plain, two)
    assert advice.best.gain is not None
    assert advice.best.gain.ratio == pytest.approx(2.5)
    assert advice.headline.endswith(", 2.5 times as fast as the default.")
    assert (
        "It draws an image 2.5 times as fast as the default configuration (batch 1)."
        in advice.best.reason
    )


def test_a_default_of_other_steps_is_told_as_other_work_without_a_fidelity_limit():
    """Less work is always faster, so that fewer steps were praised as a gain."""
    advice = advise(default(), FAST)
    assert advice.best.gain is not None
    assert advice.best.gain.is_other_work
    assert advice.headline.endswith("2.0 times as fast as the default, which takes other steps.")
    assert (
        "2.0 times as fast as the default configuration (the pipeline's own number of steps, "
        "fp32), which takes another number of steps." in advice.best.reason
    )


def test_under_a_fidelity_limit_steps_are_no_other_work():
    near = default(fidelity=fidelity(0.99))
    advice = advise(near, FAST, limits=Limits(fidelity=0.9))
    assert advice.best.gain is not None
    assert not advice.best.gain.is_other_work
    assert advice.headline.endswith("2.0 times as fast as the default.")


def test_within_the_intervals_there_is_no_gain():
    # 1.00 and 1.02, +- 2 % each, overlap; the default allocates more.
    plain = default(around(1.02), steps=20, allocated_mib=300)
    advice = advise(plain, FAST)
    assert gain(plain, FAST).ratio is None
    assert "about as fast as the default configuration (fp32), as far as this run can tell." in (
        advice.best.reason
    )


def test_a_gain_too_small_to_matter_is_none_in_words():
    # 1.03 apart from 1.0, +- 0.1 % each.
    plain = default(around(1.03, 0.001), steps=20)
    fast = record(steps=20, dtype="bf16", samples_s=around(1.0, 0.001))
    advice = advise(plain, fast)
    assert advice.headline.endswith(", as fast as the default.")
    assert "It draws an image about as fast as the default configuration (fp32)." in (
        advice.best.reason
    )


def test_the_default_may_be_what_is_recommended():
    plain = default(around(0.5), steps=20)
    advice = advise(plain, FAST)
    assert advice.best.chosen == measurement_of(plain)
    assert gain(plain, FAST).is_chosen
    assert advice.headline.endswith(", the default.")
    assert "It is the default configuration" in advice.best.reason


@pytest.mark.parametrize(
    ("fields", "limits", "clause"),
    [
        ({"status": Status.OOM}, NO_LIMITS, "it ran out of memory"),
        (
            {"status": Status.SKIPPED, "fields": {"predicted_fit": Fit.DOES_NOT_FIT}},
            NO_LIMITS,
            "it is predicted not to fit into memory",
        ),
    ],
)
def test_a_default_that_does_not_fit_is_said_in_plain_words(
    fields: Mapping[str, Any], limits: Limits, clause: str
):
    advice = advise(record(**fields), FAST, limits=limits)
    assert advice.headline.endswith(", the default does not fit.")
    assert (
        "The default configuration (the pipeline's own number of steps, fp32) does not fit: "
        f"{clause}." in advice.best.reason
    )


def test_a_default_above_the_memory_limit_does_not_fit_either():
    plain = default(rss_mib=2000, steps=20)
    advice = advise(plain, FAST, limits=Limits(memory_bytes=1000 * MIB))
    # 2000 * 1.02 / 1000 - 1 = 104 %.
    assert advice.headline.endswith("2.0 times as fast as the default, which does not fit.")
    assert (
        "2.0 times as fast as the default configuration (fp32), which does not fit: its peak "
        "memory of 1.95 GiB with 2% headroom exceeds 1000 MiB by 104%." in advice.best.reason
    )


def test_a_default_that_fails_otherwise_is_no_choice_and_not_in_the_headline():
    advice = advise(record(status=Status.ERROR), FAST)
    assert "default" not in advice.headline
    assert "fp32) is no choice: it ended with an error." in advice.best.reason


def test_a_faster_default_that_a_limit_keeps_back_is_told():
    plain = default(around(0.5), fidelity=fidelity(0.5), steps=20)
    advice = advise(plain, FAST, limits=Limits(fidelity=0.9))
    assert advice.headline.endswith(", 2.0 times as long as the default.")
    assert (
        "It takes 2.0 times as long for an image as the default configuration (fp32), which is no "
        "choice: the fidelity of its worst picture, 0.50, is below 0.9 by 44%."
        in advice.best.reason
    )


def test_without_a_measured_default_there_is_no_gain():
    advice = recommend([measurement_of(FAST)], NO_LIMITS, Objective(), default_keys=["0" * 12])
    assert advice.best.gain is None
    assert "default" not in advice.headline


def test_each_picture_has_a_default_of_its_own():
    small, large = (record(height=h, width=h, samples_s=around(h / 100)) for h in (256, 512))
    fast = record(height=256, width=256, dtype="bf16", samples_s=around(1.28))
    measured = [measurement_of(one) for one in (large, small, fast)]
    advice = recommend(
        measured, NO_LIMITS, Objective(), default_keys=[small.key, large.key], unswept_keys=[]
    )
    gains = [choice.gain for choice in advice.by_work]
    assert gains[0] is not None
    assert gains[0].is_chosen
    assert gains[1] is not None
    assert gains[1].default == measurement_of(small)
    assert gains[1].ratio == pytest.approx(2.0)


def test_with_memory_as_the_objective_the_gain_is_one_of_memory():
    plain = default(rss_mib=1500, steps=20)
    small = record(steps=20, dtype="bf16", samples_s=around(9.0), rss_mib=500)
    advice = advise(plain, small, metric="memory")
    assert gain(plain, small, metric="memory").ratio == 3.0
    assert advice.headline.endswith(", 3.0 times less memory than the default.")
    assert "It needs 3.0 times less memory than the default configuration (fp32)." in (
        advice.best.reason
    )


def test_the_json_form_holds_the_default_and_what_keeps_it_back():
    plain = default(rss_mib=2000, steps=20)
    content = advise(plain, FAST, limits=Limits(memory_bytes=1000 * MIB)).to_json()["default"]
    assert content["key"] == plain.key
    assert content["status"] == "ok"
    assert content["times_as_good"] == pytest.approx(2.0)
    assert content["obstacle"] == "over the memory limit"
    assert content["reason"].startswith("its peak memory of 1.95 GiB")
    assert content["does_not_fit"] is True
    assert content["is_recommended"] is False
    assert content["is_other_work"] is False
