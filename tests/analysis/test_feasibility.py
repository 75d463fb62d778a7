import pytest
from factories import NOT_COMPARABLE, around, fidelity, inferred_oom, record

from sdbench.analysis.feasibility import (
    Excess,
    count_obstacles,
    does_not_fit,
    excesses,
    held_by,
    limits_text,
    nearest_miss,
    obstacle,
    obstacle_counts,
    unknown_fidelities,
    why_not,
)
from sdbench.analysis.measurement import measurement_of
from sdbench.results.fidelity import Fidelity
from sdbench.results.prediction import Fit
from sdbench.results.record import Record, Status
from sdbench.suite.model import Limits
from sdbench.units import MIB

ALL = Limits(memory_bytes=600 * MIB, latency_s=1.0, fidelity=0.9)
FOUR = Limits(batch_size=4)
NO_HEADROOM = Limits(memory_bytes=600 * MIB, headroom_ratio=0.0)
NEAR, FAR = fidelity(0.95), fidelity(0.6)


def draws(of: Fidelity, median_s: float = 0.5, rss_mib: float = 500) -> Record:
    return record(samples_s=around(median_s), rss_mib=rss_mib, fidelity=of)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (draws(NEAR), None),
        (draws(fidelity(0.9)), None),
        (draws(FAR), "below the fidelity limit"),
        (draws(FAR, rss_mib=700), "over the memory limit and below the fidelity limit"),
        (draws(NEAR, 2.0, 700), "over the memory limit and over the latency limit"),
        (
            draws(FAR, 2.0, 700),
            "over the memory limit and over the latency limit and below the fidelity limit",
        ),
        (draws(fidelity(0.95, worst=0.89)), "below the fidelity limit"),
        (draws(Fidelity.absent(NOT_COMPARABLE)), "without a known fidelity"),
        (draws(fidelity(0.95, is_degenerate=True)), "drew a degenerate picture"),
        (record(status=Status.OOM, fidelity=NEAR), "out of memory"),
    ],
)
def test_what_keeps_a_configuration_back_is_named(one: Record, words: str | None):
    assert obstacle(measurement_of(one), ALL) == words


def test_without_a_limit_an_unknown_fidelity_is_no_obstacle_and_a_degenerate_picture_is():
    assert obstacle(measurement_of(draws(Fidelity.absent(NOT_COMPARABLE))), Limits()) is None
    black = draws(Fidelity(reason="all of one colour", is_degenerate=True))
    assert obstacle(measurement_of(black), Limits()) == "drew a degenerate picture"


def test_a_shortfall_of_fidelity_is_a_share_of_the_limit():
    # (0.9 - 0.6) / 0.9 = 33 %.
    (excess,) = excesses(measurement_of(draws(FAR)), ALL)
    assert excess == Excess("fidelity", 0.6, 0.9)
    assert abs(excess.ratio - 1 / 3) < 1e-12
    assert str(excess) == "the fidelity of its worst picture, 0.60, is below 0.9 by 33%"


def test_what_only_just_falls_short_is_not_printed_as_if_it_reached_the_limit():
    assert str(Excess("fidelity", 0.8996, 0.9)).startswith(
        "the fidelity of its worst picture, 0.89, is below 0.9"
    )


def test_the_peak_and_its_headroom_are_held_against_a_memory_limit():
    # 588 * 1.02 = 599.8 MiB, 589 * 1.02 = 600.8 MiB.
    limits = Limits(memory_bytes=600 * MIB)
    assert excesses(measurement_of(record(rss_mib=588)), limits) == ()
    (excess,) = excesses(measurement_of(record(rss_mib=589)), limits)
    assert 600.7 * MIB < excess.value < 600.8 * MIB
    assert str(excess) == "its peak memory of 589 MiB with 2% headroom exceeds 600 MiB by 0.1%"


def test_without_headroom_a_peak_may_reach_the_limit():
    assert excesses(measurement_of(record(rss_mib=600)), NO_HEADROOM) == ()
    (excess,) = excesses(measurement_of(record(rss_mib=660)), NO_HEADROOM)
    assert str(excess) == "its peak memory of 660 MiB exceeds 600 MiB by 10%"


def test_the_batch_limit_counts_images_of_a_call():
    assert excesses(measurement_of(record(batch_size=4)), FOUR) == ()
    (excess,) = excesses(measurement_of(record(batch_size=8)), FOUR)
    assert excess == Excess("batch_size", 8, 4)
    assert str(excess) == "its batch of 8 exceeds 4"
    assert obstacle(measurement_of(record(batch_size=8)), FOUR) == "over the batch limit"


def test_the_limits_in_the_way_are_told_where_there_is_no_flaw():
    near = measurement_of(draws(fidelity(0.85)))
    assert held_by(near, ALL) == (Excess("fidelity", 0.85, 0.9),)
    assert len(held_by(measurement_of(draws(FAR, rss_mib=700)), ALL)) > 1
    assert held_by(measurement_of(draws(NEAR)), ALL) == ()
    black = measurement_of(draws(fidelity(0.85, is_degenerate=True)))
    assert held_by(black, ALL) == ()


