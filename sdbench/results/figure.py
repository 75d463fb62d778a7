"""A figure, with where it comes from or why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


class Origin(str, Enum):
    """Where a figure comes from."""

    MEASURED = "measured"
    INFERRED = "inferred"
    PREDICTED = "predicted"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its origin, or the reason why there is none.

    Attributes:
        value: The value in the unit that the field's name carries, or None.
        origin: Where the value comes from; None where there is none.
        reason: Why there is no value, or a remark on the one there is.

    Raises:
        ValueError: The value is not finite, has no origin, or is absent without a reason.
    """

    value: float | int | None
    origin: Origin | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.value is None:
            if self.origin is not None or not self.reason:
                raise ValueError("a figure without a value has a reason, and no origin")
        elif self.origin is None:
            raise ValueError("a figure with a value has an origin")
        elif not math.isfinite(self.value):
            raise ValueError(f"a figure is finite or absent, not {self.value}")

    @classmethod
    def measured(cls, value: float | int, remark: str | None = None) -> Figure:
        """A figure that was measured."""
        return cls(value, Origin.MEASURED, remark)

    @classmethod
    def absent(cls, reason: str) -> Figure:
        """No figure, and why."""
        return cls(None, None, reason)
