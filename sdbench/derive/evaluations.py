"""How often a scheduler has the denoiser evaluated in so many steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sdbench.derive.observation import Observation


class Evaluations:
    """What measured calls tell of the evaluations of others with the same scheduler.

    All of diffusers' schedulers take ``a * steps + b`` of them: once a step, twice but for the last
    one (second order), or some more at the beginning.

    Args:
        observations: What was measured.
    """

    def __init__(self, observations: Iterable[Observation]) -> None:
        self._seen: dict[str, dict[int, int]] = {}
        for one in observations:
            self._seen.setdefault(one.loop, {})[one.steps] = one.evaluations

    def of(self, loop: str, steps: int) -> int | None:
        """Evaluations in so many steps; None where nothing with this scheduler was measured."""
        seen = self._seen.get(loop)
        if not seen:
            return None
        if steps in seen:
            return seen[steps]
        return max(1, round(_extended(seen, steps)))


def _extended(seen: Mapping[int, int], steps: int) -> float:
    """The line through the least and the most steps that were seen.

    Of a single number of steps the excess tells: less than half of it is added once, more is taken
    in each step.
    """
    least, most = min(seen), max(seen)
    if least == most:
        excess = seen[least] - least
        return steps + excess if abs(excess) < least / 2 else seen[least] / least * steps
    slope = (seen[most] - seen[least]) / (most - least)
    return seen[least] + slope * (steps - least)
