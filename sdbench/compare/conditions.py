"""Whether two stored runs were measured under the same conditions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.results.store import Run

_SUITE_PARTS = ("inputs", "measure")
"""What of a suite changes figures of configurations that have the same key."""


def differing_conditions(baseline: Run, candidate: Run) -> dict[str, tuple[str, str]]:
    """Names of what differs, with both values in words, in a fixed order."""
    return {
        **_differences(baseline.info.fingerprint, candidate.info.fingerprint),
        **_differences(*(_suite_parts(run.info.suite) for run in (baseline, candidate))),
    }


def conditions(run: Run) -> tuple[str, ...]:
    """Names of all conditions that a run tells."""
    return (*sorted(run.info.fingerprint), *(f"suite.{part}" for part in _SUITE_PARTS))


def other_conditions(
    baseline: Run, candidate: Run, accepted: Collection[str] = ()
) -> tuple[str, ...]:
    """Why a comparison of two runs can gate nothing, in sentences; none where it can.

    Args:
        baseline: One run.
        candidate: The other.
        accepted: Names of conditions that may differ: what the comparison is about.
    """
    differing = {
        name: values
        for name, values in differing_conditions(baseline, candidate).items()
        if name not in accepted
    }
    if not differing:
        return ()
    told = ", ".join(f"{name} {before} -> {after}" for name, (before, after) in differing.items())
    return (f"the two runs were measured under other conditions: {told}",)


def _suite_parts(suite: Mapping[str, Any]) -> dict[str, JsonValue]:
    return {f"suite.{part}": suite.get(part) for part in _SUITE_PARTS}


def _differences(
    before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]
) -> dict[str, tuple[str, str]]:
    return {
        name: (_text(before.get(name)), _text(after.get(name)))
        for name in sorted({*before, *after})
        if canonical_json(before.get(name)) != canonical_json(after.get(name))
    }


def _text(value: JsonValue) -> str:
    if value is None:
        return "(none)"
    return value if isinstance(value, str) else canonical_json(value)
