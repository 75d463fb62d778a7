"""What an A/B job is to measure: two installations, and each configuration on both of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdbench.errors import SdbenchError
from sdbench.knobs.registry import KNOBS, describe, varying_knobs
from sdbench.results.ab import (
    BASELINE,
    CANDIDATE,
    CONFIRM_PAIRS,
    CONTROL,
    MOST_PAIRS,
    SCREEN_PAIRS,
    AbInfo,
    Installation,
)
from sdbench.run.messages import Ready
from sdbench.run.order import Order
from sdbench.run.plan import load_key, plan
from sdbench.suite.configuration import Configuration
from sdbench.suite.model import Suite
from sdbench.suite.overrides import overridden, override_all

SAME_SIDES = "both sides are the same: this is an A/A run"

_SHARED = ("cpu", "scripted")
"""Slugs of devices on which two loaded pipelines do not stand in each other's way."""

NO_CONTROL = "none"
"""Given as a control, there is to be none."""

Group = tuple[Mapping[str, Configuration], ...]
"""Configurations that one worker of a side measures, since one load serves them, in the order of
the plan; each by side, as its knobs are there."""


class NoControl(SdbenchError):
    """The words for the control fit no configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbOrder:
    """What the user asked for.

    Attributes:
        suite: The suite, without what a side replaces in it.
        configurations: What it stands for.
        baseline: One side, with the knobs that it replaces.
        candidate: The other.
        results: Folder that holds all results.
        control: The configuration that the baseline measures against itself; None without one.
        device: Word for the device.
        trust_remote_code: Whether models' own code may run.
        screen_pairs: Pairs of the first look at every configuration.
        confirm_pairs: Fresh pairs that a suspect gets at least.
        most_pairs: Fresh pairs that a suspect gets at most.
        ignores_problems: Whether to measure also where the device is not fit for it.
        in_turns: Whether timed calls of workers that are alive together take turns, or workers one
            after the other; None for what suits the device.
        notes: Remarks for the reader.
        command_line: What the user wrote, for reading, without secrets.
    """

    suite: Suite
    configurations: Sequence[Configuration]
    baseline: Installation
    candidate: Installation
    results: Path
    control: Configuration | None = None
    device: str = "auto"
    trust_remote_code: bool = False
    screen_pairs: int = SCREEN_PAIRS
    confirm_pairs: int = CONFIRM_PAIRS
    most_pairs: int = MOST_PAIRS
    ignores_problems: bool = False
    in_turns: bool | None = None
    notes: tuple[str, ...] = ()
    command_line: tuple[str, ...] = ()


class NoTurns(SdbenchError):
    """Calls were asked to take turns on a device where they cannot."""


def calls_take_turns(order: AbOrder, ready: Ready) -> bool:
    """Whether timed calls take turns, rather than workers.

    On a GPU they cannot: two loaded pipelines may not fit, and what a process needs of the device's
    memory, and its energy, cannot be told from the other's.

    Raises:
        NoTurns: It was asked for, and cannot be.
    """
    can = ready.slug in _SHARED
    if order.in_turns and not can:
        raise NoTurns(
            f"on {ready.device} calls of two workers cannot take turns: both would have to be "
            "loaded at once; use --alternate workers"
        )
    return can if order.in_turns is None else order.in_turns


class AbPlan:
    """The configurations of both sides, and who measures which.

    Args:
        order: What the user asked for.
    """

    def __init__(self, order: AbOrder) -> None:
        planned = override_all(order.configurations, order.baseline.overrides)
        twins = override_all(order.configurations, order.candidate.overrides)
        twin_of = {one.key: twin for one, twin in zip(planned, twins, strict=True)}
        self._order = order
        self._baseline = plan(planned)
        self._twins = {one.key: twin_of[one.key] for one in self._baseline}
        self.control: Configuration | None = None
        if order.control is not None:
            (self.control,) = override_all([order.control], order.baseline.overrides)

    @property
    def twins(self) -> dict[str, str]:
        """The candidate's keys by the baseline's, in the order of the plan."""
        return {key: twin.key for key, twin in self._twins.items()}

    @property
    def sides(self) -> tuple[str, ...]:
        """Both sides, and the control where there is one."""
        return (BASELINE, CANDIDATE) if self.control is None else (BASELINE, CANDIDATE, CONTROL)

    def configurations(self, side: str) -> tuple[Configuration, ...]:
        """What a side measures, in the order of the plan."""
        if side == CONTROL:
            return () if self.control is None else (self.control,)
        return tuple(self._twins.values()) if side == CANDIDATE else self._baseline

    def order(self, side: str) -> Order:
        """What a run of this side alone would be asked for."""
        order = self._order
        overrides = (order.candidate if side == CANDIDATE else order.baseline).overrides
        return Order(
            suite=overridden(order.suite, overrides),
            configurations=self.configurations(side),
            results=order.results,
            device=_absolute(order.device),
            trust_remote_code=order.trust_remote_code,
            command_line=order.command_line,
        )

    def groups(self, keys: Collection[str], *, with_control: bool) -> list[Group]:
        """Who measures what for one more pair of these configurations, a group for each load.

        Args:
            keys: The baseline's keys of the configurations.
            with_control: Whether the control is measured too, also where its configuration is not
                among them: then by the baseline and the control alone.
        """
        control = self.control if with_control else None
        by_load: dict[str, list[Configuration]] = {}
        for one in self._baseline:
            if one.key in keys or one == control:
                by_load.setdefault(load_key(one), []).append(one)
        return [
            tuple(
                {
                    BASELINE: one,
                    **({CANDIDATE: self._twins[one.key]} if one.key in keys else {}),
                    **({CONTROL: one} if one == control else {}),
                }
                for one in members
            )
            for members in by_load.values()
        ]

    def info(self, *, in_turns: bool, is_finished: bool, notes: tuple[str, ...]) -> AbInfo:
        """What is stored of the job, with remarks for the reader."""
        order = self._order
        return AbInfo(
            baseline=order.baseline,
            candidate=order.candidate,
            twins=self.twins,
            screen_pairs=order.screen_pairs,
            confirm_pairs=order.confirm_pairs,
            most_pairs=order.most_pairs,
            control_key=None if self.control is None else self.control.key,
            in_turns=in_turns,
            notes=notes,
            is_finished=is_finished,
        )


def _absolute(device: str) -> str:
    """The word for a device; a script's path as workers elsewhere need it."""
    kind, colon, path = device.partition(":")
    return f"{kind}:{Path(path).absolute()}" if kind == "scripted" and colon else device


