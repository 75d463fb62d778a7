"""One value for every knob, and the key that names it on any machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sdbench.jsontypes import JsonValue, canonical_json
from sdbench.knobs.base import Cost, Effect
from sdbench.knobs.registry import KNOBS, neutral_values

_KEY_HEX_DIGITS = 12
"""48 bits: among 100,000 configurations two share a key with a chance of about 2e-5."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One value for every knob.

    Attributes:
        knobs: The values by knob, in the order of the registry.
    """

    knobs: Mapping[str, JsonValue]

    @classmethod
    def of(cls, values: Mapping[str, JsonValue]) -> Configuration:
        """The configuration of these canonical values, neutral wherever none is given."""
        return cls({**neutral_values(), **values})

    @property
    def key(self) -> str:
        """Hexadecimal name, equal for equal configurations, blind to neutral values."""
        turned = {name: value for name, value in self.knobs.items() if value != KNOBS[name].neutral}
        digest = hashlib.sha256(canonical_json(turned).encode()).hexdigest()
        return digest[:_KEY_HEX_DIGITS]

    @property
    def content_key(self) -> str:
        """Equal for configurations that are asked for the same picture."""
        return canonical_json(self.effect_part(Effect.CONTENT))

    def effect_part(self, *effects: Effect) -> dict[str, JsonValue]:
        """The values of the knobs of some effects on the picture."""
        return {name: value for name, value in self.knobs.items() if KNOBS[name].effect in effects}

    def part(self, cost: Cost) -> dict[str, JsonValue]:
        """The values of the knobs of one cost."""
        return {name: value for name, value in self.knobs.items() if KNOBS[name].cost is cost}
