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
        """Evaluations in so many steps; None where what was measured does not tell."""
        seen = self._seen.get(loop, {})
        return seen[steps] if steps in seen else _extended(seen, steps)


def _extended(seen: Mapping[int, int], steps: int) -> int | None:
    """What follows from others: ``a * steps + b`` with whole numbers; None where that is not sure.

    A single number of steps tells it where each step took one evaluation. What is no such line is
    not told: pipelines that run a share of the steps (``strength``) round in their own way.
    """
    if not seen:
        return None
    least, most = min(seen), max(seen)
    if least == most:
        return steps if seen[least] == least > 1 else None
    slope, rest = divmod(seen[most] - seen[least], most - least)
    start = seen[least] - slope * least
    is_line = all(count == start + slope * one for one, count in seen.items())
    if rest or not is_line or slope < 1 or start <= -slope:
        return None
    return start + slope * steps
