"""One finding of a comparison, in words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from comparisons import (
    BROKEN,
    FASTER,
    MORE,
    OTHER_PICTURE,
    SLOWER,
    UNCLEAR,
    WORSE,
    absent,
    memory,
    row,
    status,
    time,
)

from sdbench.compare.comparison import Finding
from sdbench.compare.verdict import Verdict
from sdbench.report.comparison_words import (
    change_text,
    effect_text,
    is_open,
    metric_words,
    seen_text,
    sentence,
    units_text,
    values_text,
    why_text,
)

LESS = memory(Verdict.LESS, 300 * 2**20, 200 * 2**20)


@pytest.mark.parametrize(
    ("finding", "change", "values"),
    [
        (SLOWER, "+7.1 % (5.2 to 9.0 %)", "1.00 s -> 1.07 s"),
        (FASTER, "-7.0 % (-8.5 to -5.5 %)", "1.00 s -> 930 ms"),
        (UNCLEAR, "+2.1 % (-0.4 to 4.0 %)", "1.00 s -> 1.02 s"),
        (MORE, "+64.0 MiB (+6.2 %)", "1.00 GiB -> 1.06 GiB"),
        (LESS, "-100 MiB (-33.3 %)", "300 MiB -> 200 MiB"),
        (memory(baseline=0, candidate=0), "no change", "0 B -> 0 B"),
        (memory(Verdict.MORE, 0, 2**30), "+1.00 GiB (–)", "0 B -> 1.00 GiB"),
        (WORSE, "-0.070", "0.950 -> 0.880"),
        (OTHER_PICTURE, "24.5 dB", ""),
        (BROKEN, "ok -> oom", ""),
        (status(), "no change", ""),
        (absent(), "–", "1.00 s -> –"),
    ],
)
def test_a_change_is_told_with_its_interval_and_both_values(
    finding: Finding, change: str, values: str
) -> None:
    assert (effect_text(finding), values_text(finding)) == (change, values)


def test_a_change_that_rounds_to_nothing_has_no_sign() -> None:
    assert change_text(time(ratio=1.000001)) == "0.0 %"


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (SLOWER, "4 steps is 7.1 % slower (5.2 to 9.0 %)"),
        (replace(SLOWER, metric="load"), "4 steps: load is 7.1 % slower (5.2 to 9.0 %)"),
        (
            replace(SLOWER, metric="stage:denoiser"),
            "4 steps: stage denoiser is 7.1 % slower (5.2 to 9.0 %)",
        ),
        (FASTER, "4 steps is 7.0 % faster (5.5 to 8.5 %)"),
        (UNCLEAR, "4 steps may be up to 4.0 % slower, where 2.0 % is allowed"),
        (MORE, "4 steps: allocated memory grew by 64.0 MiB (+6.2 %)"),
        (LESS, "4 steps: allocated memory fell by 100 MiB (-33.3 %)"),
        (BROKEN, "4 steps: ok -> oom: out of memory in vae_decode"),
        (OTHER_PICTURE, "4 steps: the pictures of one seed agree by 24.5 dB, less than 30 dB"),
        (absent(), "4 steps: the candidate has no measurement of it"),
    ],
)
def test_a_finding_is_a_sentence_about_its_configuration(finding: Finding, expected: str) -> None:
    assert sentence(row(finding, steps=4), finding) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (None, "–"),
        (1.034, "3.4 %"),
        (1.0341, "3.5 %"),
        (1.0999, "10.0 %"),
        (2.001, "101 %"),
        (300.0, "29,900 %"),
        (math.inf, "no size"),
    ],
)
def test_what_could_have_been_seen_is_never_told_smaller_than_it_is(
    ratio: float | None, expected: str
) -> None:
    assert seen_text(ratio) == expected


def test_the_reason_does_not_repeat_the_change_and_tells_what_it_rests_on() -> None:
    # The reason itself begins with "7.1 % slower (5.2 to 9.0 %), ".
    confirmed = row(SLOWER, is_confirmed=True, steps=4)
    told = why_text(confirmed, SLOWER, "pairs")
    assert told == "beyond the margin of 2.0 %; from 8 fresh pairs"
    assert why_text(row(MORE), MORE, "pairs").startswith("it grew by 64.0 MiB, beyond")
    assert why_text(row(BROKEN), BROKEN, "pairs") == "out of memory in vae_decode"


def test_a_doubt_tells_how_many_pairs_would_end_it() -> None:
    told = why_text(row(UNCLEAR, steps=4), UNCLEAR, "processes")
    assert told.endswith("from 8 processes; about 24 processes would tell")


def test_a_regression_that_no_gate_looks_at_says_so() -> None:
    ungated = replace(SLOWER, is_gated=False)
    assert why_text(row(ungated), ungated, "pairs").endswith("; not gated")


def test_a_doubt_is_open_only_where_a_regression_is_not_ruled_out() -> None:
    assert is_open(UNCLEAR)
    assert is_open(status(Verdict.AMBIGUOUS, "ok", "ok (3 of 4), error (1 of 4)"))
    # From 3 % faster to 1 % slower: no regression whatever the truth is.
    assert not is_open(time(Verdict.AMBIGUOUS, 0.99, 0.97, 1.01))
    assert not is_open(replace(UNCLEAR, is_gated=False))
    assert not is_open(SLOWER)


def test_metrics_and_units_are_spoken() -> None:
    assert metric_words("stage:vae_decode") == "stage vae_decode"
    assert metric_words("peak_device_used") == "memory used on the device"
    assert (units_text(1, "processes"), units_text(4, "pairs")) == ("1 process", "4 pairs")
