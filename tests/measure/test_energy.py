from __future__ import annotations

from sdbench.measure.energy import energy_per_image
from sdbench.results.figure import Origin


def test_energy_is_the_counters_difference_shared_among_the_images() -> None:
    states = [{"energy_joules": 1000.0}, {"energy_joules": 1300.0}, {"energy_joules": 1700.0}]
    found = energy_per_image(states, span_s=10.0, images=4)
    assert (found.value, found.origin) == (175.0, Origin.MEASURED)  # 700 J for four images
    assert found.reason == "of the whole device, over 10 s"


def test_a_window_of_fewer_than_ten_counter_periods_has_no_energy() -> None:
    """The counter moves every 100 ms: over 0.9 s it is wrong by more than a tenth."""
    states = [{"energy_joules": 1000.0}, {"energy_joules": 1100.0}]
    found = energy_per_image(states, span_s=0.9, images=1)
    assert found.value is None
    assert found.reason == "the samples took 0.9 s together, and the energy counter needs 1 s"
    assert energy_per_image(states, span_s=1.0, images=1).value == 100.0


def test_a_card_without_the_counter_gives_its_own_reason() -> None:
    states = [{"not_told": {"energy_joules": "NVML: Not Supported"}}] * 2
    assert energy_per_image(states, span_s=9.0, images=1).reason == "NVML: Not Supported"


def test_a_device_without_a_driver_gives_a_reason() -> None:
    assert energy_per_image([{}, {}], span_s=9.0, images=1).reason == (
        "the device does not tell its energy"
    )
    lost = [{"energy_joules": 1.0}, {"reason": "NVML: GPU is lost"}]
    assert energy_per_image(lost, span_s=9.0, images=1).reason == "NVML: GPU is lost"


def test_a_counter_that_began_anew_gives_no_negative_energy() -> None:
    states = [{"energy_joules": 1000.0}, {"energy_joules": 3.0}]
    found = energy_per_image(states, span_s=9.0, images=1)
    assert (found.value, found.reason) == (None, "the energy counter began anew meanwhile")
