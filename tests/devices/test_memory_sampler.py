"""The sampler's logic on a scripted monitor and a simulated clock (tier 1)."""

from __future__ import annotations

import pytest
from nvml_fakes import RESERVED_BYTES, TOTAL_BYTES, ScriptedMonitor, process

from sdbench.devices.memory_sampler import PROCESS_PERIOD_S, MemorySampler
from sdbench.results.device_memory import DeviceMemory
from sdbench.units import GIB, MIB

OWN, OTHER = 100, 1234


def sampled(monitor: ScriptedMonitor, polls: int, period_s: float = 0.002) -> DeviceMemory:
    sampler = MemorySampler(monitor, OWN, monitor.clock)
    for _ in range(polls):
        monitor.now_s += period_s
        sampler.poll()
    return sampler.end()


def test_the_peak_is_the_highest_reading() -> None:
    found = sampled(ScriptedMonitor([(0.0, 1 * GIB), (0.1, 5 * GIB), (0.2, 2 * GIB)]), polls=200)
    assert found.peak_used_bytes.value == 5 * GIB
    assert found.peak_used_bytes.reason == "sampled every 2.0 ms: a lower bound"
    assert found.total_bytes.value == TOTAL_BYTES
    assert found.driver_reserved_bytes.value == RESERVED_BYTES
    assert found.readings == 202  # and the first and the last one
    assert found.context_bytes.value is None


SPIKE = [(0.0, GIB), (0.500, 9 * GIB), (0.530, GIB)]
"""30 ms, such as a convolution's workspace."""


def test_a_spike_of_30_ms_is_caught() -> None:
    assert sampled(ScriptedMonitor(SPIKE), polls=500).peak_used_bytes.value == 9 * GIB


def test_a_spike_is_missed_by_a_reading_before_and_one_after() -> None:
    """What the figure was: read once after the call."""
    assert sampled(ScriptedMonitor(SPIKE), polls=1, period_s=0.6).peak_used_bytes.value == GIB


@pytest.mark.parametrize("period_s", [0.0021, 0.005, 0.3])
def test_the_period_is_the_median_of_the_gaps(period_s: float) -> None:
    found = sampled(ScriptedMonitor([(0.0, GIB)]), polls=99, period_s=period_s)
    assert found.sampling_period_s == pytest.approx(period_s, rel=0.01)


def test_pauses_and_haste_do_not_move_the_period() -> None:
    monitor = ScriptedMonitor([(0.0, GIB)])
    sampler = MemorySampler(monitor, OWN, monitor.clock)
    for gap_s in [0.0005] * 4 + [0.002] * 9 + [30.0] * 4:
        monitor.now_s += gap_s
        sampler.poll()
    assert sampler.end().sampling_period_s == pytest.approx(0.002, rel=0.01)


def test_the_process_s_peak_is_read_where_the_device_has_one() -> None:
    at_peak = [(0.0, (process(OWN, GIB),)), (0.5, (process(OWN, 8 * GIB),))]
    monitor = ScriptedMonitor(SPIKE, listed=[*at_peak, (0.53, (process(OWN, GIB),))])
    found = sampled(monitor, polls=500)
    assert found.peak_process_bytes.value == 8 * GIB
    assert monitor.lists == 3  # begin, peak, end


def test_memory_that_grows_at_every_reading_does_not_list_processes_at_every_reading() -> None:
    """A list takes 4.5 ms under a lock that the measured process needs too."""
    growing = [(index * 0.002, GIB + index * MIB) for index in range(500)]
    monitor = ScriptedMonitor(growing, listing_s=0.0045)
    sampled(monitor, polls=500)
    # 500 readings and their lists take about a second and a quarter.
    assert 10 < monitor.lists <= 2 + monitor.now_s / PROCESS_PERIOD_S


def test_others_are_those_at_the_begin() -> None:
    begin = (process(OWN, GIB), process(OTHER, 2 * GIB))
    monitor = ScriptedMonitor([(0.0, GIB)], listed=[(0.0, begin), (0.01, (process(OWN, GIB),))])
    others = sampled(monitor, polls=20).other_processes_bytes
    assert others.value == 2 * GIB
    assert others.reason == "process 1234 (python3) held 2.00 GiB of the device"


def test_a_container_has_the_device_s_figures_and_reasons_for_the_process_s() -> None:
    found = sampled(ScriptedMonitor(SPIKE, listed=[(0.0, (process(54321, GIB),))]), polls=500)
    assert found.peak_used_bytes.value == 9 * GIB
    for figure in (found.peak_process_bytes, found.other_processes_bytes):
        assert figure.value is None
        assert "container" in str(figure.reason)


def test_windows_has_the_device_s_figures_and_reasons_for_the_process_s() -> None:
    found = sampled(ScriptedMonitor(SPIKE, listed=[(0.0, (process(OWN, None),))]), polls=500)
    assert found.peak_used_bytes.value == 9 * GIB
    assert (found.peak_process_bytes.value, found.peak_process_bytes.reason) == (None, "Windows")


def test_a_gpu_that_is_lost_in_the_middle_leaves_the_peak_so_far_and_says_so() -> None:
    lost = "NVML: GPU is lost"
    monitor = ScriptedMonitor([(0.0, GIB), (0.0195, lost)], listed=[(0.0, ()), (0.0195, lost)])
    found = sampled(monitor, polls=50)
    assert found.peak_used_bytes.value == GIB
    assert "no longer told after 10 readings (NVML: GPU is lost)" in str(
        found.peak_used_bytes.reason
    )
    assert found.readings == 10


def test_a_device_that_tells_nothing_has_the_reason_in_each_figure() -> None:
    nothing = "NVML: NVML Shared Library Not Found"
    found = sampled(ScriptedMonitor([(0.0, nothing)], listed=[(0.0, nothing)]), polls=5)
    assert (found.readings, found.sampling_period_s) == (0, None)
    for figure in (found.peak_used_bytes, found.peak_process_bytes, found.total_bytes):
        assert (figure.value, figure.reason) == (None, nothing)


def test_memory_does_not_grow_with_each_poll() -> None:
    """Regression of optimum-benchmark, which kept every reading."""
    import tracemalloc

    monitor = ScriptedMonitor([(0.0, GIB)])
    sampler = MemorySampler(monitor, OWN, monitor.clock)

    def poll(count: int) -> None:
        for _ in range(count):
            monitor.now_s += 0.002
            sampler.poll()

    poll(500)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    poll(5000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 5000  # less than a byte a reading
