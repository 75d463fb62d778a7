"""Whether the device was fit while two sides were measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from sdbench.analysis.noise import has_company
from sdbench.analysis.wording import count
from sdbench.compare.evidence import is_spoiled
from sdbench.compare.wording import percent
from sdbench.results.ab import BASELINE, CANDIDATE
from sdbench.results.crowding import CROWDED_RATIO, crowded_ratio
from sdbench.results.record import Record, Status

TOLERATED_SHARE = 0.25
"""So many rounds may be spoiled: they are set aside, and the others tell."""

LEAST_CLOCK_RATIO = 0.95
"""One side's clock may lie so far below the other's, which hides a regression or makes one."""


def unfitness(
    baseline: Sequence[Record], candidate: Sequence[Record], *, in_turns: bool = False
) -> Iterator[str]:
    """Why times of these rounds cannot be trusted, in sentences; none where they can.

    Args:
        baseline: The rounds of one side.
        candidate: Those of the other one.
        in_turns: Whether calls took turns, so that both sides waited alike for the processor.
    """
    records = (*baseline, *candidate)
    spoiled = [record for record in records if is_spoiled(record, in_turns)]
    if len(spoiled) > TOLERATED_SHARE * len(records):
        of = f"of {count(len(records), 'round')}"
        throttled = sum(record.status is Status.UNSTABLE for record in spoiled)
        accompanied = sum(has_company(record) is True for record in spoiled)
        crowded = sum(crowded_ratio(record) is not None for record in spoiled)
        if throttled:
            yield f"the device was throttled in {throttled} {of}"
        if accompanied:
            yield f"another process used the device in {accompanied} {of}"
        if crowded and not in_turns:
            waited = f"for {percent(CROWDED_RATIO)} of their time or more"
            yield f"calls waited for a processor {waited} in {crowded} {of}"
    clocks = {BASELINE: _clock_mhz(baseline), CANDIDATE: _clock_mhz(candidate)}
    slower, faster = sorted(clocks, key=lambda side: clocks[side] or 0.0)
    slow, fast = clocks[slower], clocks[faster]
    if slow and fast and slow < LEAST_CLOCK_RATIO * fast:
        yield (
            f"the {slower}'s clock was {percent(1 - slow / fast)} below the {faster}'s "
            f"({slow:.0f} and {fast:.0f} MHz)"
        )


def _clock_mhz(records: Sequence[Record]) -> float | None:
    """The middle of the multiprocessors' clocks that a side's rounds tell."""
    states = [
        state
        for record in records
        for state in record.device_state.values()
        if isinstance(state, dict)
    ]
    clocks = [
        value for state in states if isinstance(value := state.get("sm_clock_mhz"), (int, float))
    ]
    return median(clocks) if clocks else None
