"""Which rungs to try next, so that what fits is found with the least loss.

Sets of rungs are tried in the order of their expected loss, until `PATIENCE` is at an end. A set
that runs out of memory rules out all sets that lower the peak of the stage where it ran out by no
more than it does; so a rung that does not touch this stage is never tried alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sdbench.analysis.candidate import Candidate
from sdbench.analysis.ladder_step import Step, Verdict, verdict_of
from sdbench.analysis.rungs import Rung, RungName, Surroundings, rungs
from sdbench.results.prediction import Fit, Prediction
from sdbench.results.record import Record
from sdbench.suite.configuration import Configuration

PATIENCE = 6
"""Sets that may run out of memory one after the other, in the order of their expected loss.

Then it is asked whether any fits, by the strongest set of rungs; and if one does, the middle one of
those that would lose less is run next, which halves what is left where it fits too.
"""


@dataclass(frozen=True, slots=True)
class Search:
    """The search as far as it has come: a value, which each step makes another of.

    Attributes:
        wanted: The configuration that should fit.
        around: What is known of the device.
        limit_bytes: What it should fit into.
        steps: What was tried, in order.
        predictions: Predictions of candidates by key.
    """

    wanted: Configuration
    around: Surroundings
    limit_bytes: int
    steps: tuple[Step, ...] = ()
    predictions: Mapping[str, Prediction] = field(default_factory=dict)

    @property
    def best(self) -> Step | None:
        """Of what fits the step with the least expected loss; None where nothing was seen to."""
        fitting = [step for step in self.steps if step.verdict is Verdict.FITS]
        return min(fitting, key=lambda step: step.candidate.loss, default=None)

    @property
    def answer(self) -> Step | None:
        """The best step, once nothing is left that would lose less; None before, and without."""
        return self.best if not self._worthwhile() else None

    @property
    def next(self) -> Candidate | None:
        """What to run next; None where there is an answer, or nothing left to try."""
        left = self._worthwhile()
        if not left:
            return None
        ran_out = [step for step in self.steps if step.verdict is Verdict.OUT_OF_MEMORY]
        if len(ran_out) < PATIENCE:
            return left[0]
        if self.best is None:
            return max(self._apt(left), key=lambda one: (one.strength, -one.loss))
        return left[len(left) // 2]

    @property
    def strongest(self) -> Candidate | None:
        """The set that needs the least memory of all that can be taken here, tried or not.

        VAE tiling is part of it only where it was seen to work: most pictures have one tile.
        """
        refused, proven = self._refused(), self._proven()
        possible = [
            candidate
            for candidate in self.candidates()
            if refused.isdisjoint(candidate.names)
            and all(
                rung.dimension != "vae_tiling" or rung.name in proven for rung in candidate.rungs
            )
            and not any(
                step.verdict is Verdict.UNSUPPORTED and step.rules_out(candidate)
                for step in self.steps
            )
        ]
        return max(possible, key=lambda one: (one.strength, -one.loss), default=None)

    def candidates(self) -> list[Candidate]:
        """Every set of rungs, by rising expected loss, the fewest rungs first."""
        by_dimension: dict[str, list[Rung]] = {}
        for rung in rungs(self.wanted, self.around):
            by_dimension.setdefault(rung.dimension, []).append(rung)
        choices: Iterable[tuple[Rung | None, ...]] = itertools.product(
            *([None, *group] for group in by_dimension.values())
        )
        sets = (
            Candidate(self.wanted, tuple(rung for rung in chosen if rung is not None))
            for chosen in choices
        )
        possible = [candidate for candidate in sets if candidate.is_possible]
        return sorted(possible, key=lambda one: (one.loss, len(one.rungs)))

    def predicted(self, predictions: Mapping[str, Prediction]) -> Search:
        """The same search with predictions by key for what may be run.

        What is predicted not to fit will not be run. The wanted configuration itself is: what it
        needs, and where, is worth knowing.
        """
        return replace(self, predictions={**self.predictions, **predictions})

    def told(self, candidate: Candidate, record: Record) -> Search:
        """The search after a set was run."""
        key = candidate.configuration.key
        step = Step(
            candidate, verdict_of(record, self.limit_bytes), record, self.predictions.get(key)
        )
        return replace(
            self, steps=(*self.steps, step), around=_learned(self.around, record)
        )._without_predicted()

    def told_again(self, record: Record) -> Search:
        """The search with a record in place of the earlier one of the same configuration."""
        steps = tuple(
            replace(step, record=record)
            if step.record is not None and step.record.key == record.key
            else step
            for step in self.steps
        )
        return replace(self, steps=steps)

    def _without_predicted(self) -> Search:
        """Steps over what is predicted not to fit, and would be next."""
        search = self
        while (following := search.next) is not None:
            prediction = search.predictions.get(following.configuration.key)
            if prediction is None or prediction.verdict is not Fit.DOES_NOT_FIT:
                break
            step = Step(following, Verdict.PREDICTED_NOT_TO_FIT, None, prediction)
            search = replace(search, steps=(*search.steps, step))
        return search

    def _worthwhile(self) -> list[Candidate]:
        """What may fit and would lose less than the best that does, by rising expected loss.

        Nothing, where what is wanted fails for another reason than memory.
        """
        if self.steps and self.steps[0].verdict is Verdict.FAILED:
            return []
        least = self.best.candidate.loss if self.best else math.inf
        return [candidate for candidate in self._open() if candidate.loss < least]

    def _open(self) -> list[Candidate]:
        """What was neither tried nor ruled out, by rising expected loss."""
        tried = {step.candidate.names for step in self.steps}
        refused = self._refused()
        return [
            candidate
            for candidate in self.candidates()
            if candidate.names not in tried
            and refused.isdisjoint(candidate.names)
            and not any(step.rules_out(candidate) for step in self.steps)
        ]

    def _refused(self) -> set[RungName]:
        """Rungs that cannot be taken here: what is left to blame for an unsupported set.

        Those that went through a first call in another set are not to blame, nor is a batch size.
        """
        proven = self._proven()
        refused: set[RungName] = set()
        for step in self.steps:
            if step.verdict is Verdict.UNSUPPORTED:
                suspects = {
                    rung.name
                    for rung in step.candidate.rungs
                    if rung.dimension != "batch_size" and rung.name not in proven
                }
                refused |= suspects if len(suspects) == 1 else set()
        return refused

    def _proven(self) -> set[RungName]:
        """Rungs that went through a first call, after which each setting is verified."""
        return {
            rung.name
            for step in self.steps
            if step.verdict in (Verdict.FITS, Verdict.OUT_OF_MEMORY)
            and step.record is not None
            and step.record.first_call_s is not None
            for rung in step.candidate.rungs
        }

    def _apt(self, left: Sequence[Candidate]) -> Sequence[Candidate]:
        """Of some candidates those without rungs for stages that never ran out of memory.

        Such rungs could only spoil an attempt, by being unsupported.
        """
        stages = {step.stage for step in self.steps if step.verdict is Verdict.OUT_OF_MEMORY}
        apt = [
            candidate
            for candidate in left
            if all(any(rung.lowers(stage) for stage in stages) for rung in candidate.rungs)
        ]
        return apt or left


def _learned(around: Surroundings, record: Record) -> Surroundings:
    """What a record adds to what is known: plain attention, and fragmentation."""
    told = record.out_of_memory
    gaps_bytes = (told.reserved_unallocated_bytes or 0) if told else 0
    wasted = told is not None and (
        told.suggests_expandable_segments
        or (told.requested_bytes is not None and gaps_bytes >= told.requested_bytes)
    )
    return replace(
        around,
        has_plain_attention=around.has_plain_attention or _has_plain_attention(record),
        is_fragmented=around.is_fragmented or wasted,
    )


def _has_plain_attention(record: Record) -> bool:
    """Whether the denoiser was seen to run diffusers' plain attention processors."""
    seen = record.effective.get("attention_processors")
    if not isinstance(seen, Mapping):
        return False
    denoiser = seen.get("unet") or seen.get("transformer") or {}
    return any(name in ("AttnProcessor", "AttnAddedKVProcessor") for name in denoiser)
