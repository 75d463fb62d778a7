from __future__ import annotations

from dataclasses import replace

from sdbench.devices.memory_sampler import no_device_memory
from sdbench.devices.memory_shares import added_by_worker, told_apart
from sdbench.devices.nvml_memory import WITH_RESERVE
from sdbench.results.device_memory import DeviceMemory
from sdbench.results.figure import Figure, Origin
from sdbench.units import GIB, MIB

BEFORE = Figure.measured(2 * GIB)
NOT_LISTED = Figure.absent("NVML does not list this process: in a container")
NOTHING = Figure.absent("NVML: Not Found")


def seen(process: Figure, others: Figure = BEFORE) -> DeviceMemory:
    return replace(
        no_device_memory("untold"),
        peak_used_bytes=Figure.measured(6 * GIB, "sampled every 2.0 ms: a lower bound"),
        peak_process_bytes=process,
        other_processes_bytes=others,
    )


def test_what_others_used_before_is_not_the_workers() -> None:
    added = added_by_worker(seen(NOT_LISTED), BEFORE, GIB)
    assert (added.value, added.origin) == (4 * GIB, Origin.MEASURED)
    assert added.reason == (
        "sampled every 2.0 ms: a lower bound; without 2147483648 bytes that others used before"
    )


def test_what_was_not_told_before_or_meanwhile_leaves_no_figure() -> None:
    assert added_by_worker(seen(NOT_LISTED), NOTHING, GIB) == NOTHING
    assert added_by_worker(no_device_memory("the sampler died"), BEFORE, GIB).reason == (
        "the sampler died"
    )


def test_the_context_is_the_process_s_peak_less_the_allocators() -> None:
    found = told_apart(seen(Figure.measured(3 * GIB + 400 * MIB)), BEFORE, 3 * GIB).context_bytes
    assert (found.value, found.origin) == (400 * MIB, Origin.DERIVED)
    assert found.reason == "the process's peak less the allocator's: a lower bound"


def test_in_a_container_context_and_others_follow_from_what_was_used_before() -> None:
    found = told_apart(seen(NOT_LISTED, NOT_LISTED), BEFORE, 3 * GIB)
    assert (found.context_bytes.value, found.context_bytes.origin) == (GIB, Origin.DERIVED)
    assert found.other_processes_bytes.value == 2 * GIB
    assert found.other_processes_bytes.origin is Origin.INFERRED
    assert found.peak_process_bytes == NOT_LISTED


def test_samples_that_missed_the_allocators_peak_give_no_context_and_no_negative_one() -> None:
    found = told_apart(seen(Figure.measured(3 * GIB)), BEFORE, 4 * GIB).context_bytes
    assert found == Figure.absent("the samples missed the allocator's peak")


def test_where_nothing_is_told_every_share_has_the_reason() -> None:
    found = told_apart(no_device_memory("the sampler died"), NOTHING, GIB)
    assert found == no_device_memory("the sampler died")


def test_memory_that_others_gave_back_leaves_no_figure_that_is_too_small_or_negative() -> None:
    """Another process ended after the worker began: the difference says less than was held."""
    for before in (4 * GIB, 9 * GIB):
        added = added_by_worker(seen(NOT_LISTED), Figure.measured(before), 3 * GIB)
        assert added.value is None
        assert "others gave memory back" in str(added.reason)


def test_a_reserve_that_an_old_driver_counts_is_not_taken_for_another_process() -> None:
    before = Figure.measured(400 * MIB, WITH_RESERVE)
    found = told_apart(seen(NOT_LISTED, NOT_LISTED), before, GIB).other_processes_bytes
    assert found.value is None
    assert "driver's reserve" in str(found.reason)
