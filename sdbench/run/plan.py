"""The order in which configurations are measured: a load serves all that it can."""

from __future__ import annotations

from collections.abc import Iterable

from sdbench.jsontypes import canonical_json
from sdbench.knobs.base import Cost
from sdbench.suite.configuration import Configuration


def load_key(configuration: Configuration) -> str:
    """Equal for configurations that one loaded pipeline can serve."""
    return canonical_json(configuration.part(Cost.LOAD))


def plan(configurations: Iterable[Configuration]) -> tuple[Configuration, ...]:
    """The configurations grouped by load, then by set-up, each in order of first appearance."""
    groups: dict[str, dict[str, list[Configuration]]] = {}
    for configuration in configurations:
        setup_key = canonical_json(configuration.part(Cost.SETUP))
        groups.setdefault(load_key(configuration), {}).setdefault(setup_key, []).append(
            configuration
        )
    return tuple(
        configuration
        for setups in groups.values()
        for members in setups.values()
        for configuration in members
    )
