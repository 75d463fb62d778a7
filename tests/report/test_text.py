import pytest
from factories import NOT_COMPARABLE, around, derived, fidelity, record, run

from sdbench.analysis.how_measured import how_measured
from sdbench.analysis.measurement import measurements
from sdbench.analysis.reasons import derivation
from sdbench.analysis.recommend import recommend_for_run
from sdbench.report.text import COLUMNS, NothingRecommended, advice_text, document
from sdbench.results.fidelity import Fidelity
from sdbench.results.record import Status
from sdbench.suite.model import Limits
from sdbench.units import MIB


def words(text: str) -> str:
    return " ".join(text.split())


def test_it_says_the_answer_why_the_choices_and_the_code(tmp_path):
    records = [record(steps=s, samples_s=around(s / 10)) for s in (10, 20)]
    advice = recommend_for_run(run(tmp_path, records))
    text = advice_text(advice)
    figures = "2.00 s an image (p95 of a call 2.04 s), 200 MiB allocated, 900 MiB resident in the"
    assert text.startswith(f"{advice.where}\n  20 steps\n  {figures}")
    assert words(advice.best.reason) in words(text)
    assert "\n  20 steps: " in text
    assert "\n  10 steps: " in text
    assert "\n    pipe.to(" in text


def test_many_ties_are_cut_short(tmp_path):
    records = [record(threads=n) for n in range(1, 9)]
    text = advice_text(recommend_for_run(run(tmp_path, records)))
    assert "and 2 more" in text


def test_without_a_recommendation_it_says_what_happened(tmp_path):
    text = advice_text(recommend_for_run(run(tmp_path, [record(status=Status.OOM)])))
    assert "no configuration can be recommended" in words(text)
    assert "1 out of memory" in text


def test_limits_can_be_given_in_place_of_the_suites_own(tmp_path):
    advice = recommend_for_run(run(tmp_path, [record(rss_mib=900)]), Limits(memory_bytes=MIB))
    assert advice.best.chosen is None
    assert "within 1 MiB" in advice_text(advice)


def test_prose_is_wrapped_for_a_terminal(tmp_path):
    text = advice_text(recommend_for_run(run(tmp_path, [record(), record(dtype="bf16")])))
    prose = text.split("\n\n")[:2]
    assert max(len(line) for part in prose for line in part.splitlines()) <= COLUMNS


def test_the_parts_stand_in_the_order_in_which_they_are_needed(tmp_path):
    default = record(samples_s=around(8.0), rss_mib=2000)
    ours = record(steps=20, samples_s=around(2.0), fidelity=fidelity(0.95))
    tied = record(steps=20, threads=1, samples_s=around(2.01), fidelity=fidelity(0.95))
    worse = record(steps=10, samples_s=around(1.0), fidelity=fidelity(0.5))
    stochastic = record(steps=5, samples_s=around(0.5), fidelity=Fidelity.absent(NOT_COMPARABLE))
    records = [default, ours, tied, worse, stochastic]
    text = advice_text(recommend_for_run(run(tmp_path, records), Limits(fidelity=0.9)), 80)
    parts = [
        "On Test CPU, no memory limit was given, fidelity at least 0.9:\n  20 steps, threads",
        "  4.0 times as fast as the default\n",
        "What relaxing a limit buys:\n  fidelity 0.50: 2.0 times as fast (10 steps, threads",
        "Ties:\n  20 steps, threads 1:",
        "2 of 5 configurations qualify",
        "Without the fidelity limit 5 steps, threads",
        "    import torch",
    ]
    places = [text.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


def test_what_relaxing_tells_is_not_told_twice(tmp_path):
    records = [
        record(steps=steps, samples_s=around(steps / 10), fidelity=fidelity(score))
        for steps, score in ((10, 0.4), (20, 0.95))
    ]
    text = advice_text(recommend_for_run(run(tmp_path, records), Limits(fidelity=0.9)))
    assert "  fidelity 0.40: 2.0 times as fast (10 steps)\n" in text
    assert "Without the fidelity limit" not in text


def test_where_nothing_qualifies_the_reason_stands_before_what_relaxing_buys(tmp_path):
    advice = recommend_for_run(run(tmp_path, [record(rss_mib=900)]), Limits(memory_bytes=MIB))
    headline, reason, relaxing = advice_text(advice).rstrip().split("\n\n")
    assert words(headline) == advice.headline
    assert words(reason) == advice.best.reason
    assert relaxing.splitlines()[1:] == [
        "  918 MiB of memory would let in the pipeline as it is shipped."
    ]


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_it_fits_the_terminal(tmp_path, columns):
    records = [
        record(steps=steps, samples_s=around(steps / 10), fidelity=fidelity(score, worst=score / 2))
        for steps, score in ((10, 0.4), (20, 0.95))
    ]
    stochastic = record(steps=5, samples_s=around(0.5), fidelity=Fidelity.absent(NOT_COMPARABLE))
    limits = Limits(fidelity=0.9, memory_bytes=1000 * MIB, latency_s=2.0, batch_size=4)
    advice = recommend_for_run(run(tmp_path, [*records, stochastic]), limits)
    text = advice_text(advice, columns)
    prose = [line for line in text.splitlines() if not line.startswith("    ")]
    assert max(map(len, prose)) <= columns
    assert words(advice.best.reason) in words(text)
    assert NOT_COMPARABLE in words(text)


@pytest.mark.parametrize("form", ["python", "suite"])
def test_what_is_to_be_copied_is_printed_alone(tmp_path, form):
    advice = recommend_for_run(run(tmp_path, [record()]))
    text = document(advice, form)
    assert text == (advice.best.code if form == "python" else advice.best.suite)
    assert text.startswith("import torch" if form == "python" else "name: test-again")


def test_nothing_to_copy_is_an_error_with_the_reason(tmp_path):
    advice = recommend_for_run(run(tmp_path, [record(status=Status.OOM)]))
    with pytest.raises(NothingRecommended, match="1 out of memory") as refused:
        document(advice, "python")
    assert refused.value.exit_code == 3


def test_an_answer_that_was_derived_says_so_first_and_what_would_confirm_it(tmp_path):
    one = run(tmp_path, [record(samples_s=around(2.0)), derived(1.0, dtype="bf16")])
    advice = recommend_for_run(one)
    how = how_measured(one, measurements(one), advice)
    first, second, *_ = advice_text(advice, how=how).split("\n\n")
    assert "1.00 s an image, derived (970 ms to 1.03 s" in words(first)
    assert words(second) == derivation(advice.best.chosen)
    assert "How it was measured:\n  1 of 2 configurations was measured" in advice_text(
        advice, how=how
    )
