import pytest
from factories import NOT_COMPARABLE, around, fidelity, record

from sdbench.analysis.feasibility import (
    Excess,
    excesses,
    limits_text,
    nearest_miss,
    obstacle,
    unknown_fidelities,
)
from sdbench.analysis.measurement import measurement_of
from sdbench.results.fidelity import Fidelity
from sdbench.results.record import Record, Status
from sdbench.suite.model import Limits
from sdbench.units import MIB

ALL = Limits(memory_bytes=600 * MIB, latency_s=1.0, fidelity=0.9)
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
        (draws(FAR, 2.0, 700), "beyond all three limits"),
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
    assert str(excess) == "its fidelity of 0.60 is below 0.9 by 33%"


def test_what_only_just_falls_short_is_not_printed_as_if_it_reached_the_limit():
    assert str(Excess("fidelity", 0.8996, 0.9)).startswith("its fidelity of 0.89 is below 0.9")


def test_the_nearest_miss_counts_memory_and_fidelity_alike():
    # 660 / 600 - 1 = 10 % of memory; (0.9 - 0.6) / 0.9 = 33 %, (0.9 - 0.85) / 0.9 = 5.6 %.
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


def test_the_memory_that_a_run_was_let_use_is_a_limit_too() -> None:
    assert limits_text(Limits(), 2 << 30) == (
        "within the run's memory limit of 2 GiB, no fidelity limit was given"
    )
    assert limits_text(ALL, 2 << 30).startswith(
        "within 600 MiB, within the run's memory limit of 2 GiB, p95"
    )
