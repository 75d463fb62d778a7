"""Whether two stored runs were measured under the same conditions."""

from __future__ import annotations

from collections.abc import Collection

from sdbench.analysis.conditions import changes_told, differing, facts_of
from sdbench.results.store import Run


def other_conditions(
    baseline: Run, candidate: Run, accepted: Collection[str] = ()
) -> tuple[str, ...]:
    """Why a comparison of two runs can gate nothing, in sentences; none where it can.

    Args:
        baseline: One run.
        candidate: The other.
        accepted: Names of conditions that may differ: what the comparison is about.
    """
    found = {
        name: values
        for name, values in differing(facts_of(baseline), facts_of(candidate)).items()
        if name not in accepted
    }
    if not found:
        return ()
    told = ", ".join(changes_told(found))
    return (f"the two runs were measured under other conditions: {told}",)
