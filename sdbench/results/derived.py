"""What is told of a configuration that was not measured, from others that were."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedLatency:
    """The latency of a configuration, from measured ones that share its terms.

    Attributes:
        call_s: Seconds of one call.
        low_s: Lower end of the interval in which a measurement of it would lie.
        high_s: Upper end.
        confidence: Confidence of the interval (1.0 = 100 %).
        images_per_call: Images that one call draws.
        stages_s: Seconds of each stage in one call; they sum up to ``call_s``.
        denoiser_evaluations: Evaluations of the denoiser in one call.
        sources: Measured configurations that it rests on.
        basis: Where its terms come from, in a sentence.

    Raises:
        ValueError: The interval does not hold the value, or is not finite and above 0.
    """

    call_s: float
    low_s: float
    high_s: float
    confidence: float
    images_per_call: int
    stages_s: Mapping[str, float] = field(default_factory=dict)
    denoiser_evaluations: int | None = None
    sources: int
    basis: str

    def __post_init__(self) -> None:
        if not 0 < self.low_s <= self.call_s <= self.high_s < math.inf:
            raise ValueError(
                f"a latency lies within its interval: {self.low_s} to {self.high_s} does not hold "
                f"{self.call_s}"
            )
