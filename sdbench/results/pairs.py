"""How many times as long one worker's calls took as another's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median


def pair_ratio(before: Sequence[float], after: Sequence[float], in_turns: bool) -> float | None:
    """The ratio of two workers' calls: one pair of a comparison.

    Args:
        before: The baseline's calls, in seconds.
        after: The candidate's.
        in_turns: Whether the first call of one came right after the first of the other, and so on.

    Returns:
        The median of the ratios of neighbouring calls, the middle two by their geometric mean;
        where there are no neighbours, since some calls were set aside or workers measured one after
        the other, the ratio of medians. None without a time above 0 on both sides.
    """
    if not (before and after):
        return None
    if in_turns and len(before) == len(after) and min(*before, *after) > 0:
        logs = [math.log(late / early) for early, late in zip(before, after, strict=True)]
        return math.exp(median(logs))
    early_s, late_s = median(before), median(after)
    return late_s / early_s if min(early_s, late_s) > 0 else None
