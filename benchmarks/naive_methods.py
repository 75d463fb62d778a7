"""What simpler methods make of one build against itself, on the same simulated machines."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean, median, stdev

from scipy import stats
from simulated_machine import processes

from sdbench.compare.effect import ALPHA
from sdbench.devices.noise import Noise

CALLS, PROCESSES = 20, 8


def naive(noise: Noise, folder: Path) -> tuple[bool, ...]:
    """Whether each naive method calls a build slower or faster than itself."""
    calls = processes(noise, "AB", CALLS)
    blocks = processes(noise, "A" * PROCESSES + "B" * PROCESSES, 6)
    turns = processes(noise, "ABBA" * (PROCESSES // 2), 6)
    medians = {side: [median(one) for one in some] for side, some in blocks.items()}
    alarms = [
        stats.ttest_ind(calls["A"][0], calls["B"][0], equal_var=False).pvalue < 2 * ALPHA,
        stats.ttest_ind(medians["A"], medians["B"], equal_var=False).pvalue < 2 * ALPHA,
    ]
    pairs = zip(turns["A"], turns["B"], strict=True)
    logs = [math.log(median(after) / median(before)) for before, after in pairs]
    t = abs(fmean(logs)) / (stdev(logs) / math.sqrt(len(logs)))
    return (*alarms, float(stats.t.sf(t, len(logs) - 1)) < ALPHA)


NAIVE = (
    f"{CALLS} calls of one process a side, taken as samples",
    f"{PROCESSES} processes of A, then {PROCESSES} of B",
    f"{PROCESSES} pairs in ABBA order, t on log-ratios, no margin",
)
