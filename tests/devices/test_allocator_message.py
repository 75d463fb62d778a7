from __future__ import annotations

import pytest

from sdbench.devices import allocator_message
from sdbench.devices.allocator_message import write_message
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.units import GIB, KIB, MIB

ADVICE = (
    " If reserved but unallocated memory is large try setting {variable}=expandable_segments:True "
    "to avoid fragmentation.  See documentation for Memory Management"
)
CUDA = (
    "CUDA out of memory. Tried to allocate 1.20 GiB. GPU 0 has a total capacity of 8.00 GiB of "
    "which 300.00 MiB is free. {owner}{allowed}Of the allocated memory 6.50 GiB is allocated by "
    "PyTorch, {pools}and 512.00 MiB is reserved by PyTorch but unallocated." + ADVICE
)
THIS = "Including non-PyTorch memory, this process has 7.50 GiB memory in use. "
OTHER = "Process 4711 has 7.50 GiB memory in use. "
PLACE = {"phase": "timing", "stage": "denoiser"}
POOLS = "with 20.00 MiB allocated in private pools (e.g., CUDA Graphs), "


def read_message(text: str) -> OutOfMemory:
    return allocator_message.read_message(text, **PLACE)


@pytest.mark.parametrize("owner", ["", THIS, OTHER + THIS])
@pytest.mark.parametrize("pools", ["", POOLS])
@pytest.mark.parametrize("variable", ["PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"])
def test_every_wording_of_cudas_allocator_is_read(owner: str, pools: str, variable: str) -> None:
    text = CUDA.format(owner=owner, allowed="", pools=pools, variable=variable)
    assert read_message(text) == OutOfMemory(
        **PLACE,
        requested_bytes=round(1.2 * GIB),
        total_bytes=8 * GIB,
        free_bytes=300 * MIB,
        allocated_bytes=round(6.5 * GIB),
        reserved_unallocated_bytes=512 * MIB,
        suggests_expandable_segments=True,
    )


def test_a_limit_of_the_process_is_told_apart_from_the_devices_capacity() -> None:
    text = CUDA.format(owner=THIS, allowed="7.25 GiB allowed; ", pools="", variable="X")
    read = read_message(text)
    assert (read.limit_bytes, read.total_bytes) == (round(7.25 * GIB), 8 * GIB)
    assert not read.suggests_expandable_segments


def test_sizes_below_a_kibibyte_are_read() -> None:
    assert read_message("Tried to allocate 512 bytes.").requested_bytes == 512
    assert read_message("Tried to allocate 2.50 KiB.").requested_bytes == 2560


@pytest.mark.parametrize("failure", ["can't allocate memory", "not enough memory"])
def test_the_cpus_allocator_says_what_was_asked_for(failure: str) -> None:
    text = (
        f"[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: {failure}: you tried "
        "to allocate 4503599627370496 bytes. Error code 12 (Cannot allocate memory)"
    )
    assert read_message(text) == OutOfMemory(**PLACE, requested_bytes=4503599627370496)


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "",
    ],
)
def test_a_library_names_no_figure(text: str) -> None:
    assert read_message(text) == OutOfMemory(**PLACE)


@pytest.mark.parametrize("is_limit", [True, False])
def test_what_is_written_is_read(is_limit: bool) -> None:
    text = write_message("CPU", 3 * MIB, 6 * GIB, 7 * GIB, is_limit)
    assert read_message(text) == OutOfMemory(
        **PLACE,
        requested_bytes=3 * MIB,
        total_bytes=7 * GIB,
        free_bytes=GIB,
        limit_bytes=7 * GIB if is_limit else None,
        allocated_bytes=6 * GIB,
        reserved_unallocated_bytes=0,
    )


def test_what_is_held_beyond_the_limit_leaves_nothing_free() -> None:
    assert read_message(write_message("CPU", KIB, 2 * KIB, KIB, True)).free_bytes == 0
