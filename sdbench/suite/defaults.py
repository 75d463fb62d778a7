"""The default configuration: what diffusers does by itself, against which gains are stated."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from sdbench.knobs.base import Effect
from sdbench.knobs.registry import KNOBS
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Rule, Suite


def default_configurations(suite: Suite) -> tuple[Configuration, ...]:
    """The fixed values, and every other knob left as diffusers has it.

    There is one for each picture that the suite asks for: the values of axes such as the size or
    the guidance are kept. None where the suite says ``measure: {default: off}``.
    """
    if not suite.measure.default:
        return ()
    contents = {
        axis.knob: axis.values for axis in suite.axes if KNOBS[axis.knob].effect is Effect.CONTENT
    }
    return tuple(
        Configuration.of({**suite.fixed, **dict(zip(contents, values, strict=True))})
        for values in itertools.product(*contents.values())
    )


def unswept_defaults(suite: Suite) -> tuple[Configuration, ...]:
    """The default configurations that are not among those that the suite stands for."""
    return tuple(one for one in default_configurations(suite) if not _is_swept(one, suite))


def _is_swept(one: Configuration, suite: Suite) -> bool:
    """Whether the axes or a rule of ``include`` stand for a configuration of the fixed values."""
    axes = {axis.knob: axis.values for axis in suite.axes}
    if _is_among(one, axes, suite) and not any(_matches(one, rule) for rule in suite.exclude):
        return True
    return any(_is_among(one, rule, suite) for rule in suite.include)


def _is_among(one: Configuration, values: Rule, suite: Suite) -> bool:
    """Whether a configuration is one of the product of these values over the fixed ones."""
    rest = Configuration.of(suite.fixed).knobs
    return all(
        value in values[name] if name in values else value == rest[name]
        for name, value in one.knobs.items()
    )


def _matches(one: Configuration, rule: Rule) -> bool:
    return all(one.knobs[name] in values for name, values in rule.items())


def with_defaults(
    suite: Suite, configurations: Sequence[Configuration]
) -> tuple[Configuration, ...]:
    """The configurations, and after them the default ones that are not among them.

    A picture that none of the configurations draws, as where ``exclude`` matches it, has none.
    """
    present = {configuration.key for configuration in configurations}
    contents = {configuration.content_key for configuration in configurations}
    added = (
        one
        for one in default_configurations(suite)
        if one.key not in present and one.content_key in contents
    )
    return (*configurations, *added)
