"""A comparison as JSON, for programs: everything, with a version of the format."""

from __future__ import annotations

import json
import math
from typing import Any

from sdbench.compare.comparison import Comparison, Finding, Row, Side
from sdbench.compare.effect import Effect
from sdbench.report.comparison_headline import further, headline, limits

COMPARISON_SCHEMA = 1
"""Version of the format; fields that are added need no new one."""


def comparison_json(comparison: Comparison) -> str:
    """The comparison as JSON: figures as they are, and the sentences that people get."""
    return json.dumps(document(comparison), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def document(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain values."""
    return {
        "schema": COMPARISON_SCHEMA,
        "kind": comparison.kind.value,
        "suite": comparison.suite,
        "ending": comparison.ending.name.lower(),
        "exit_code": comparison.exit_code,
        "headline": headline(comparison),
        "further": list(further(comparison)),
        "limits": list(limits(comparison)),
        "baseline": _side(comparison.baseline),
        "candidate": _side(comparison.candidate),
        "configurations": [_row(row) for row in comparison.rows],
        "control": _finding(comparison.control) if comparison.control else None,
        "advisory": list(comparison.advisory),
        "unfit": list(comparison.unfit),
        "incomplete": list(comparison.incomplete),
        "family_size": comparison.family_size,
        "units": comparison.units,
        "notes": list(comparison.notes),
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "label": side.label,
        "source": side.source,
        "device": side.device,
        "started_at": side.started_at,
        "facts": dict(side.facts),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "name": row.name,
        "knobs": dict(row.knobs),
        "verdict": row.verdict.value,
        "is_confirmed": row.is_confirmed,
        "findings": [_finding(one) for one in row.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "metric": finding.metric,
        "unit": finding.unit.value,
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "is_gated": finding.is_gated,
        "fails": finding.fails,
        "baseline": _number(finding.baseline),
        "candidate": _number(finding.candidate),
        "margin": finding.margin,
        "effect": _effect(finding.effect) if finding.effect else None,
        "detectable_ratio": _number(finding.detectable_ratio),
        "units_needed": finding.units_needed,
    }


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "ratio": _number(effect.ratio),
        "low": _number(effect.low),
        "high": _number(effect.high),
        "units": effect.units,
        "log_error": _number(effect.log_error),
        "degrees": _number(effect.degrees),
    }


def _number(value: float | str | None) -> float | str | None:
    """A value that JSON can hold: what is not finite is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