def are_the_same(baseline: Installation, candidate: Installation) -> bool:
    """Whether nothing tells two sides apart, as far as versions and commits tell."""
    return all(
        getattr(baseline, name) == getattr(candidate, name)
        for name in ("python", "packages", "variables", "overrides")
    )


def chosen_control(
    configurations: Sequence[Configuration], words: str | None
) -> Configuration | None:
    """The configuration that the user's words name, the first one of the plan where none are given.

    Args:
        configurations: What the suite stands for.
        words: Settings as they are printed, ``steps 4, dtype fp16``, or a configuration's key;
            None for the first, and ``none`` for no control.

    Raises:
        NoControl: No configuration has these settings.
    """
    planned = plan(configurations)
    if words is None:
        return planned[0]
    if words == NO_CONTROL:
        return None
    parts = [" ".join(part.replace("=", " ").split()) for part in words.split(",")]
    for one in planned:
        settings = {f"{name} {KNOBS[name].text(value)}" for name, value in one.knobs.items()}
        if one.key == words or settings.issuperset(parts):
            return one
    example = describe(planned[0].knobs, varying_knobs([one.knobs for one in planned]) or None)
    raise NoControl(
        f"no configuration of the suite is {words!r}; write its settings as `sdbench show` prints "
        f"them, such as {example!r}, or {NO_CONTROL}"
    )
