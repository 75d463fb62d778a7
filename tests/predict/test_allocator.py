from __future__ import annotations

import random

import pytest

from sdbench.predict.allocator import CachingAllocator, NoCapacity
from sdbench.units import KIB, MIB


def test_a_small_request_is_rounded_to_512_bytes_in_a_segment_of_2_mib() -> None:
    allocator = CachingAllocator()
    allocator.allocate(0, 1000)
    assert (allocator.allocated_bytes, allocator.reserved_bytes) == (1024, 2 * MIB)


@pytest.mark.parametrize(
    ("request_bytes", "segment_mib"),
    [
        (MIB, 2),
        (MIB + 1, 20),
        (10 * MIB - 512, 20),
        (10 * MIB, 10),
        (11 * MIB, 12),
        (25 * MIB, 26),
    ],
)
def test_segments_are_as_large_as_the_driver_is_asked(request_bytes: int, segment_mib: int) -> None:
    allocator = CachingAllocator()
    allocator.allocate(0, request_bytes)
    assert allocator.reserved_bytes == segment_mib * MIB


def test_requests_of_one_pool_share_a_segment() -> None:
    allocator = CachingAllocator()
    for storage in range(3):
        allocator.allocate(storage, 5 * MIB)
    assert (allocator.allocated_bytes, allocator.reserved_bytes) == (15 * MIB, 20 * MIB)


def test_what_is_left_of_a_large_block_stays_with_it_up_to_1_mib() -> None:
    """Of 12 MiB, 11 are asked for: the rest of 1 MiB counts as allocated."""
    allocator = CachingAllocator()
    allocator.allocate(0, 11 * MIB)
    assert allocator.allocated_bytes == 12 * MIB
    allocator.allocate(1, 11 * MIB - 512)
    assert allocator.allocated_bytes == 12 * MIB + 11 * MIB - 512


def test_the_smallest_free_block_that_is_large_enough_is_taken() -> None:
    allocator = CachingAllocator()
    allocator.allocate(0, 40 * MIB)
    allocator.allocate(1, 12 * MIB)
    allocator.free(0)
    allocator.free(1)
    allocator.allocate(2, 12 * MIB)
    allocator.allocate(3, 40 * MIB)
    assert allocator.reserved_bytes == 52 * MIB


def test_neighbours_that_are_free_become_one_block_again() -> None:
    allocator = CachingAllocator()
    for storage in range(4):
        allocator.allocate(storage, 5 * MIB)
    for storage in (1, 3, 2):
        allocator.free(storage)
    allocator.allocate(4, 15 * MIB)
    assert allocator.reserved_bytes == 20 * MIB


def test_blocks_of_different_segments_do_not_become_one() -> None:
    allocator = CachingAllocator()
    allocator.allocate(0, 12 * MIB)
    allocator.allocate(1, 12 * MIB)
    allocator.free(0)
    allocator.free(1)
    allocator.allocate(2, 24 * MIB)
    assert allocator.reserved_bytes == 48 * MIB


def test_nothing_is_taken_for_a_storage_of_no_bytes() -> None:
    allocator = CachingAllocator()
    allocator.allocate(0, 0)
    allocator.free(0)
    assert allocator.reserved_bytes == 0


def test_a_storage_is_allocated_once() -> None:
    allocator = CachingAllocator()
    allocator.allocate(7, 1)
    with pytest.raises(ValueError, match="storage 7 is allocated already"):
        allocator.allocate(7, 1)


def test_free_segments_are_given_back_before_memory_runs_out() -> None:
    allocator = CachingAllocator(capacity_bytes=50 * MIB)
    allocator.allocate(0, 30 * MIB)
    allocator.free(0)
    allocator.allocate(1, 40 * MIB)
    assert allocator.reserved_bytes == 40 * MIB


def test_a_segment_of_which_a_part_is_in_use_is_not_given_back() -> None:
    allocator = CachingAllocator(capacity_bytes=50 * MIB)
    allocator.allocate(0, 30 * MIB)
    allocator.free(0)
    allocator.allocate(1, 2 * MIB)
    with pytest.raises(NoCapacity):
        allocator.allocate(2, 40 * MIB)


def test_any_order_of_requests_keeps_the_books() -> None:
    """What is in use is at least what was asked for, what is reserved at least what is in use, and
    after all is freed the same requests need no further segment."""
    generator = random.Random(0)
    allocator = CachingAllocator()
    live: dict[int, int] = {}
    for storage in range(2000):
        if live and generator.random() < 0.48:
            freed = generator.choice(list(live))
            allocator.free(freed)
            del live[freed]
        else:
            live[storage] = generator.choice((300, 40 * KIB, 3 * MIB, 13 * MIB, 70 * MIB))
            allocator.allocate(storage, live[storage])
        assert sum(live.values()) <= allocator.allocated_bytes <= allocator.reserved_bytes
    for storage in live:
        allocator.free(storage)
    assert allocator.allocated_bytes == 0
    reserved_bytes = allocator.reserved_bytes
    allocator.allocate(-1, 70 * MIB)
    assert allocator.reserved_bytes == reserved_bytes
