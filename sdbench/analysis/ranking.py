"""Devices in order, ties together; and whether what they recommend may be ranked."""

from __future__ import annotations

from collections.abc import Sequence

from sdbench.analysis.competing import same_picture
from sdbench.analysis.contenders import Contender
from sdbench.analysis.ratios import is_told_from_one, ratio
from sdbench.statistics import Estimate


def ranked(values: Sequence[Estimate | None]) -> tuple[tuple[int, ...], ...]:
    """Indices in groups, the largest value first; those without a value are left out.

    A group holds what cannot be told from its first one: the interval of their ratio has 1 in it,
    or one of the two rests on a single sample.
    """
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    known.sort(key=lambda pair: -pair[1].point)
    groups: list[list[int]] = []
    leader: Estimate | None = None
    for index, value in known:
        if leader is not None and not is_told_from_one(ratio(leader, value)):
            groups[-1].append(index)
        else:
            groups.append([index])
            leader = value
    return tuple(map(tuple, groups))


def obstacles_to_ranking(contenders: Sequence[Contender]) -> tuple[str, ...]:
    """Why what the devices recommend cannot be ranked, as clauses; none where it can.

    Recommendations compete where they were found within the same limits, for the same objective,
    and draw the same picture; with other numbers of steps only under a fidelity limit.
    """
    chosen = [(one, m) for one in contenders if (m := one.advice.best.chosen) is not None]
    if len(chosen) < 2:
        return ("fewer than two devices have a recommendation",)
    first, best = chosen[0]
    found = []
    if len({(one.advice.limits, one.advice.run_limit_bytes) for one, _ in chosen}) > 1:
        found.append("they were found within different limits")
    if any(one.advice.objective != first.advice.objective for one, _ in chosen):
        found.append("they minimise different things")
    if not all(same_picture(m, best) for _, m in chosen):
        found.append("they draw different pictures")
    steps = {m.knobs.get("steps") for _, m in chosen}
    if len(steps) > 1 and any(one.advice.limits.fidelity is None for one, _ in chosen):
        found.append("they take different numbers of steps, and no fidelity limit was given")
    return tuple(found)