@pytest.mark.parametrize(
    ("one", "clause", "fits"),
    [
        (draws(NEAR), None, True),
        (record(status=Status.OOM), "it ran out of memory", False),
        (record(status=Status.TIMEOUT), "it timed out", True),
        (
            draws(FAR),
            "the fidelity of its worst picture, 0.60, is below 0.9 by 33%",
            True,
        ),
        (
            draws(NEAR, 2.0, 1000),
            "its peak memory of 1000 MiB with 2% headroom exceeds 600 MiB by 70% and its p95 of a "
            "call of 2.04 s exceeds 1 s by 104%",
            False,
        ),
        (draws(Fidelity.absent(NOT_COMPARABLE)), "its fidelity is not known", True),
        (draws(fidelity(0.95, is_degenerate=True)), "it drew a degenerate picture", True),
    ],
)
def test_what_keeps_one_back_is_a_clause_and_memory_is_told_apart(
    one: Record, clause: str | None, fits: bool
) -> None:
    m = measurement_of(one)
    assert why_not(m, ALL) == clause
    assert does_not_fit(m, ALL) is not fits


def test_what_is_predicted_not_to_fit_does_not_fit():
    ruled_out = record(status=Status.SKIPPED, fields={"predicted_fit": Fit.DOES_NOT_FIT})
    m = measurement_of(ruled_out)
    assert does_not_fit(m, Limits())
    assert why_not(m, Limits()) == "it is predicted not to fit into memory"


def test_every_way_to_end_has_a_clause():
    for status in Status:
        if status is not Status.OK:
            assert (why_not(measurement_of(record(status=status)), ALL) or "").startswith("it")


def test_many_combinations_of_limits_are_counted_together():
    records = [
        draws(FAR),
        draws(FAR, rss_mib=700),
        draws(NEAR, 2.0, 700),
        draws(FAR, 2.0),
    ]
    counted = count_obstacles(map(measurement_of, records), ALL)
    assert obstacle_counts(counted).count("over the memory limit") == 2
    counted = count_obstacles(map(measurement_of, [*records, record(status=Status.OOM)]), ALL)
    assert obstacle_counts(counted) == (
        "3 beyond several limits, 1 below the fidelity limit, 1 out of memory"
    )


def test_the_nearest_miss_counts_memory_and_fidelity_alike():
    # 660 * 1.02 / 600 - 1 = 12 % of memory; (0.9 - 0.6) / 0.9 = 33 %, (0.9 - 0.85) / 0.9 = 5.6 %.
    large, poor = draws(NEAR, rss_mib=660), draws(FAR)
    nearer = draws(fidelity(0.85))
    assert _nearest(large, poor) == large
    assert _nearest(large, poor, nearer) == nearer


def test_what_no_looser_limit_would_let_in_is_no_near_miss():
    black = draws(fidelity(0.89, is_degenerate=True))
    unknown = draws(Fidelity.absent(NOT_COMPARABLE), rss_mib=601)
    assert nearest_miss(map(measurement_of, (black, unknown)), ALL) is None


def _nearest(*records: Record) -> Record | None:
    found = nearest_miss(map(measurement_of, records), ALL)
    return found[0].record if found else None


def test_unknown_fidelities_are_counted_by_their_reason():
    failed = Fidelity.absent("the reference has not converged")
    records = [draws(Fidelity.absent(NOT_COMPARABLE)), draws(failed), draws(failed), draws(NEAR)]
    counts = unknown_fidelities(map(measurement_of, records), ALL)
    assert counts == {NOT_COMPARABLE: 1, "the reference has not converged": 2}
    assert unknown_fidelities(map(measurement_of, records), Limits()) == {}


def test_limits_in_words_are_never_silent():
    assert limits_text(ALL) == "within 600 MiB, p95 of a call at most 1 s, fidelity at least 0.9"
    assert limits_text(Limits()) == "no memory limit was given, no fidelity limit was given"
    assert limits_text(FOUR) == (
        "no memory limit was given, batch at most 4, no fidelity limit was given"
    )


def test_a_headroom_other_than_the_usual_one_is_told():
    assert limits_text(NO_HEADROOM).startswith("within 600 MiB without headroom,")
    more = Limits(memory_bytes=600 * MIB, headroom_ratio=0.05)
    assert limits_text(more).startswith("within 600 MiB with 5% headroom,")


def test_the_memory_that_a_run_was_let_use_is_a_limit_too() -> None:
    assert limits_text(Limits(), 2 << 30) == (
        "within the run's memory limit of 2 GiB, no fidelity limit was given"
    )
    assert limits_text(ALL, 2 << 30).startswith(
        "within 600 MiB, within the run's memory limit of 2 GiB, p95"
    )


def test_what_is_inferred_to_run_out_of_memory_does_not_fit():
    m = measurement_of(inferred_oom(batch_size=8))
    assert does_not_fit(m, Limits())
    assert obstacle(m, Limits()) == "inferred out of memory"
    assert why_not(m, Limits()) == "what needs no more memory ran out of it"
