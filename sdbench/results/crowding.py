"""Whether a configuration waited for the processor while it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from sdbench.results.record import Record

CROWDED_RATIO = 0.05
"""Share of a call spent waiting for a processor, from which its time tells of what else ran: as
much as the changes that a time is asked about."""


def waited_ratio(samples_s: Sequence[float], waited_s: Sequence[float]) -> float | None:
    """The share of a timed call that it waited for a processor, in the middle; 1.0 = 100 %.

    None where nothing was timed, or the system does not tell.
    """
    if not samples_s or len(waited_s) != len(samples_s):
        return None
    return median(
        waited / sample if sample > 0 else 0.0
        for sample, waited in zip(samples_s, waited_s, strict=True)
    )


def crowded_ratio(record: Record) -> float | None:
    """The same of a record, where it is so much that its times tell of what else ran; else None."""
    return crowded(waited_ratio(record.samples_s, record.waited_s))


def crowded(ratio: float | None) -> float | None:
    """The share that a call waited, where it is `CROWDED_RATIO` or more; else None."""
    return ratio if ratio is not None and ratio >= CROWDED_RATIO else None
