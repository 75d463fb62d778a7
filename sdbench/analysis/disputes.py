"""Where the choice would be another one if the machine had run at its usual pace throughout.

On a machine that others use too, whoever is measured at a good moment looks better than it is. What
decides between two configurations is therefore looked at again where that moment decided.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from sdbench.analysis.frontier import frontier
from sdbench.analysis.measurement import Measurement, by_latency
from sdbench.analysis.tops import MOST_TOPS, groups, in_turn, own_memory_bytes
from sdbench.results.store import Run

LEAST_LOSS_RATIO = 0.03
"""A choice that would be this much slower than another one is worth a second look."""

_Seconds = Callable[[Measurement], float]


def disputed(run: Run, usual_call_s: Mapping[str, float], most: int = MOST_TOPS) -> tuple[str, ...]:
    """Keys of configurations whose order hangs on when they were measured, pair by pair.

    Of each pair one is on the frontier of latency per image, memory and fidelity by what was
    recorded, or would be at the usual pace, and the other one beats it by the other figures.

    Args:
        run: The run.
        usual_call_s: Seconds of a call at the machine's usual pace, by key; what is not named is
            at that pace already.
        most: How many at most.
    """
    found = [list(_pairs(members, usual_call_s)) for _, members in groups(run)]
    keys = [m.key for pair in in_turn(found) for m in pair]
    return tuple(dict.fromkeys(keys))[:most]


def _pairs(
    members: Sequence[Measurement], usual_call_s: Mapping[str, float]
) -> Iterator[tuple[Measurement, Measurement]]:
    """Pairs in a group, of the fastest ones first: what to choose, and what would be chosen."""
    usual = {m.key: _at_usual_pace(m, usual_call_s) for m in members}

    def usual_s(m: Measurement) -> float:
        return by_latency(usual[m.key])

    recorded = frontier(members, own_memory_bytes)
    by_key = {m.key: m for m in members}
    better = [by_key[m.key] for m in frontier(usual.values(), own_memory_bytes)]
    for kept, others, seconds in ((better, recorded, by_latency), (recorded, better, usual_s)):
        kept_by_others = {m.key for m in others}
        for m in kept[:MOST_TOPS]:
            if m.key in kept_by_others:
                continue
            rival = _fastest_in_place_of(m, others, seconds)
            if rival is None:
                continue
            first, second = sorted((m, rival), key=usual_s)
            if usual_s(second) > (1 + LEAST_LOSS_RATIO) * usual_s(first):
                yield first, second


def _at_usual_pace(m: Measurement, usual_call_s: Mapping[str, float]) -> Measurement:
    call_s = usual_call_s.get(m.key)
    if call_s is None or m.latency is None or m.latency_per_image is None:
        return m
    ratio = call_s / m.latency.point
    return replace(m, latency_per_image=m.latency_per_image.scaled(ratio))


def _fastest_in_place_of(
    m: Measurement, others: Sequence[Measurement], seconds: _Seconds
) -> Measurement | None:
    """Of those that need no more memory and are no less faithful the fastest one."""
    memory, score = own_memory_bytes(m), _score(m)
    able = [
        other
        for other in others
        if (needed := own_memory_bytes(other)) is not None
        and memory is not None
        and needed <= memory
        and _score(other) >= score
    ]
    return min(able, key=seconds, default=None)


def _score(m: Measurement) -> float:
    return -math.inf if m.fidelity_score is None else m.fidelity_score
