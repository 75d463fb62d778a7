from __future__ import annotations

import factories
import pytest

from sdbench.derive.observation import Observation, observe
from sdbench.results.record import Record


def seen(record: Record) -> Observation:
    found = observe(record)
    assert found is not None
    return found


def test_what_calls_waited_is_taken_from_each_before_the_median() -> None:
    """Three calls worked for 1 s, three for 1 s and waited for 1 s: the median call took 1.5 s."""
    record = factories.record(
        steps=4,
        samples_s=(1.0, 2.0, 1.0, 2.0, 1.0, 2.0),
        fields={"waited_s": (0.0, 1.0, 0.0, 1.0, 0.0, 1.0)},
    )
    one = seen(record)
    assert one.call_s == 1.5
    assert one.waiting(0.0).call_s == pytest.approx(1.0)


def test_throttled_calls_tell_nothing_of_waits() -> None:
    record = factories.record(
        steps=4,
        samples_s=(1.0, 1.0, 4.0),
        fields={"waited_s": (0.1, 0.1, 3.0), "is_throttled": (False, False, True)},
    )
    assert seen(record).waited_ratio == pytest.approx(0.1)


def test_a_record_that_tells_no_waits_has_none() -> None:
    one = seen(factories.record(steps=4))
    assert one.waited_ratio == 0.0
    assert one.waiting(0.0) is one


def test_waits_are_put_at_another_share_and_back() -> None:
    one = seen(factories.record(steps=4, samples_s=(2.0,) * 6, fields={"waited_s": (0.5,) * 6}))
    more = one.waiting(0.5)
    assert (more.call_s, more.waited_ratio) == (pytest.approx(3.0), 0.5)
    assert more.waiting(one.waited_ratio).call_s == pytest.approx(one.call_s)
