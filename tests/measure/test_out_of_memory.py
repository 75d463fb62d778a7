from __future__ import annotations

import pytest

from sdbench.devices.allocator_message import write_message
from sdbench.measure.out_of_memory import out_of_memory, out_of_memory_sentence
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.units import GIB, MIB

CAPACITY = write_message("GPU 0", 1200 * MIB, 8 * GIB - 300 * MIB, 8 * GIB, is_limit=False)
LIMIT = write_message("CPU", 2 * MIB, 19 * MIB, 20 * MIB, is_limit=True)


@pytest.mark.parametrize(
    ("text", "phase", "stage", "sentence"),
    [
        (
            CAPACITY,
            "memory",
            "vae_decode",
            "out of memory in vae_decode (memory pass): asked for 1.17 GiB, 300 MiB were free of "
            "8.00 GiB",
        ),
        (
            LIMIT,
            "loading",
            None,
            "out of memory while loading: asked for 2.00 MiB, 1.00 MiB were left of 20.0 MiB "
            "allowed",
        ),
        (
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1073741824 bytes.",
            "timing",
            "denoiser",
            "out of memory in denoiser (timed call): asked for 1.00 GiB",
        ),
        (
            "CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate\nand more",
            "first call",
            None,
            "out of memory in other (first call): CUBLAS_STATUS_ALLOC_FAILED when calling "
            "cublasCreate",
        ),
        ("", "set-up", None, "out of memory in set-up: MemoryError"),
    ],
)
def test_a_sentence_says_where_and_how_much(
    text: str, phase: str, stage: str | None, sentence: str
) -> None:
    error = MemoryError(text)
    assert out_of_memory_sentence(out_of_memory(error, phase, stage), error) == sentence


def test_the_figures_of_the_message_are_kept() -> None:
    assert out_of_memory(MemoryError(LIMIT), "memory", "denoiser") == OutOfMemory(
        phase="memory",
        stage="denoiser",
        requested_bytes=2 * MIB,
        total_bytes=20 * MIB,
        free_bytes=MIB,
        limit_bytes=20 * MIB,
        allocated_bytes=19 * MIB,
        reserved_unallocated_bytes=0,
    )
