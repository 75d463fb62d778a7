"""The part of a suite that says what fails a job: ``gates``, with rules for some configurations.

A rule names the configurations under ``for``, as one of ``exclude`` does, and beside it the gates
that are others for them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import Any

from pydantic import TypeAdapter

from sdbench.jsontypes import JsonValue
from sdbench.suite.border import build_part
from sdbench.suite.errors import phrase_illegal, phrase_unknown
from sdbench.suite.gates import GATE_FIELDS, GateRule, Gates
from sdbench.suite.knob_values import parse_rule
from sdbench.suite.margins import ALL_STAGES, STAGES
from sdbench.suite.model import Rule
from sdbench.suite.source import KeyPath, Source

SECTION = "gates"
RULES = "rules"
FOR = "for"
"""Key of a rule's configurations."""

_KEYS = {"memory_growth_bytes": "memory_growth", "picture_psnr_db": "picture"}
"""Keys of a suite file that differ from the fields' names."""

RULE_KEYS = (FOR, *(_KEYS.get(name, name) for name in GATE_FIELDS))

_GATES: TypeAdapter[Gates] = TypeAdapter(Gates)
_NO_GATES = "a mapping of gates such as {latency: 5%, peak_allocated: 2%}"
_NO_RULES = "a list of rules such as [{for: {dtype: fp16}, latency: 10%}]"
_NO_RULE = "a rule such as {for: {dtype: fp16}, latency: 10%}"
_NOT_RESOLVED = "{configurations, gates} as `Suite.to_json` dumps it"


def parse_gates(source: Source, raw: JsonValue, *, is_resolved: bool) -> Gates:
    """The gates of a suite.

    Args:
        source: The suite that they are a part of.
        raw: What stands under ``gates``.
        is_resolved: Whether it is what `Suite.to_json` dumped.

    Raises:
        SuiteError: A gate is unknown, or a value is not legal.
    """
    path: KeyPath = (SECTION,)
    if not isinstance(raw, Mapping):
        raise source.error(path, phrase_illegal(raw, _NO_GATES))
    names = [one.name for one in fields(Gates)]
    legal = names if is_resolved else [_KEYS.get(name, name) for name in names]
    given = {key: value for key, value in raw.items() if key != RULES}
    gates = _build(source, path, given, legal, is_resolved=is_resolved)
    rules = raw.get(RULES, ())
    if not isinstance(rules, (list, tuple)):
        raise source.error((*path, RULES), phrase_illegal(rules, _NO_RULES))
    parse = _resolved_rule if is_resolved else _rule
    return replace(
        gates,
        rules=tuple(parse(source, (*path, RULES, at), rule) for at, rule in enumerate(rules)),
    )


def _build(
    source: Source,
    path: KeyPath,
    given: Mapping[str, Any],
    legal: Collection[str],
    *,
    is_resolved: bool,
) -> Gates:
    for key in given:
        if key not in legal:
            problem = phrase_unknown("gate", key, tuple(legal))
            raise source.error((*path, key), problem, at_key=True)
    stages = given.get("stages")
    for name in stages if isinstance(stages, Mapping) else ():
        if name not in (*STAGES, ALL_STAGES):
            problem = phrase_unknown("stage", name, (*STAGES, ALL_STAGES))
            raise source.error((*path, "stages", name), problem, at_key=True)
    return build_part(_GATES, given, source, path, is_resolved=is_resolved)


def _rule(source: Source, path: KeyPath, raw: JsonValue) -> GateRule:
    if not isinstance(raw, Mapping):
        raise source.error(path, phrase_illegal(raw, _NO_RULE))
    given = {key: value for key, value in raw.items() if key != FOR}
    built = _build(source, path, given, RULE_KEYS, is_resolved=False)
    if FOR not in raw:
        problem = "is missing: say for which configurations, such as `for: {dtype: fp16}`"
        raise source.error((*path, FOR), problem)
    configurations = parse_rule(source, (*path, FOR), raw[FOR])
    if not given:
        problem = f"changes no gate: add one beside `for`, of {', '.join(RULE_KEYS[1:])}"
        raise source.error(path, problem)
    names = [name for name in GATE_FIELDS if _KEYS.get(name, name) in given]
    return _gate_rule(configurations, built, names)


def _resolved_rule(source: Source, path: KeyPath, raw: JsonValue) -> GateRule:
    given = raw.get("gates") if isinstance(raw, Mapping) else None
    if not isinstance(raw, Mapping) or not isinstance(given, Mapping):
        raise source.error(path, phrase_illegal(raw, _NOT_RESOLVED))
    built = _build(source, (*path, "gates"), given, GATE_FIELDS, is_resolved=True)
    configurations = parse_rule(source, (*path, "configurations"), raw.get("configurations"))
    return _gate_rule(configurations, built, [name for name in GATE_FIELDS if name in given])


def _gate_rule(configurations: Rule, built: Gates, names: Collection[str]) -> GateRule:
    return GateRule(
        configurations=configurations, gates={name: getattr(built, name) for name in names}
    )
