from __future__ import annotations

from dataclasses import replace

import pytest

from sdbench.devices.memory_sampler import no_device_memory
from sdbench.measure.company import company_notes, crowding_notes, unseen_company_notes
from sdbench.results.figure import Figure, Origin
from sdbench.units import GIB, MIB

WORDS = "process 1234 (train) held 1.20 GiB of the device"


def test_a_process_beside_is_named_with_what_it_held() -> None:
    assert company_notes({1234: WORDS}) == (f"{WORDS} while it was measured",)


def test_a_configuration_alone_has_no_note() -> None:
    assert company_notes({}) == ()


def test_of_many_processes_three_are_named() -> None:
    notes = company_notes({pid: f"process {pid}" for pid in range(20)})
    assert len(notes) == 4
    assert notes[-1] == "17 more processes were on the device"


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (Figure(3 * GIB, Origin.INFERRED, "in use before"), 1),
        (Figure(100 * MIB, Origin.INFERRED, "in use before"), 0),  # less than a context
        (Figure.measured(3 * GIB, "named by the driver"), 0),  # told with the timed calls
        (Figure.absent("NVML: Not Found"), 0),
    ],
)
def test_company_that_no_list_names_is_known_by_what_was_in_use_before(
    others: Figure, expected: int
) -> None:
    memory = replace(no_device_memory("untold"), other_processes_bytes=others)
    assert len(unseen_company_notes(memory)) == expected


def test_the_note_of_unseen_company_tells_its_size() -> None:
    others = Figure(3 * GIB, Origin.INFERRED, "in use before")
    memory = replace(no_device_memory("untold"), other_processes_bytes=others)
    assert unseen_company_notes(memory) == (
        "3.00 GiB of the device were in use before the worker began",
    )
    assert unseen_company_notes(None) == ()


def test_calls_that_waited_for_the_processor_say_how_long() -> None:
    assert crowding_notes((2.0, 2.0, 2.0), (1.0, 0.96, 0.9)) == (
        "waited for a processor for 48% of a timed call: something else had it",
    )


@pytest.mark.parametrize("waited_s", [(), (0.0, 0.0, 0.9), (0.05, 0.05, 0.05)])
def test_a_little_waiting_or_none_that_is_told_has_no_note(waited_s: tuple[float, ...]) -> None:
    assert crowding_notes((2.0, 2.0, 2.0), waited_s) == ()
