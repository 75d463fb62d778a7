"""Shards: which configurations of a suite are measured by which of several command lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sdbench.derive.cells import cell_key, sampler_key
from sdbench.errors import IllegalValue, SdbenchError
from sdbench.run.plan import load_key
from sdbench.suite.configuration import Configuration

MOST_SHARDS = 1000

_LEGAL = f"i/n with 1 <= i <= n <= {MOST_SHARDS}, such as 2/4 for the second of four"
_SHARD = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
_JOINED = re.compile(r"([0-9]{1,6}(?:,[0-9]{1,6})*)(/| of )([0-9]{1,6})")


class EmptyShard(SdbenchError):
    """There are fewer configurations than shards, and a shard gets none."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a suite.

    Attributes:
        number: Which one, from 1 on.
        count: How many there are.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_shard(raw: str) -> Shard:
    """A shard from ``"2/4"``.

    Raises:
        IllegalValue: It is none.
    """
    match = _SHARD.fullmatch(raw.strip())
    shard = Shard(int(match[1]), int(match[2])) if match else None
    if shard is None or not 1 <= shard.number <= shard.count <= MOST_SHARDS:
        raise IllegalValue(raw, _LEGAL)
    return shard


def parse_joined(raw: str) -> tuple[tuple[int, ...], int]:
    """The numbers of shards, and how many there are, from ``"2/4"`` or ``"1,2 of 4"``.

    The latter stands for shards that were merged while others were missing, be it one alone.

    Raises:
        IllegalValue: It is neither.
    """
    match = _JOINED.fullmatch(raw)
    if match is None:
        raise IllegalValue(raw, _LEGAL)
    return tuple(int(number) for number in match[1].split(",")), int(match[3])


def is_shard(raw: str) -> bool:
    """Whether it is one that was measured, and not what was merged."""
    return _SHARD.fullmatch(raw) is not None


def joined(numbers: Iterable[int], count: int) -> str:
    """Shards that were merged while others were missing, as `parse_joined` reads them back."""
    return f"{','.join(map(str, sorted(numbers)))} of {count}"


def shard_of(configurations: Sequence[Configuration], shard: Shard) -> tuple[Configuration, ...]:
    """The configurations of one shard, in their order.

    Raises:
        EmptyShard: It has none.
    """
    found = deal(configurations, shard.count)[shard.number - 1]
    if not found:
        raise EmptyShard(
            f"shard {shard} has nothing to measure: there are {len(configurations)} "
            f"configurations, so name at most {len(configurations)} shards"
        )
    return found


def deal(
    configurations: Sequence[Configuration], count: int
) -> tuple[tuple[Configuration, ...], ...]:
    """All shards: each configuration is in one of them, in the order in which they are given.

    What one loaded pipeline serves stays together. Where there are fewer loads than shards, cells
    do, within which most latencies follow from a few; then what one sampler does within a cell; and
    then nothing. The largest part goes first, to the shard that has the fewest configurations by
    then. The same configurations are dealt alike on every machine.

    Args:
        configurations: All of them.
        count: How many shards.
    """
    parts = _parts(configurations, count)
    shards: list[list[int]] = [[] for _ in range(count)]
    loads: list[set[str]] = [set() for _ in range(count)]
    for part in sorted(parts, key=len, reverse=True):
        load = load_key(configurations[part[0]])
        # Of equally full shards, one that loads this pipeline anyway.
        number = min(range(count), key=lambda one: (len(shards[one]), load not in loads[one], one))
        shards[number] += part
        loads[number].add(load)
    return tuple(tuple(configurations[place] for place in sorted(shard)) for shard in shards)


def _parts(configurations: Sequence[Configuration], count: int) -> list[list[int]]:
    """Places of configurations that stay together, in order of first appearance."""
    keys: tuple[Callable[[Configuration], object], ...] = (
        load_key,
        lambda one: (load_key(one), cell_key(one.knobs)),
        lambda one: (load_key(one), cell_key(one.knobs), sampler_key(one.knobs)),
        lambda one: one.key,
    )
    parts: dict[object, list[int]] = {}
    for key in keys:
        parts = {}
        for place, configuration in enumerate(configurations):
            parts.setdefault(key(configuration), []).append(place)
        if len(parts) >= count:
            break
    return list(parts.values())
