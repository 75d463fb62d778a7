"""The parts of a suite that name knobs: fixed, axes, exclude and include.

Each knob parses its own values; what it refuses becomes a `SuiteError` with the value's place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sdbench.errors import IllegalValue
from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.registry import KNOBS
from sdbench.suite.errors import phrase_illegal, phrase_unknown, show
from sdbench.suite.model import Axis, Rule
from sdbench.suite.source import KeyPath, Source, dotted

_NO_RULES = "a list of rules such as [{dtype: fp32, batch_size: [4, 8]}]"
_NO_RULE = "a rule that names at least one knob, such as {dtype: fp32}"


def parse_value(source: Source, path: KeyPath, knob: str, raw: JsonValue) -> JsonValue:
    """The canonical form of a knob's value.

    Raises:
        SuiteError: The knob does not exist, or refuses the value.
    """
    if knob not in KNOBS:
        raise source.error(path, phrase_unknown("knob", knob, list(KNOBS)), at_key=True)
    try:
        return KNOBS[knob].parse(raw)
    except IllegalValue as refusal:
        inner = _place_within(raw, refusal.seen)
        problem = phrase_illegal(refusal.seen, refusal.legal)
        raise source.error((*path, *inner), problem, at_key=refusal.seen in inner) from None
    except OverflowError:
        raise source.error(path, f"{show(raw)} is too large a number") from None


def _place_within(raw: JsonValue, seen: object) -> tuple[str, ...]:
    """Path to the part of a mapping that a knob found fault with; empty for the whole."""
    if not isinstance(raw, Mapping) or seen is raw:
        return ()
    return next(((key,) for key, value in raw.items() if key == seen or value is seen), ())


def parse_fixed(source: Source, raw: JsonValue, path: KeyPath = ("fixed",)) -> dict[str, JsonValue]:
    """The canonical values of a mapping of knobs.

    Raises:
        SuiteError: It is no mapping, or a knob or value in it is not legal.
    """
    if not isinstance(raw, Mapping):
        raise source.error(path, phrase_illegal(raw, "a mapping of knobs such as {height: 512}"))
    for knob, value in raw.items():
        if knob in KNOBS and isinstance(value, list):
            problem = f"{show(value)} is a list: values to sweep belong under axes"
            raise source.error((*path, knob), problem)
    return {knob: parse_value(source, (*path, knob), knob, value) for knob, value in raw.items()}


def parse_axes(source: Source, raw: JsonValue) -> tuple[Axis, ...]:
    """The axes, in the order in which they are written.

    Raises:
        SuiteError: An axis is no list, is empty, or holds an illegal value or one value twice.
    """
    if not isinstance(raw, Mapping):
        problem = phrase_illegal(raw, "a mapping of knobs to lists such as {steps: [10, 20]}")
        raise source.error(("axes",), problem)
    return tuple(_parse_axis(source, knob, values) for knob, values in raw.items())


def _parse_axis(source: Source, knob: str, raw: JsonValue) -> Axis:
    path: KeyPath = ("axes", knob)
    if knob not in KNOBS:
        raise source.error(path, phrase_unknown("knob", knob, list(KNOBS)), at_key=True)
    if raw is None or raw == []:
        problem = "this axis has no values: list at least one, or remove it"
        raise source.error(path, problem, at_key=True)
    if not isinstance(raw, list):
        problem = phrase_illegal(raw, "a list of values")
        if not isinstance(raw, Mapping):
            problem = (
                f"{show(raw)} is one value: an axis is a list such as [{show(raw)}]; a value that "
                "all configurations share belongs under fixed"
            )
        raise source.error(path, problem)
    return Axis(knob, _parse_values(source, path, knob, raw))


def parse_rules(source: Source, section: str, raw: JsonValue) -> tuple[Rule, ...]:
    """The rules of ``exclude`` or ``include``; a single value stands for a list of one.

    Raises:
        SuiteError: It is no list of mappings, or a knob or value in it is not legal.
    """
    if not isinstance(raw, list):
        raise source.error((section,), phrase_illegal(raw, _NO_RULES))
    return tuple(parse_rule(source, (section, index), rule) for index, rule in enumerate(raw))


def parse_rule(source: Source, path: KeyPath, raw: JsonValue) -> Rule:
    """A rule that names knobs; a single value stands for a list of one.

    Raises:
        SuiteError: It names no knob, or a knob or value in it is not legal.
    """
    if not isinstance(raw, Mapping) or not raw:
        raise source.error(path, phrase_illegal(raw, _NO_RULE))
    rule = {}
    for knob, values in raw.items():
        if isinstance(values, list):
            if not values:
                raise source.error((*path, knob), "this list has no values, so nothing matches it")
            rule[knob] = _parse_values(source, (*path, knob), knob, values)
        else:
            rule[knob] = (parse_value(source, (*path, knob), knob, values),)
    return rule


def _parse_values(
    source: Source, path: KeyPath, knob: str, raw: list[JsonValue]
) -> tuple[JsonValue, ...]:
    values: list[JsonValue] = []
    first_index: dict[str, int] = {}
    for index, raw_value in enumerate(raw):
        value = parse_value(source, (*path, index), knob, raw_value)
        first = first_index.setdefault(canonical_json(value), index)
        if first != index:
            claim = "is given twice, first as" if raw_value == raw[first] else "means the same as"
            problem = f"{show(raw_value)} {claim} {dotted((*path, first))}"
            raise source.error((*path, index), problem)
        values.append(value)
    return tuple(values)


def values_in_rules(rules: tuple[Rule, ...]) -> Iterator[tuple[int, str, int, JsonValue]]:
    """Every value of every rule, with the rule's index, the knob and the value's index."""
    for index, rule in enumerate(rules):
        for knob, values in rule.items():
            for position, value in enumerate(values):
                yield index, knob, position, value
