from __future__ import annotations

import pytest
from factories import record

from sdbench.results.crowding import CROWDED_RATIO, crowded_ratio, waited_ratio


def test_the_call_in_the_middle_tells_how_much_was_waited() -> None:
    """Shares of 0, 10 and 90 %: one call that was interrupted does not make them all so."""
    assert waited_ratio((1.0, 2.0, 1.0), (0.0, 0.2, 0.9)) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("samples_s", "waited_s"), [((), ()), ((1.0, 1.0), ()), ((1.0, 1.0), (0.5,))]
)
def test_where_it_is_not_told_of_every_call_there_is_none(
    samples_s: tuple[float, ...], waited_s: tuple[float, ...]
) -> None:
    assert waited_ratio(samples_s, waited_s) is None


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, None), (CROWDED_RATIO / 2, None), (0.25, 0.25)]
)
def test_a_record_is_crowded_from_a_share_on_that_its_times_tell_of(
    share: float, expected: float | None
) -> None:
    one = record(samples_s=(1.0,) * 4, fields={"waited_s": (share,) * 4})
    assert crowded_ratio(one) == expected


def test_older_records_tell_nothing_of_it() -> None:
    assert crowded_ratio(record(samples_s=(1.0,) * 4)) is None
