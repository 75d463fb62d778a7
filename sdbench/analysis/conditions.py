"""Conditions that runs were measured under, and how they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.results.store import Run

ABSENT = "(none)"
"""Stands for a fact that one of two runs lacks."""

LONGEST_FACT = 40
"""Characters of a fact; a list of prompts may be much longer."""

_SUITE_PARTS = ("inputs", "measure")


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions that some of the runs have in common.

    Attributes:
        number: From 1, in the order in which they came up.
        facts: What is equal for all of these runs: device, versions, protocol.
        positions: Positions of these runs among all.
    """

    number: int
    facts: Mapping[str, JsonValue]
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChangeOfConditions:
    """A run whose conditions are other ones than those of the run before it.

    Attributes:
        position: Position of the run.
        number: Its conditions.
        is_new: Whether no earlier run had them.
        differences: What differs from the run before, as ``torch 2.12.0 -> 2.13.0``.
    """

    position: int
    number: int
    is_new: bool
    differences: tuple[str, ...]


def conditions_of(runs: Sequence[Mapping[str, JsonValue]]) -> tuple[Conditions, ...]:
    """The conditions of runs, given the facts of each; equal ones need not follow each other."""
    positions: dict[str, list[int]] = {}
    for position, facts in enumerate(runs):
        positions.setdefault(canonical_json(facts), []).append(position)
    return tuple(
        Conditions(number, runs[those[0]], tuple(those))
        for number, those in enumerate(positions.values(), start=1)
    )


def numbers_of(conditions: Sequence[Conditions]) -> tuple[int, ...]:
    """The conditions of each run by `Conditions.number`, of all runs in order."""
    found = {position: one.number for one in conditions for position in one.positions}
    return tuple(found[position] for position in range(len(found)))


def changes_of(
    runs: Sequence[Mapping[str, JsonValue]], numbers: Sequence[int]
) -> tuple[ChangeOfConditions, ...]:
    """Where the conditions change from one run to the next.

    Args:
        runs: The facts of each run, in order.
        numbers: The conditions of all runs by `Conditions.number`.
    """
    return tuple(
        ChangeOfConditions(
            position=position,
            number=numbers[position],
            is_new=numbers[position] not in numbers[:position],
            differences=changes_told(differing(runs[position - 1], runs[position])),
        )
        for position in range(1, len(numbers))
        if numbers[position] != numbers[position - 1]
    )


def facts_of(run: Run) -> dict[str, JsonValue]:
    """What must be equal for two runs to be comparable, by name.

    It is the fingerprint, and what of the suite changes figures of configurations of one key.
    """
    return {
        **run.info.fingerprint,
        "suite.name": run.info.suite.get("name"),
        **{
            f"suite.{part}.{name}": value
            for part in _SUITE_PARTS
            for name, value in dict(run.info.suite.get(part) or {}).items()
        },
    }


def differing(
    before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]
) -> dict[str, tuple[str, str]]:
    """Names of the facts that differ, with both values in words."""
    return {
        name: (_text(before.get(name)), _text(after.get(name)))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    }


def changes_told(differing: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    """What differs, a phrase each: ``torch 2.12.0 -> 2.13.0``."""
    return tuple(f"{name} {before} -> {after}" for name, (before, after) in differing.items())


def _text(value: JsonValue) -> str:
    if value is None:
        return ABSENT
    return _shortened(value if isinstance(value, str) else canonical_json(value))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_FACT else text[: LONGEST_FACT - 1] + "…"
