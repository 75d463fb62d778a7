from __future__ import annotations

from collections.abc import Sequence

import pytest

from sdbench.measure.warmup import is_warm


@pytest.mark.parametrize(
    ("durations_s", "expected"),
    [
        # seconds of the first call and of each warm-up; at least one warm-up, at most four
        ([5.0], False),
        ([5.0, 5.0], True),
        ([5.0, 1.0], False),
        ([5.0, 1.0, 1.0], True),
        ([5.0, 1.0, 0.951], True),  # 4.9 % of the longer one
        ([5.0, 1.0, 0.95], False),  # 5 %
        ([5.0, 0.95, 1.0], False),
        ([5.0, 4.0, 3.0, 2.0], False),
        ([5.0, 4.0, 3.0, 2.0, 1.0], True),  # four: enough in any case
        ([0.0, 0.0], False),  # a clock that does not move tells nothing
    ],
)
def test_a_pipeline_is_warm_when_two_calls_differ_little(
    durations_s: Sequence[float], expected: bool
) -> None:
    assert is_warm(durations_s, least=1, most=4) is expected


def test_the_least_number_of_warm_ups_is_kept() -> None:
    assert not is_warm([1.0, 1.0, 1.0], least=3, most=5)
    assert is_warm([1.0, 1.0, 1.0, 1.0], least=3, most=5)
