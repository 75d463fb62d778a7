"""Replay of torch's caching allocator for CUDA over a log of requests.

The rules are those of ``c10/cuda/CUDACachingAllocator.cpp`` and ``c10/core/AllocatorConfig.h`` of
torch 2, with default settings and one stream:

- a request is rounded up to 512 bytes, and served from the pool of small or of large blocks;
- of a pool's free blocks the smallest that is large enough is taken, of equal ones the lowest;
- what is left of a block becomes a free block where it is large enough, and else stays with it
  and counts as allocated;
- without such a block a segment is asked of the driver: 2 MiB for small requests, 20 MiB for those
  below 10 MiB, otherwise the request rounded up to 2 MiB;
- a block that is freed merges with its free neighbours of the same segment, and is kept;
- when the driver has no more, all segments without a block in use are given back first.

Not replayed: expandable segments.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass

from sdbench.units import MIB

BLOCK_BYTES = 512
"""Every block is a multiple of it (``kMinBlockSize``)."""
LARGEST_SMALL_BYTES = MIB
"""A request above it is served from the pool of large blocks (``kSmallSize``)."""
SMALL_SEGMENT_BYTES = 2 * MIB
"""What is asked of the driver for a small request (``kSmallBuffer``)."""
LARGE_SEGMENT_BYTES = 20 * MIB
"""What is asked of the driver for a request below `OWN_SEGMENT_BYTES` (``kLargeBuffer``)."""
OWN_SEGMENT_BYTES = 10 * MIB
"""A request of this size or more gets a segment of its own (``kMinLargeAlloc``)."""
SEGMENT_STEP_BYTES = 2 * MIB
"""Own segments are multiples of it (``kRoundLarge``)."""


def rounded_up(size_bytes: int, step_bytes: int) -> int:
    """The smallest multiple of ``step_bytes`` that is not below ``size_bytes``."""
    return -(-size_bytes // step_bytes) * step_bytes


def segment_bytes(request_bytes: int) -> int:
    """What the allocator asks of the driver when no free block serves a rounded request."""
    if request_bytes <= LARGEST_SMALL_BYTES:
        return SMALL_SEGMENT_BYTES
    if request_bytes < OWN_SEGMENT_BYTES:
        return LARGE_SEGMENT_BYTES
    return rounded_up(request_bytes, SEGMENT_STEP_BYTES)


@dataclass(slots=True, eq=False)
class _Block:
    """A part of a segment, between its neighbours there."""

    address: int
    size_bytes: int
    pool: _Pool
    is_free: bool = False
    before: _Block | None = None
    after: _Block | None = None


class _Pool:
    """Free blocks by size, then by address.

    Args:
        smallest_rest_bytes: What is left of a block stays with it where it is smaller.
    """

    def __init__(self, smallest_rest_bytes: int) -> None:
        self.smallest_rest_bytes = smallest_rest_bytes
        self._order: list[tuple[int, int]] = []
        self._blocks: dict[int, _Block] = {}

    def add(self, block: _Block) -> None:
        block.is_free = True
        insort(self._order, (block.size_bytes, block.address))
        self._blocks[block.address] = block

    def remove(self, block: _Block) -> None:
        block.is_free = False
        del self._order[bisect_left(self._order, (block.size_bytes, block.address))]
        del self._blocks[block.address]

    def drop_segments(self) -> int:
        """Forgets the blocks that are whole segments, and tells what they add up to."""
        whole = [each for each in self._blocks.values() if each.before is None is each.after]
        for block in whole:
            self.remove(block)
        return sum(block.size_bytes for block in whole)

    def take(self, size_bytes: int) -> _Block | None:
        """The best block for a rounded request, no longer free; None where there is none."""
        index = bisect_left(self._order, (size_bytes, 0))
        if index == len(self._order):
            return None
        block = self._blocks[self._order[index][1]]
        self.remove(block)
        return block


class NoCapacity(Exception):
    """The driver has no more, even after all free segments were given back."""


class CachingAllocator:
    """The allocator's state.

    Args:
        capacity_bytes: What the driver has; None for no end.

    Attributes:
        allocated_bytes: What the blocks in use add up to.
        reserved_bytes: What the segments add up to.
    """

    def __init__(self, capacity_bytes: int | None = None) -> None:
        self.allocated_bytes = 0
        self.reserved_bytes = 0
        self._capacity_bytes = capacity_bytes
        self._next_address = 0
        self._small = _Pool(smallest_rest_bytes=BLOCK_BYTES)
        self._large = _Pool(smallest_rest_bytes=LARGEST_SMALL_BYTES + BLOCK_BYTES)
        self._used: dict[int, _Block] = {}

    def allocate(self, storage: int, size_bytes: int) -> None:
        """Serves a request. One of no bytes takes nothing.

        Args:
            storage: What to free it by.
            size_bytes: What is asked for, before rounding.

        Raises:
            ValueError: The storage is allocated already.
            NoCapacity: The driver has no more.
        """
        if storage in self._used:
            raise ValueError(f"storage {storage} is allocated already")
        if size_bytes == 0:
            return
        wanted_bytes = rounded_up(size_bytes, BLOCK_BYTES)
        pool = self._small if wanted_bytes <= LARGEST_SMALL_BYTES else self._large
        block = pool.take(wanted_bytes) or self._new_segment(wanted_bytes, pool)
        self._split(block, wanted_bytes)
        self._used[storage] = block
        self.allocated_bytes += block.size_bytes

    def free(self, storage: int) -> None:
        """Keeps the storage's block for later requests; nothing for a storage of no bytes."""
        block = self._used.pop(storage, None)
        if block is None:
            return
        self.allocated_bytes -= block.size_bytes
        for neighbour in (block.before, block.after):
            if neighbour is not None and neighbour.is_free:
                self._absorb(block, neighbour)
        block.pool.add(block)

    def _new_segment(self, wanted_bytes: int, pool: _Pool) -> _Block:
        block = _Block(self._next_address, segment_bytes(wanted_bytes), pool)
        if self._is_beyond_capacity(block.size_bytes):
            self.reserved_bytes -= self._small.drop_segments() + self._large.drop_segments()
            if self._is_beyond_capacity(block.size_bytes):
                raise NoCapacity
        self._next_address += block.size_bytes
        self.reserved_bytes += block.size_bytes
        return block

    def _is_beyond_capacity(self, more_bytes: int) -> bool:
        capacity = self._capacity_bytes
        return capacity is not None and self.reserved_bytes + more_bytes > capacity

    def _split(self, block: _Block, wanted_bytes: int) -> None:
        rest_bytes = block.size_bytes - wanted_bytes
        if rest_bytes < block.pool.smallest_rest_bytes:
            return
        rest = _Block(block.address + wanted_bytes, rest_bytes, block.pool)
        rest.before, rest.after = block, block.after
        if block.after is not None:
            block.after.before = rest
        block.after, block.size_bytes = rest, wanted_bytes
        block.pool.add(rest)

    def _absorb(self, block: _Block, neighbour: _Block) -> None:
        """Makes a free neighbour a part of a block."""
        neighbour.pool.remove(neighbour)
        if neighbour is block.before:
            block.address, block.before = neighbour.address, neighbour.before
            if block.before is not None:
                block.before.after = block
        else:
            block.after = neighbour.after
            if block.after is not None:
                block.after.before = block
        block.size_bytes += neighbour.size_bytes
