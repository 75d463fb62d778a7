import pytest
from factories import record

from sdbench.analysis.launch_share import UPPER_BOUND, is_launch_bound, launch_share
from sdbench.results.figure import Origin
from sdbench.results.record import Status


def test_a_device_without_a_clock_of_its_own_does_not_tell():
    one = record()
    assert launch_share(one).value is None
    assert "no clock of its own" in (launch_share(one).reason or "")
    assert is_launch_bound(one) is None


def test_a_round_without_a_timed_call_has_no_share():
    assert launch_share(record(status=Status.OOM)).reason == "no call was timed"


def test_events_give_an_upper_bound_that_proves_idling_and_never_its_absence():
    # 3 s of 4 s are 0.75: the device idles for a quarter of the calls at the least.
    idle = record(samples_s=(2.0, 2.0), fields={"device_samples_s": (1.5, 1.5)})
    share = launch_share(idle)
    assert (share.value, share.origin, share.reason) == (0.75, Origin.DERIVED, UPPER_BOUND)
    assert is_launch_bound(idle) is True
    full = record(samples_s=(2.0, 2.0), fields={"device_samples_s": (2.0, 2.0)})
    assert launch_share(full).value == 1.0
    assert is_launch_bound(full) is None


@pytest.mark.parametrize(("ratio", "is_bound"), [(0.42, True), (0.99, False)])
def test_the_drivers_reading_wins_over_events_that_see_no_pause(ratio, is_bound):
    fields = {
        "device_samples_s": (2.0, 2.0),
        "device_state": {"before": {}, "after": {"utilisation_ratio": ratio}},
    }
    one = record(samples_s=(2.0, 2.0), fields=fields)
    assert launch_share(one).value == ratio
    assert is_launch_bound(one) is is_bound


def test_a_reading_that_reaches_back_before_the_timed_calls_does_not_count():
    fields = {"device_state": {"after": {"utilisation_ratio": 0.1}}}
    assert launch_share(record(samples_s=(0.2, 0.2), fields=fields)).value is None


def test_a_device_that_is_busy_a_little_longer_than_the_hosts_clock_says_is_busy_all_the_time():
    one = record(samples_s=(1.0,), fields={"device_samples_s": (1.01,)})
    assert launch_share(one).value == 1.0
