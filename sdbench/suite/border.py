"""Where outside data becomes a `Suite`: pydantic's first fault becomes a `SuiteError`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from sdbench.errors import IllegalValue
from sdbench.suite.errors import SuiteError, phrase_illegal, phrase_unknown
from sdbench.suite.model import SUITES, Suite
from sdbench.suite.quantities import RESOLVED
from sdbench.suite.source import KeyPath, Source
from sdbench.suite.subject_to import SUBJECT_TO

_UNKNOWN_KEY = ("unexpected_keyword_argument", "extra_forbidden")
_LEGAL = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "on or off",
    "bool_parsing": "on or off",
    "greater_than_equal": "a whole number from {ge} upwards",
    "less_than_equal": "a whole number up to {le}",
    "string_type": "a text; what looks like a number needs quotes",
    "string_pattern_mismatch": "a name for a folder: up to 100 letters, digits, '.', '_' and '-', "
    "beginning with a letter, a digit or '_'",
    "tuple_type": "a list",
    "too_short": "a list of at least one",
    "dataclass_type": "a mapping of keys",
}
"""What would be legal, by pydantic's type of error, with fields of the error's context."""


_T = TypeVar("_T")


def build_suite(data: Mapping[str, Any], source: Source, *, is_resolved: bool) -> Suite:
    """The suite that the data holds; its knob values must be canonical already.

    Args:
        data: All of a suite's fields, by alias unless ``is_resolved``.
        source: Where they come from, for errors.
        is_resolved: Whether the data is what `Suite.to_json` dumped.

    Raises:
        SuiteError: A key is unknown or a value is not legal.
    """
    return build_part(SUITES, data, source, (), is_resolved=is_resolved)


def build_part(
    kind: TypeAdapter[_T],
    data: Mapping[str, Any],
    source: Source,
    path: KeyPath,
    *,
    is_resolved: bool,
) -> _T:
    """The part of a suite that the data at ``path`` holds, as `build_suite` builds the whole.

    Raises:
        SuiteError: A key is unknown or a value is not legal.
    """
    try:
        return kind.validate_python(
            data,
            context=RESOLVED if is_resolved else None,
            by_name=is_resolved,
            by_alias=not is_resolved,
        )
    except ValidationError as failure:
        faults = failure.errors(include_url=False)
        unknown = [fault for fault in faults if fault["type"] in _UNKNOWN_KEY]
        raise _suite_error((unknown or faults)[0], kind, source, path, is_resolved) from None


def _suite_error(
    fault: ErrorDetails, kind: TypeAdapter[Any], source: Source, path: KeyPath, is_resolved: bool
) -> SuiteError:
    within: KeyPath = tuple(fault["loc"])
    if fault["type"] in _UNKNOWN_KEY:
        legal = _keys_at(kind, within[:-1], by_alias=not is_resolved)
        problem = phrase_unknown("key", within[-1], legal)
        return source.error((*path, *within), problem, at_key=True)
    problem = phrase_illegal(fault["input"], _legal_for(fault))
    return source.error((*path, *within), problem)


def _legal_for(fault: ErrorDetails) -> Sequence[str] | str:
    context = fault.get("ctx", {})
    if isinstance(cause := context.get("error"), IllegalValue):
        return cause.legal
    if fault["type"] == "enum":
        return re.findall(r"'([^']*)'", context["expected"])
    legal = _LEGAL.get(fault["type"])
    return legal.format(**context) if legal else fault["msg"]


def _keys_at(kind: TypeAdapter[Any], path: KeyPath, *, by_alias: bool) -> list[str]:
    """The legal keys of a section, from the schema that the model's annotations make."""
    schema = kind.json_schema(by_alias=by_alias)
    node: Any = schema
    for part in path:
        node = node["properties"][part]
        node = next((option for option in node.get("anyOf", ()) if "$ref" in option), node)
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    moved = [SUBJECT_TO] if by_alias and path == ("objective",) else []
    return [*node["properties"], *moved]
