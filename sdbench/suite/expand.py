"""From a suite to the configurations that it stands for."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping

from sdbench.jsontypes import JsonValue
from sdbench.suite.configuration import Configuration
from sdbench.suite.errors import SuiteError
from sdbench.suite.model import Rule, Suite


def configurations(
    suite: Suite, max_configurations: int | None = None
) -> tuple[Configuration, ...]:
    """The product of the axes over the fixed values, minus ``exclude``, plus ``include``.

    They come in declared order, the last axis varying fastest, each once.

    Args:
        suite: What to expand.
        max_configurations: Limit to apply in place of the suite's own.

    Raises:
        SuiteError: There would be more than the limit, or none.
    """
    _refuse_above(
        suite.max_configurations if max_configurations is None else max_configurations, suite
    )
    axes = {axis.knob: axis.values for axis in suite.axes}
    swept = (
        configuration
        for configuration in map(Configuration.of, _product(suite.fixed, axes))
        if not any(_matches(rule, configuration) for rule in suite.exclude)
    )
    added = (
        Configuration.of(values) for rule in suite.include for values in _product(suite.fixed, rule)
    )
    expanded = _each_once(itertools.chain(swept, added))
    if not expanded:
        raise SuiteError(
            f"suite {suite.name} stands for no configuration: exclude matches every one of them"
        )
    return expanded


def stands_for_too_many(suite: Suite) -> bool:
    """Whether expanding a suite would go beyond its own limit."""
    return sum(_swept_and_added(suite)) > suite.max_configurations


def matching(suite: Suite, rule: Rule) -> Iterator[Configuration]:
    """Those of a suite's configurations that match a rule, one after the other."""
    axes = {axis.knob: _narrowed(axis.values, rule.get(axis.knob)) for axis in suite.axes}
    swept = (
        configuration
        for configuration in map(Configuration.of, _product(suite.fixed, axes))
        if not any(_matches(one, configuration) for one in suite.exclude)
    )
    added = (
        Configuration.of(values) for one in suite.include for values in _product(suite.fixed, one)
    )
    return (one for one in itertools.chain(swept, added) if _matches(rule, one))


def _narrowed(
    values: tuple[JsonValue, ...], wanted: tuple[JsonValue, ...] | None
) -> tuple[JsonValue, ...]:
    return values if wanted is None else tuple(value for value in values if value in wanted)


def _refuse_above(limit: int, suite: Suite) -> None:
    lengths = {axis.knob: len(axis.values) for axis in suite.axes}
    swept, added = _swept_and_added(suite)
    if swept + added <= limit:
        return
    product = " x ".join(f"{knob} {length:,}" for knob, length in lengths.items())
    raise SuiteError(
        f"suite {suite.name} stands for {swept + added:,} configurations "
        f"({product or 'no axes'}{f', and {added:,} by include' if added else ''}), "
        f"more than the limit of {limit:,}: sweep less, or raise it by `max_configurations: "
        f"{swept + added}` in the suite or `--max-configurations {swept + added}`"
    )


def _swept_and_added(suite: Suite) -> tuple[int, int]:
    """How many configurations come from the axes and from ``include``, before any is left out."""
    swept = math.prod(len(axis.values) for axis in suite.axes)
    added = sum(math.prod(len(values) for values in rule.values()) for rule in suite.include)
    return swept, added


def _product(
    fixed: Mapping[str, JsonValue], axes: Mapping[str, tuple[JsonValue, ...]]
) -> Iterator[dict[str, JsonValue]]:
    for values in itertools.product(*axes.values()):
        yield {**fixed, **dict(zip(axes, values, strict=True))}


def _matches(rule: Rule, configuration: Configuration) -> bool:
    return all(configuration.knobs[knob] in values for knob, values in rule.items())


def _each_once(configurations: Iterable[Configuration]) -> tuple[Configuration, ...]:
    by_key: dict[str, Configuration] = {}
    for configuration in configurations:
        by_key.setdefault(configuration.key, configuration)
    return tuple(by_key.values())
