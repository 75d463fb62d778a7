"""Limits as an objective states them: ``subject_to: {fidelity: ">= 0.9", memory: "<= 8GiB"}``.

They are the limits of `sdbench.suite.model.Limits` in other words, and become these at load.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sdbench.errors import IllegalValue
from sdbench.suite.errors import phrase_illegal, phrase_unknown
from sdbench.suite.quantities import (
    COUNT_LEGAL,
    COUNT_PATTERN,
    SCORE_LEGAL,
    SCORE_PATTERN,
    SIZE_PATTERN,
    TIME_PATTERN,
    parse_count,
    parse_score,
)
from sdbench.suite.source import Source
from sdbench.units import SIZE_LEGAL, TIME_LEGAL, parse_bytes, parse_seconds

SUBJECT_TO = "subject_to"
"""The key below ``objective``."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A quantity that an objective may be subject to.

    Attributes:
        limit: Its key below ``limits``.
        sign: The only comparison that makes sense for it; it may be left out.
        parse: Reads what stands after the sign.
        legal: What may stand after the sign, in words.
        pattern: The same as a regular expression of a text, from its beginning.
        summary: What it says, in a sentence.
        number: JSON Schema of a plain number, where one is accepted too.
        is_count: Whether a limit is a number, not a quantity in words.
    """

    limit: str
    sign: str
    parse: Callable[[object], float]
    legal: str
    pattern: str
    summary: str
    number: Mapping[str, Any] | None = None
    is_count: bool = False


BOUNDS: Mapping[str, Bound] = {
    "fidelity": Bound(
        "fidelity",
        ">=",
        parse_score,
        SCORE_LEGAL,
        SCORE_PATTERN,
        "Least fidelity, of the worst picture.",
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    ),
    "memory": Bound("memory", "<=", parse_bytes, SIZE_LEGAL, SIZE_PATTERN, "Largest peak memory."),
    "latency_p95": Bound(
        "latency",
        "<=",
        parse_seconds,
        TIME_LEGAL,
        TIME_PATTERN,
        "Longest p95 latency of one call.",
    ),
    "batch_size": Bound(
        "batch_size",
        "<=",
        parse_count,
        COUNT_LEGAL,
        COUNT_PATTERN,
        "Most images that one call may draw.",
        {"type": "integer", "minimum": 1},
        is_count=True,
    ),
}


def take_subject_to(source: Source, data: dict[str, Any]) -> None:
    """Moves what the objective is subject to into the limits of ``data``.

    Raises:
        SuiteError: A quantity, its sign or its value is not legal, or it is among the limits too.
    """
    objective, limits = data.get("objective"), data.get("limits") or {}
    if not isinstance(objective, Mapping) or SUBJECT_TO not in objective:
        return
    data["objective"] = {key: value for key, value in objective.items() if key != SUBJECT_TO}
    bounds = objective[SUBJECT_TO]
    if not isinstance(bounds, Mapping):
        legal = f"a mapping of {', '.join(BOUNDS)}, such as {{fidelity: '>= 0.9'}}"
        raise source.error(("objective", SUBJECT_TO), phrase_illegal(bounds, legal))
    taken = {}
    for quantity, raw in bounds.items():
        path = ("objective", SUBJECT_TO, quantity)
        if quantity not in BOUNDS:
            problem = phrase_unknown("quantity", quantity, tuple(BOUNDS))
            raise source.error(path, problem, at_key=True)
        bound = BOUNDS[quantity]
        if isinstance(limits, Mapping) and bound.limit in limits:
            problem = f"given as limits.{bound.limit} too; remove one of the two"
            raise source.error(path, problem, at_key=True)
        try:
            taken[bound.limit] = _without_sign(raw, bound)
        except IllegalValue as error:
            raise source.error(path, phrase_illegal(raw, error.legal)) from None
    if isinstance(limits, Mapping):
        data["limits"] = {**limits, **taken}


def _without_sign(raw: object, bound: Bound) -> object:
    """The value as it would stand among the limits."""
    value: object = raw
    if isinstance(raw, str):
        value = raw.strip().removeprefix(bound.sign).strip()
    try:
        parsed = bound.parse(value)
    except IllegalValue:
        raise IllegalValue(raw, f"'{bound.sign}' before {bound.legal}") from None
    return parsed if bound.is_count else value


def subject_to_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of ``subject_to``."""
    return {
        "description": "Limits, in the words of an objective; the same as under limits.",
        "type": "object",
        "properties": {
            quantity: {"description": bound.summary, **_schema(bound)}
            for quantity, bound in BOUNDS.items()
        },
        "additionalProperties": False,
    }


def _schema(bound: Bound) -> dict[str, Any]:
    text = {"type": "string", "pattern": rf"^\s*({bound.sign})?{bound.pattern.removeprefix('^')}"}
    if bound.number is None:
        return text
    return {"anyOf": [text, dict(bound.number)]}
