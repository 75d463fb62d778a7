"""How many fresh pairs a suspect gets: as many as the noise asks for, whatever they show.

Pairs are added for precision, never for significance: to stop at the first significant result
makes false alarms of chance.
"""

from __future__ import annotations

import math

from sdbench.compare.effect import Effect, detectable_at, half_width_of, usual_error


def is_precise(effect: Effect | None, margin: float) -> bool:
    """Whether an interval is so narrow that more pairs would tell little more."""
    return effect is not None and math.log(effect.high / effect.ratio) <= math.log1p(margin)


def detectable_by_fresh_pairs(
    screened: Effect, margin: float, alpha: float, least: int, most: int
) -> float:
    """The smallest slowdown that would have been found of a configuration that was no suspect.

    It would have become one, and got fresh pairs with this noise.

    Args:
        screened: What the first look showed; its noise counts, not its size.
        margin: Changes up to this are no regression.
        alpha: Chance of a false alarm that one test may use up.
        least: Fresh pairs that a suspect gets at least.
        most: Fresh pairs that it gets at most.
    """
    spread = usual_error(screened.log_error, screened.degrees) * math.sqrt(screened.units)
    count = least
    while count < most and half_width_of(spread, count, least - 1) > math.log1p(margin):
        count += 2
    return detectable_at(spread / math.sqrt(count), least - 1, margin, alpha)
