"""The answer of a comparison in one sentence, and what else is said at once."""

from __future__ import annotations

from dataclasses import replace

import comparisons as ready
import pytest
from comparisons import SLOWER, UNCLEAR, comparison, row, status, time

from sdbench.compare.comparison import Comparison, Ending
from sdbench.compare.status import NOT_MEASURED
from sdbench.compare.verdict import Verdict
from sdbench.report.comparison_headline import counts, exit_text, further, headline, limits


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (ready.slower(), "1 regression: dpmpp_2m, 10 steps is 7.1 % slower (5.2 to 9.0 %)"),
        (
            ready.regression(),
            "5 regressions in 4 configurations; the gravest: euler, 20 steps: ok -> oom: out of "
            "memory in vae_decode",
        ),
        (
            ready.clean(),
            "No regression found; slowdowns from 6.0 % on would have been seen in every "
            "configuration (in half of them from 3.4 % on)",
        ),
        (
            ready.ambiguous(),
            "Cannot tell for 1 of 2 configurations: dpmpp_2m, 10 steps may be up to 4.0 % slower, "
            "where 2.0 % is allowed",
        ),
        (
            ready.advisory(),
            "Advisory: the two runs were measured under other conditions: torch 2.13.0 -> 2.14.0, "
            "so nothing fails",
        ),
        (
            ready.unfit(),
            "Environment unfit: another process (4711) was on the device; times cannot be judged",
        ),
        (ready.interrupted(), "Incomplete: the job was interrupted: 3 of 4 pairs"),
        (
            ready.missing(),
            "Incomplete: 1 configuration without data on a side (euler, 10 steps)",
        ),
        (
            ready.other_plan(),
            "Incomplete: 1 configuration that only the candidate was asked for (euler, 20 steps); "
            "1 configuration that only the baseline was asked for (euler, 10 steps)",
        ),
        (replace(ready.clean(), rows=()), "Incomplete: nothing was compared"),
    ],
)
def test_the_answer_is_one_sentence(found: Comparison, expected: str) -> None:
    assert headline(found) == expected


@pytest.mark.parametrize("name", ready.READY)
def test_no_regression_is_claimed_only_where_the_job_is_clean_and_says_what_it_saw(
    name: str,
) -> None:
    found = ready.READY[name]()
    text = headline(found)
    claims = "No regression" in text
    assert claims == (name == "clean")
    assert not claims or ("would have been seen" in text and found.ending is Ending.CLEAN)


def test_without_gated_times_nothing_is_claimed_of_slowdowns() -> None:
    found = comparison(row(status(), time(margin=None), steps=4))
    assert headline(found).endswith("slowdowns would not have been seen")
    assert limits(found)[0].startswith("Times are not gated")


def test_a_time_of_which_nothing_is_known_is_not_counted_among_those_seen() -> None:
    blind = time(detectable_ratio=None)
    found = comparison(row(status(), time(), steps=4), row(status(), blind, steps=10))
    assert headline(found).endswith("would have been seen in 1 of 2 configurations")
    assert "What could have been seen is not known for 10 steps." in limits(found)


def test_an_advisory_comparison_still_tells_its_regressions() -> None:
    assert further(ready.advisory()) == (
        "1 regression: dpmpp_2m, 10 steps is 7.1 % slower (5.2 to 9.0 %); this fails nothing here.",
    )


def test_an_exact_regression_in_an_unfit_environment_is_one_and_says_both() -> None:
    found = ready.regression(unfit=("the device was throttled in 3 of 8 rounds",))
    assert headline(found).startswith("4 regressions in 3 configurations; the gravest: euler")
    assert further(found)[0] == (
        "The environment is unfit, times cannot be judged: the device was throttled in 3 of 8 "
        "rounds."
    )
    assert further(found)[1] == (
        "Measured all the same: 1 regression: dpmpp_2m, 10 steps is 7.1 % slower (5.2 to 9.0 %)."
    )


def test_what_is_missing_is_told_beside_a_regression() -> None:
    rows = (*ready.slower().rows, *ready.missing().rows[:1])
    told = further(comparison(*rows))
    assert told == ("Incomplete: 1 configuration without data on a side (euler, 10 steps).",)


def test_what_was_derived_is_told_apart_and_how_to_have_it_measured() -> None:
    derived = status(
        verdict=Verdict.MISSING, reason=f"the candidate has no measurement of it ({NOT_MEASURED})"
    )
    found = comparison(*ready.missing().rows, row(derived, steps=4), row(derived, steps=8))
    assert headline(found) == (
        "Incomplete: 1 configuration without data on a side (euler, 10 steps); 2 configurations "
        "derived, not measured, on a side: compare runs of --plan exhaustive or --rounds "
        "(4 steps, 8 steps)"
    )


def test_missing_data_fails_an_advisory_comparison_and_both_are_told() -> None:
    found = ready.missing(advisory=("the runs differ in torch",))
    assert found.exit_code == 3
    assert headline(found).startswith("Incomplete: ")
    assert further(found) == ("Advisory: the runs differ in torch, so nothing else fails.",)


def test_doubts_and_improvements_stand_beside_a_regression() -> None:
    found = comparison(
        row(SLOWER, steps=4), row(UNCLEAR, steps=10), row(ready.FASTER, steps=20), row(steps=30)
    )
    assert further(found) == (
        "Cannot tell for 1 of 4 configurations: 10 steps may be up to 4.0 % slower, where 2.0 % is "
        "allowed.",
        "1 improvement: 20 steps is 7.0 % faster (5.5 to 8.5 %).",
    )


def test_of_many_only_the_first_are_named() -> None:
    rows = [row(replace(SLOWER, is_gated=False), time(), steps=n) for n in range(1, 8)]
    (told,) = further(comparison(*rows))
    assert told.startswith("Worse, but not gated: 1 step is 7.1 % slower")
    assert told.endswith("; and 4 more.")


def test_the_gravest_regression_is_the_largest_among_equals() -> None:
    worse = time(Verdict.SLOWER, 1.2, 1.15, 1.25)
    text = headline(comparison(row(SLOWER, steps=4), row(worse, steps=10)))
    assert text.endswith("the gravest: 10 steps is 20.0 % slower (15.0 to 25.0 %)")


def test_limits_tell_the_control_the_family_and_what_seen_means() -> None:
    assert limits(ready.slower()) == (
        "Slowdowns from 3.4 % on would have been seen in every configuration.",
        "Seen means: called a regression in 80 % of such jobs.",
        "2 tests of times share one chance of a false alarm, of 2.5 %.",
        "The baseline against itself, as a control: SAME, latency +0.1 % (-0.5 to 0.7 %), 8 pairs.",
    )
    assert any("no control" in text.lower() for text in limits(ready.clean(control=None)))
    assert any("sdbench ab measures" in text for text in limits(ready.advisory()))


def test_counts_are_the_gravest_first_and_the_exit_code_is_explained() -> None:
    found = ready.regression()
    assert counts(found) == (
        "6 configurations: 1 BROKEN, 1 SLOWER, 1 MORE, 1 WORSE, 1 FASTER, 1 SAME"
    )
    assert exit_text(found) == "exit code 1: a regression"
    assert exit_text(ready.unfit()) == "exit code 4: the environment is unfit"
