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


def _refuse_above(limit: int, suite: Suite) -> None:
    lengths = {axis.knob: len(axis.values) for axis in suite.axes}
    swept = math.prod(lengths.values())
    added = sum(math.prod(len(values) for values in rule.values()) for rule in suite.include)
    if swept + added <= limit:
        return
    product = " x ".join(f"{knob} {length:,}" for knob, length in lengths.items())
    raise SuiteError(
        f"suite {suite.name} stands for {swept + added:,} configurations "
        f"({product or 'no axes'}{f', and {added:,} by include' if added else ''}), "
        f"more than the limit of {limit:,}: sweep less, or raise it by `max_configurations: "
        f"{swept + added}` in the suite or `--max-configurations {swept + added}`"
    )


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
