from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pynvml
from nvml_fakes import UUID, Library, OldDriver, failing, list_processes, process

from sdbench.devices.nvml import NvmlMonitor
from sdbench.devices.nvml_processes import GpuProcesses, memory_of, other_processes, process_memory
from sdbench.units import GIB

Use = Callable[[Any], None]
OWN, OTHER = 100, 1234


def listed(use_library: Use, library: Library, *found: tuple[int, int | None, str]) -> GpuProcesses:
    library.processes = list(found)
    use_library(library)
    return NvmlMonitor(UUID).processes()


def test_each_process_has_its_memory_and_the_file_name_of_its_program(use_library: Use) -> None:
    found = listed(
        use_library,
        Library(),
        (OTHER, 2 * GIB, r"C:\tools\render.exe"),
        (OWN, GIB, "/opt/conda/bin/python3"),
    )
    assert found == (process(OWN, GIB, "python3"), process(OTHER, 2 * GIB, "render.exe"))


def test_a_process_whose_name_is_not_told_has_none(use_library: Use) -> None:
    found = listed(use_library, Library(), (OTHER, GIB, ""))
    assert found == (process(OTHER, GIB, None),)
    assert found[0].words == "process 1234 held 1.00 GiB of the device"


def test_a_device_that_nobody_uses_has_no_processes(use_library: Use) -> None:
    assert listed(use_library, Library()) == ()


def test_an_older_driver_lists_processes_too(use_library: Use) -> None:
    assert listed(use_library, OldDriver(), (OWN, GIB, "")) == (process(OWN, GIB, None),)


def test_a_driver_without_any_list_gives_the_reason(use_library: Use) -> None:
    library = OldDriver()
    vars(library)["nvmlDeviceGetComputeRunningProcesses_v2"] = failing(
        pynvml.NVML_ERROR_FUNCTION_NOT_FOUND
    )
    assert listed(use_library, library) == "NVML: Function Not Found"


def test_migs_refusal_is_a_reason(use_library: Use) -> None:
    library = Library()
    vars(library)["nvmlDeviceGetComputeRunningProcesses_v3"] = failing(
        pynvml.NVML_ERROR_NO_PERMISSION
    )
    found = listed(use_library, library)
    assert "MIG" in str(found)
    assert process_memory(found, OWN).reason == found
    assert other_processes(found, OWN) == found


def test_in_a_container_the_own_process_is_absent_with_a_reason_and_not_zero(
    use_library: Use,
) -> None:
    """Regression of optimum-benchmark: unmatched container pids were silently 0."""
    found = listed(use_library, Library(), (54321, GIB, ""))
    own = process_memory(found, OWN)
    assert own.value is None
    assert "container" in str(own.reason)
    # The listed one may be this very process: nothing can be said of others.
    assert memory_of(other_processes(found, OWN)).value is None


def test_windows_none_is_absent_with_a_reason_and_never_added(use_library: Use) -> None:
    """Regression of optimum-benchmark, which added a per-process memory that may be None."""
    found = listed(use_library, Library(), (OWN, None, ""), (OTHER, None, ""), (1235, GIB, ""))
    assert process_memory(found, OWN).value is None
    assert "Windows" in str(process_memory(found, OWN).reason)
    others = memory_of(other_processes(found, OWN))
    assert others.value is None
    assert "process 1234" in str(others.reason)


def test_others_are_added_up_and_named(use_library: Use) -> None:
    found = listed(
        use_library, Library(), (OWN, GIB, ""), (OTHER, 2 * GIB, "/bin/train"), (7, GIB, "")
    )
    others = memory_of(other_processes(found, OWN))
    assert others.value == 3 * GIB
    assert others.reason == (
        "process 7 held 1.00 GiB of the device; process 1234 (train) held 2.00 GiB of the device"
    )


def test_a_process_alone_has_others_with_zero_bytes(use_library: Use) -> None:
    others = memory_of(other_processes(listed(use_library, Library(), (OWN, GIB, "")), OWN))
    assert (others.value, others.reason) == (0, None)


def test_processes_that_draw_are_listed_and_none_twice(use_library: Use) -> None:
    class Desktop(Library):
        def nvmlDeviceGetGraphicsRunningProcesses_v3(self, gpu: Any, count: Any, found: Any) -> int:
            return list_processes([(OWN, GIB, ""), (7, GIB, "")], count, found)

    found = listed(use_library, Desktop(), (OWN, GIB, ""))
    assert found == (process(7, GIB, None), process(OWN, GIB, None))
