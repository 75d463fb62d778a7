"""A series as a line of text, for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from statistics import median

HEIGHTS = "▁▂▃▄▅▆▇█"
FAILED = "×"
GAP = " "
CHANGED = "│"

LEAST_RANGE_RATIO = 0.2
"""The line spans at least this share above its least value, so that noise looks like noise."""


def sparkline(
    values: Sequence[float | None],
    columns: int,
    failed: Collection[int] = (),
    changed: Collection[int] = (),
) -> str:
    """A series as bars, the least value the lowest.

    Args:
        values: The series; None where there is nothing.
        columns: Width that the line may take. A longer series has several values a bar, of which
            the median is drawn.
        failed: Positions of what ended without a value.
        changed: Positions before which a line is drawn; left out where they leave no room.
    """
    known = [value for value in values if value is not None]
    least = min(known, default=0.0)
    most = max(max(known, default=0.0), least * (1 + LEAST_RANGE_RATIO))
    marks = set(changed) if len(values) + len(set(changed)) <= columns else set()
    bars = min(len(values), columns)
    line = []
    for bar in range(bars):
        positions = range(bar * len(values) // bars, (bar + 1) * len(values) // bars)
        if marks & set(positions):
            line.append(CHANGED)
        its_own = [value for at in positions if (value := values[at]) is not None]
        if its_own:
            share = (median(its_own) - least) / (most - least) if most > least else 0.0
            line.append(HEIGHTS[min(int(share * len(HEIGHTS)), len(HEIGHTS) - 1)])
        else:
            line.append(FAILED if any(at in failed for at in positions) else GAP)
    return "".join(line)
