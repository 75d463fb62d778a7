"""When it depends on fragmentation whether a configuration fits."""

from __future__ import annotations

import pytest
from stand_in_predictor import footprint

from sdbench.predict.footprint import Footprint
from sdbench.predict.target import Target
from sdbench.units import MIB


def a_gpu(limit_mib: int | None) -> Target:
    limit = None if limit_mib is None else limit_mib * MIB
    return Target(
        name="a GPU", compute_capability=(8, 0), limit_bytes=limit, context_bytes=50 * MIB
    )


# The peak is 100 MiB, 105 with room to spare, and 120 would be reserved; the context takes 50.
@pytest.mark.parametrize(
    ("limit_mib", "expected"),
    [(None, False), (140, False), (154, False), (160, True), (171, False)],
)
def test_it_does_between_the_peak_and_what_is_reserved(
    limit_mib: int | None, expected: bool
) -> None:
    assert footprint(100).hangs_on_capacity(a_gpu(limit_mib)) is expected


def test_it_does_not_where_nothing_is_predicted() -> None:
    unknown = Footprint.absent("nobody knows", is_lasting=True)
    assert not unknown.hangs_on_capacity(a_gpu(160))
