from factories import NOT_COMPARABLE, around, fidelity, record, run

from sdbench.analysis.recommend import recommend_for_run
from sdbench.report.text import COLUMNS, advice_text
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
    assert words(text).startswith(advice.headline)
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


def test_what_the_fidelity_limit_costs_stands_after_the_reason_and_fits_a_narrow_terminal(tmp_path):
    records = [
        record(steps=steps, samples_s=around(steps / 10), fidelity=fidelity(score, worst=score / 2))
        for steps, score in ((10, 0.4), (20, 0.95))
    ]
    stochastic = record(steps=5, samples_s=around(0.5), fidelity=Fidelity.absent(NOT_COMPARABLE))
    advice = recommend_for_run(run(tmp_path, [*records, stochastic]), Limits(fidelity=0.9))
    headline, reason, cost, *_ = advice_text(advice, 60).split("\n\n")
    assert words(headline) == advice.headline
    assert NOT_COMPARABLE in words(reason)
    assert words(cost) == (
        "Without the fidelity limit 5 steps would be 4.0 times as fast, without a known fidelity "
        f"({NOT_COMPARABLE})."
    )
    assert max(len(line) for part in (headline, reason, cost) for line in part.splitlines()) <= 60
