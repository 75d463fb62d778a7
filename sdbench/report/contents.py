"""Configurations that are asked for the same picture, and of these the ones that drew the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdbench.analysis.measurement import Measurement, by_latency
from sdbench.analysis.wording import settings
from sdbench.jsontypes import canonical_json
from sdbench.knobs.base import Effect
from sdbench.knobs.registry import KNOBS
from sdbench.results.fidelity import Reference


@dataclass(frozen=True, slots=True)
class Drawn:
    """Configurations that drew the same pictures: they differ in what changes no picture.

    Attributes:
        measured: These, the fastest first.
    """

    measured: tuple[Measurement, ...]

    @property
    def fastest(self) -> Measurement:
        """The one with the least latency an image; its fidelity is that of all of them."""
        return self.measured[0]


@dataclass(frozen=True, slots=True)
class Content:
    """Configurations that are asked for the same picture, and so have one reference.

    Attributes:
        title: What sets them apart from the run's other contents; empty where there are none.
        measured: The configurations, in the order of the plan.
        drawn: The sets of pictures among them.
        reference: What their pictures are held against, or None.
    """

    title: str
    measured: tuple[Measurement, ...]
    drawn: tuple[Drawn, ...]
    reference: Reference | None

    @property
    def scored(self) -> tuple[Drawn, ...]:
        """The sets of pictures that have a fidelity."""
        return tuple(one for one in self.drawn if one.fastest.fidelity_score is not None)


def contents(measured: Sequence[Measurement], names: Sequence[str]) -> tuple[Content, ...]:
    """The contents of a run, in the order of the plan.

    Args:
        measured: The run's measurements; those whose settings are not known take no part.
        names: The knobs that they differ in.
    """
    setting_apart = with_effect(names, Effect.CONTENT)
    groups: dict[str, list[Measurement]] = {}
    for m in measured:
        if m.knobs:
            asked = {name: m.knobs[name] for name in setting_apart if name in m.knobs}
            groups.setdefault(canonical_json(asked), []).append(m)
    return tuple(_content(group, setting_apart) for group in groups.values())


def with_effect(names: Sequence[str], *effects: Effect) -> list[str]:
    """Of these knobs, the ones that have such an effect on the picture."""
    return [name for name in names if name in KNOBS and KNOBS[name].effect in effects]


def _content(group: Sequence[Measurement], setting_apart: Sequence[str]) -> Content:
    drawn: dict[str, list[Measurement]] = {}
    for m in group:
        if m.fidelity.subjects:
            drawn.setdefault(m.fidelity.measured_with or m.key, []).append(m)
    return Content(
        title=settings(group[0].knobs, setting_apart) if setting_apart else "",
        measured=tuple(group),
        drawn=tuple(Drawn(tuple(sorted(same, key=by_latency))) for same in drawn.values()),
        reference=next((m.fidelity.reference for m in group if m.fidelity.reference), None),
    )
