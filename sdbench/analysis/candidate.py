"""A set of rungs that may make a configuration fit."""

from __future__ import annotations

from dataclasses import dataclass

from sdbench.analysis.rungs import VAE_STAGES, Rung, RungName
from sdbench.jsontypes import JsonValue
from sdbench.suite.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Candidate:
    """A set of rungs, at most one of each dimension.

    Attributes:
        wanted: The configuration without them.
        rungs: The rungs; none of them is the wanted configuration itself.
    """

    wanted: Configuration
    rungs: tuple[Rung, ...] = ()

    @property
    def change(self) -> dict[str, JsonValue]:
        """The knobs that they turn."""
        return {name: value for rung in self.rungs for name, value in rung.change.items()}

    @property
    def configuration(self) -> Configuration:
        """What is run."""
        return Configuration({**self.wanted.knobs, **self.change})

    @property
    def names(self) -> frozenset[RungName]:
        """What tells it from other sets for the same configuration."""
        return frozenset(rung.name for rung in self.rungs)

    @property
    def loss(self) -> float:
        """What all rungs together are expected to cost."""
        return sum(rung.loss for rung in self.rungs)

    @property
    def strength(self) -> int:
        """Levels of all rungs together."""
        return sum(self.levels(None).values())

    @property
    def is_possible(self) -> bool:
        """Whether the rungs go together: one image cannot be decoded image by image."""
        change = self.change
        return not (change.get("batch_size") == 1 and change.get("vae_slicing") == "on")

    def levels(self, stage: str | None) -> dict[str, int]:
        """The level in each dimension of those rungs that lower the peak within a stage."""
        found = {rung.dimension: rung.level for rung in self.rungs if rung.lowers(stage)}
        if self.change.get("batch_size") == 1 and (stage is None or stage in VAE_STAGES):
            found["vae_slicing"] = 1  # one image is decoded image by image as it is
        return found
