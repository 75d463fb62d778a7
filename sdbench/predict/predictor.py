"""Predicts many configurations, and traces as few of them as that takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from sdbench.errors import SdbenchError
from sdbench.jsontypes import JsonValue
from sdbench.knobs.base import Unsupported
from sdbench.predict.footprint import Footprint
from sdbench.predict.memory_knobs import group_key, memory_knobs
from sdbench.suite.configuration import Configuration


class Estimator(Protocol):
    """Knows what a configuration needs of the device that is predicted for."""

    def footprints(
        self, knobs: Mapping[str, JsonValue], batch_sizes: Sequence[int]
    ) -> Mapping[int, Footprint]:
        """What a configuration needs at each batch size.

        Args:
            knobs: One value for every knob.
            batch_sizes: In place of the knob's value; in rising order, each once.

        Raises:
            Unsupported: A knob cannot be turned to its value, or its effect on memory is unknown.
            SdbenchError: The pipeline cannot be loaded.
        """


def predict(
    configurations: Sequence[Configuration], estimator: Estimator
) -> Iterator[tuple[int, Footprint]]:
    """For each configuration its place and what it needs, as soon as it is known.

    What cannot be predicted costs the figures of those that differ from it in nothing but the
    batch size.
    """
    groups: dict[str, dict[int, list[int]]] = {}
    for index, configuration in enumerate(configurations):
        batch: Any = configuration.knobs["batch_size"]
        groups.setdefault(group_key(configuration), {}).setdefault(batch, []).append(index)
    for places in groups.values():
        some = configurations[next(iter(places.values()))[0]]
        found = _group(memory_knobs(some), sorted(places), estimator)
        for batch, indices in places.items():
            for index in indices:
                yield index, found[batch]


def _group(
    knobs: Mapping[str, JsonValue], batch_sizes: Sequence[int], estimator: Estimator
) -> Mapping[int, Footprint]:
    try:
        return estimator.footprints(knobs, batch_sizes)
    except Exception as error:
        # A failure may be of the smallest batch alone: slicing has nothing to cut of one image.
        if isinstance(error, Unsupported) and len(batch_sizes) > 1:
            return {
                **_group(knobs, batch_sizes[:1], estimator),
                **_group(knobs, batch_sizes[1:], estimator),
            }
        return dict.fromkeys(batch_sizes, _failed(error))


def _failed(error: Exception) -> Footprint:
    if isinstance(error, Unsupported):
        return Footprint.absent(str(error), is_lasting=True)
    if isinstance(error, SdbenchError):
        return Footprint.absent(str(error), is_lasting=False)
    return Footprint.absent(f"{type(error).__name__}: {error}", is_lasting=False)
