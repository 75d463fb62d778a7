"""Leads a search for what fits: is told what was measured, and says what to run next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sdbench.analysis.candidate import Candidate
from sdbench.analysis.demand import half_dtype
from sdbench.analysis.ladder import Search
from sdbench.analysis.ladder_step import TOO_LARGE, Step
from sdbench.analysis.rungs import Surroundings
from sdbench.jsontypes import JsonValue
from sdbench.results.prediction import Prediction
from sdbench.results.record import Record
from sdbench.suite.configuration import Configuration

_FIRST_WITH_BF16 = 8
"""Major compute capability of the first NVIDIA GPUs that compute in bfloat16 (Ampere)."""


class Climb:
    """One search from beginning to end.

    Args:
        wanted: The configuration that should fit.
        swept: All configurations of the suite, for the half precision that it sweeps.
        limit_bytes: What it should fit into.
    """

    def __init__(
        self, wanted: Configuration, swept: Sequence[Configuration], limit_bytes: int
    ) -> None:
        self._half_dtype = half_dtype(swept)
        self.search = Search(wanted, Surroundings("cpu", half_dtype=self._half_dtype), limit_bytes)
        self._running: Candidate | None = None

    def begin(self, torch_device: str, fingerprint: Mapping[str, JsonValue]) -> None:
        """Takes what the worker tells of its device."""
        around = Surroundings(torch_device, _has_bf16(fingerprint), self._half_dtype)
        self.search = Search(self.search.wanted, around, self.search.limit_bytes)

    def candidates(self) -> list[Configuration]:
        """All that may be run, the least expected loss first."""
        return [candidate.configuration for candidate in self.search.candidates()]

    def expect(self, predictions: Mapping[str, Prediction]) -> None:
        """Takes predictions by key."""
        self.search = self.search.predicted(predictions)

    def next(self) -> Configuration | None:
        """What to run next, or None at the end of the search."""
        self._running = self.search.next
        return self._running.configuration if self._running else None

    def tell(self, record: Record) -> None:
        """Takes what became of it."""
        assert self._running is not None
        self.search = self.search.told(self._running, record)

    def answer(self) -> Record | None:
        """The record of what fits with the least loss, or None without an answer."""
        answer = self.search.answer
        return answer.record if answer else None

    def tell_judged(self, record: Record) -> None:
        """Takes that record again, with its fidelity."""
        self.search = self.search.told_again(record)

    def follow_up(self) -> list[Configuration]:
        """What to measure without the limit, so that the answer can be told with figures.

        Where something fits: what was wanted, and each rung alone, under the same conditions; also
        those that were run under the limit, since a machine may be busier then. Where nothing does:
        what came nearest and the strongest set, for how much is missing.
        """
        answer = self.search.answer
        if answer is None:
            nearest = nearest_miss(self.search)
            if nearest is None:
                return []
            asked = (nearest.candidate, self.search.strongest)
            found = {one.configuration.key: one.configuration for one in asked if one is not None}
            return list(found.values())
        if not answer.candidate.rungs:
            return []
        alone = [Candidate(self.search.wanted, (rung,)) for rung in answer.candidate.rungs]
        return [one.configuration for one in (Candidate(self.search.wanted), *alone)]


def nearest_miss(search: Search) -> Step | None:
    """The step with the smallest known peak among those too large; else the strongest of them."""
    missed = [step for step in search.steps if step.verdict in TOO_LARGE]
    known = [step for step in missed if step.peak_allocated_bytes.value is not None]
    if known and len(known) == len(missed):
        return min(known, key=lambda step: step.peak_allocated_bytes.value or 0)
    return max(missed, key=lambda step: step.candidate.strength, default=None)


def _has_bf16(fingerprint: Mapping[str, JsonValue]) -> bool:
    """Whether a GPU has bfloat16, as far as its compute capability tells; others have it."""
    capability = fingerprint.get("compute_capability")
    if not isinstance(capability, str):
        return True
    return int(capability.partition(".")[0]) >= _FIRST_WITH_BF16
