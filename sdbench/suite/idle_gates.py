"""Rules of gates that would do nothing, since no configuration is meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sdbench.jsontypes import JsonValue
from sdbench.knobs.registry import KNOBS
from sdbench.suite.configuration import Configuration
from sdbench.suite.defaults import default_configurations
from sdbench.suite.expand import matching, stands_for_too_many
from sdbench.suite.gate_values import FOR, RULES, SECTION
from sdbench.suite.gates import GateRule
from sdbench.suite.model import Rule, Suite
from sdbench.suite.source import KeyPath, Source


def refuse_idle_gates(source: Source, suite: Suite) -> None:
    """A value in a rule that matches nothing is a slip: what it was meant for has other gates.

    Nothing is looked at in a suite that is going to be refused for what it stands for.

    Args:
        source: The suite file; its gates are as written, not as resolved.
        suite: What it became.

    Raises:
        SuiteError: There is such a value; the message says which ones would match.
    """
    if not suite.gates.rules or stands_for_too_many(suite):
        return
    defaults = default_configurations(suite)
    for index, rule in enumerate(suite.gates.rules):
        written = source.data[SECTION][RULES][index][FOR]
        for knob, values in rule.configurations.items():
            for position, value in enumerate(values):
                if _is_met({**rule.configurations, knob: (value,)}, suite, defaults):
                    continue
                at = [position] if isinstance(written[knob], list) else []
                path: KeyPath = (SECTION, RULES, index, FOR, knob, *at)
                problem = f"{KNOBS[knob].text(value)} matches no configuration"
                raise source.error(path, f"{problem}{_why(knob, value, suite, defaults)}")


def _is_met(rule: Rule, suite: Suite, defaults: Collection[Configuration]) -> bool:
    """Whether something that is measured matches."""
    if next(matching(suite, rule), None) is not None:
        return True
    alone = GateRule(configurations=rule, gates={})
    return any(alone.concerns(one.knobs) for one in defaults)


def _why(knob: str, value: JsonValue, suite: Suite, defaults: Collection[Configuration]) -> str:
    possible: list[JsonValue] = []
    for one in _values(knob, suite, defaults):
        if one not in possible:
            possible.append(one)
    if value in possible:
        return " together with the rest of this rule"
    listed = ", ".join(KNOBS[knob].text(one) for one in possible)
    return f": {'they have' if len(possible) > 1 else 'in every configuration it is'} {listed}"


def _values(knob: str, suite: Suite, defaults: Collection[Configuration]) -> Iterator[JsonValue]:
    """The values of a knob in what is measured, some of them many times."""
    otherwise = (suite.fixed.get(knob, KNOBS[knob].neutral),)
    yield from next((axis.values for axis in suite.axes if axis.knob == knob), otherwise)
    for rule in suite.include:
        yield from rule.get(knob, otherwise)
    yield from (one.knobs[knob] for one in defaults)
