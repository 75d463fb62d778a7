"""A suite of which single fixed knobs are replaced from outside: ``fixed.attention=eager``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.registry import KNOBS
from sdbench.suite.configuration import Configuration
from sdbench.suite.errors import SuiteError, show
from sdbench.suite.knob_values import parse_fixed
from sdbench.suite.model import Suite
from sdbench.suite.source import Source

_SECTION = "fixed."


def parse_overrides(texts: Iterable[str], option: str) -> dict[str, JsonValue]:
    """The canonical values of knobs that are given one by one.

    Args:
        texts: Each as ``fixed.<knob>=<value>``, the value as the suite would write it.
        option: What the user gave them by, for errors.

    Raises:
        SuiteError: One is written otherwise, or names no knob or no legal value of it.
    """
    raw: dict[str, JsonValue] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        knob = name.strip().removeprefix(_SECTION)
        if not equals or not name.strip().startswith(_SECTION):
            hint = f"{_SECTION}{text}" if equals and knob in KNOBS else "fixed.attention=eager"
            raise SuiteError(f"{show(text)} replaces no fixed knob: write {hint}", file=option)
        if knob in raw:
            raise SuiteError("given twice", file=option, key=name)
        raw[knob] = _plain(value, option, name)
    return parse_fixed(Source({"fixed": raw}, option), raw)


def overridden(suite: Suite, overrides: Mapping[str, JsonValue]) -> Suite:
    """The suite with these values among its fixed ones."""
    return replace(suite, fixed={**suite.fixed, **overrides})


def override_all(
    configurations: Sequence[Configuration], overrides: Mapping[str, JsonValue]
) -> tuple[Configuration, ...]:
    """The configurations with these values, in the same order."""
    return tuple(Configuration.of({**one.knobs, **overrides}) for one in configurations)


def refuse_varied(
    suite: Suite,
    configurations: Sequence[Configuration],
    overrides: Iterable[str],
    option: str,
) -> None:
    """Refuses to replace a knob that the suite varies: its configurations would become one.

    Raises:
        SuiteError: One of ``overrides`` is an axis, or varies by ``include``.
    """
    axes = {axis.knob: axis.values for axis in suite.axes}
    for knob in overrides:
        seen = {canonical_json(one.knobs[knob]): one.knobs[knob] for one in configurations}
        if knob not in axes and len(seen) == 1:
            continue
        values = ", ".join(KNOBS[knob].text(value) for value in axes.get(knob, seen.values()))
        where = "is an axis of the suite" if knob in axes else "varies by the suite's include"
        raise SuiteError(
            f"{where} ({values}): only what is the same in all configurations can be replaced; "
            f"name a suite that has one value of {knob} under fixed",
            file=option,
            key=f"{_SECTION}{knob}",
        )


def _plain(text: str, option: str, name: str) -> JsonValue:
    """A value as YAML reads it."""
    try:
        value: JsonValue = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        raise SuiteError(f"{show(text)} is no value in YAML", file=option, key=name) from None
    return value
