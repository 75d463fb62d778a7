from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pynvml
import pytest
from nvml_fakes import RESERVED_BYTES, TOTAL_BYTES, USED_BYTES, UUID, Library, OldDriver, failing

from sdbench.devices.nvml import NvmlMonitor

Use = Callable[[Any], None]


def test_used_free_and_reserved_make_up_the_total(use_library: Use) -> None:
    use_library(Library())
    found = NvmlMonitor(UUID).memory()
    assert found.total_bytes.value == TOTAL_BYTES
    assert found.used_bytes.value == USED_BYTES
    assert found.reserved_bytes.value == RESERVED_BYTES
    assert found.free_bytes.value == TOTAL_BYTES - USED_BYTES - RESERVED_BYTES


def assert_is_version_1(monitor: NvmlMonitor) -> None:
    found = monitor.memory()
    assert found.used_bytes.value == USED_BYTES + RESERVED_BYTES
    assert found.used_bytes.reason == "includes the driver's reserve (NVML version 1)"
    assert found.reserved_bytes.value is None
    assert "version 1" in str(found.reserved_bytes.reason)
    assert found.total_bytes.value == TOTAL_BYTES


def test_version_1_alone_counts_the_drivers_reserve_and_says_so(use_library: Use) -> None:
    use_library(OldDriver())
    assert_is_version_1(NvmlMonitor(UUID))


@pytest.mark.parametrize(
    "status", [pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH, pynvml.NVML_ERROR_NOT_SUPPORTED]
)
def test_a_driver_that_refuses_version_2_is_asked_for_version_1(
    use_library: Use, status: int
) -> None:
    library = Library()
    vars(library)["nvmlDeviceGetMemoryInfo_v2"] = failing(status)
    use_library(library)
    assert_is_version_1(NvmlMonitor(UUID))


def test_without_permission_there_is_a_reason_for_each_figure(use_library: Use) -> None:
    library = Library()
    vars(library)["nvmlDeviceGetMemoryInfo_v2"] = failing(pynvml.NVML_ERROR_NO_PERMISSION)
    use_library(library)
    found = NvmlMonitor(UUID).memory()
    for figure in (found.total_bytes, found.used_bytes, found.free_bytes, found.reserved_bytes):
        assert figure.value is None
        assert "MIG" in str(figure.reason)
