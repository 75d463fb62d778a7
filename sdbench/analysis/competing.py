"""Which configurations compete with each other: those that do the same work."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from sdbench.analysis.measurement import Measurement
from sdbench.analysis.reasons import AMOUNT_KNOBS, CONTENT_KNOBS
from sdbench.jsontypes import JsonValue, canonical_json

WORK_KNOBS = (*AMOUNT_KNOBS, *CONTENT_KNOBS)
"""Only configurations that agree in all of these compete; under a fidelity limit in all but the
steps."""

Group = tuple[Mapping[str, JsonValue], Sequence[Measurement]]
"""The work that configurations have in common, and these."""


def competing(
    everything: Iterable[Measurement], defaults: Collection[Measurement], *, across_steps: bool
) -> list[Group]:
    """Those that compete with each other, group by group; the most work first.

    A default configuration beside which nothing does the same work is no choice.

    Args:
        everything: The run's measurements; those whose settings are not known take no part.
        defaults: Of these the default configurations that the suite does not sweep.
        across_steps: Whether those of different steps compete, as they do under a fidelity limit.
    """
    separating = [name for name in WORK_KNOBS if not (across_steps and name == "steps")]
    default_keys = {m.key for m in defaults}
    groups: dict[str, tuple[dict[str, JsonValue], list[Measurement]]] = {}
    for m in everything:
        if m.knobs:
            work = {name: m.knobs[name] for name in separating if name in m.knobs}
            groups.setdefault(canonical_json(work), (work, []))[1].append(m)
    swept = [g for g in groups.values() if len(g[1]) > 1 or g[1][0].key not in default_keys]
    return sorted(swept or groups.values(), key=lambda group: _amount(group[0]))


def _amount(work: Mapping[str, JsonValue]) -> tuple[float, ...]:
    """Sorts the most work first; the pipeline's own value (None) gives up nothing."""
    values = [work.get(name) for name in AMOUNT_KNOBS]
    return tuple(-value if isinstance(value, (int, float)) else -math.inf for value in values)


def same_picture(one: Measurement, other: Measurement) -> bool:
    """Whether two configurations are asked for the same picture, if by another number of steps."""
    return all(
        one.knobs.get(name) == other.knobs.get(name) for name in WORK_KNOBS if name != "steps"
    )
