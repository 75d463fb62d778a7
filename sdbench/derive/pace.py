"""How fast the machine ran while a configuration was measured, by the stages that all share.

On a machine that others use too, all stages of a call take longer at times. Those that are passed
once (encoding the text, decoding the picture) do the same work in all configurations of a cell: how
long they took beside the cell's median says how fast the machine ran, and how much of that concerns
the denoiser is learnt from all cells. Such a control variate (B. L. Nelson, "Control variate
remedies", Operations Research 38, 1990) takes out of what was measured what the machine did, and
leaves what the configuration costs. Where the two have nothing in common, nothing is taken out.

What a call waited for a processor is known. Before that it is put at what is usual in the run.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from sdbench.derive.observation import DENOISER, Observation

MOST_ELASTICITY = 2.0
"""Change of the denoiser's logarithm for one of the shared stages', at most."""


class UsualPace:
    """Learnt from what was measured; puts observations at the pace that is usual in their cell.

    Args:
        observations: What was measured.
    """

    def __init__(self, observations: Iterable[Observation]) -> None:
        seen = tuple(observations)
        self._usual_waited_ratio = median(one.waited_ratio for one in seen) if seen else 0.0
        by_cell: dict[str, list[Observation]] = defaultdict(list)
        for one in seen:
            if one.shared_s > 0:
                by_cell[one.cell].append(one.waiting(self._usual_waited_ratio))
        self._usual_log = {
            cell: median(math.log(one.shared_s) for one in some)
            for cell, some in by_cell.items()
            if len(some) > 1
        }
        self._elasticity = self._learnt(by_cell)

    def usual(self, observation: Observation) -> Observation:
        """The observation as it would be at the usual pace; the same where nothing tells that."""
        observation = observation.waiting(self._usual_waited_ratio)
        log_shared = self._log_shared(observation)
        if not log_shared:
            return observation
        once = observation.fixed_s
        others = math.exp(-self._elasticity * log_shared)
        return observation.scaled(
            {
                name: math.exp(-log_shared) if name in once else others
                for name in observation.stages_s
            }
        )

    def _log_shared(self, observation: Observation) -> float:
        """Logarithm of how many times as long as usual the shared stages took; 0.0 if unknown."""
        usual_log = self._usual_log.get(observation.cell)
        if usual_log is None or observation.shared_s <= 0:
            return 0.0
        return math.log(observation.shared_s) - usual_log

    def _learnt(self, by_cell: dict[str, list[Observation]]) -> float:
        """The slope of one evaluation's logarithm over the shared stages', within cells."""
        common = square = 0.0
        for cell in self._usual_log:
            passes = [(self._log_shared(one), one) for one in by_cell[cell] if one.stage(DENOISER)]
            if not passes:
                continue
            logs = [math.log(one.stage(DENOISER) / one.evaluations) for _, one in passes]
            usual = median(logs)
            common += math.fsum(
                log_shared * (log - usual)
                for (log_shared, _), log in zip(passes, logs, strict=True)
            )
            square += math.fsum(log_shared**2 for log_shared, _ in passes)
        return min(max(common / square, 0.0), MOST_ELASTICITY) if square else 0.0
