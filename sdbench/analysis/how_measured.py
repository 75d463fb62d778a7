"""How a run came to its figures: what was measured, what follows from that, what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import count, joined
from sdbench.results.plan_file import STAGED
from sdbench.results.store import Run
from sdbench.results.table import DERIVED, INFERRED_OOM, MISSING, RULED_OUT
from sdbench.units import format_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class HowMeasured:
    """How much of a run was measured, and how sure its answer is.

    Attributes:
        total: Configurations that were planned, or measured beyond the plan.
        measured: Those that were run, however they ended.
        derived: Those whose figures follow from measured ones.
        inferred: Those that need no less memory than what ran out of it.
        ruled_out: Those that were predicted not to fit into memory.
        not_reached: Those of which nothing is known.
        budget_s: Seconds that the run was to take at most, or None.
        elapsed_s: Seconds that it took, or None where that is not known.
        is_stopped_by_budget: Whether its time was over before its plan was done.
        is_done: Whether its plan was done: not where it was cut off, by its budget or otherwise.
        remarks: How well the derived ones were told by the measured ones, in sentences.
        certainty: What the answer within the suite's limits rests on, in sentences.
    """

    total: int
    measured: int
    derived: int
    inferred: int
    ruled_out: int
    not_reached: int
    budget_s: float | None
    elapsed_s: float | None
    is_stopped_by_budget: bool
    is_done: bool
    remarks: tuple[str, ...]
    certainty: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it in sentences."""
        remarks = (_sentence(remark) for remark in self.remarks)
        return (self._counts, *remarks, *self._budget, *self.certainty)

    @property
    def _counts(self) -> str:
        told = (
            (self.derived, "derived from these"),
            (self.inferred, "inferred to run out of memory"),
            (self.ruled_out, "predicted not to fit into memory"),
            (self.not_reached, "not reached"),
        )
        verb = "was" if self.measured == 1 else "were"
        parts = [f"{self.measured} of {count(self.total, 'configuration')} {verb} measured"]
        parts += [f"{number} {words}" for number, words in told if number]
        return f"{joined(parts)}."

    @property
    def _budget(self) -> Iterator[str]:
        if not self.is_done and not self.is_stopped_by_budget:
            yield "Its plan is not done: when it goes on (--resume) the answer may change."
            return
        if self.budget_s is None:
            return
        budget = f"budget of {format_seconds(self.budget_s)}"
        if self.is_stopped_by_budget:
            yield (
                f"Its {budget} ended the run before its plan was done: with more time (--resume) "
                "the answer may change."
            )
        elif self.elapsed_s is not None:
            took = format_seconds(self.elapsed_s)
            if self.elapsed_s <= self.budget_s:
                yield f"Its plan was done after {took} of its {budget}."
            else:
                yield f"Its plan was done after {took} in all, its {budget} among them."

    def to_json(self) -> dict[str, Any]:
        """The same as programs read it."""
        return {
            "configurations": self.total,
            "measured": self.measured,
            "derived": self.derived,
            "inferred_oom": self.inferred,
            "predicted_oom": self.ruled_out,
            "not_reached": self.not_reached,
            "budget_s": self.budget_s,
            "elapsed_s": self.elapsed_s,
            "is_stopped_by_budget": self.is_stopped_by_budget,
            "is_done": self.is_done,
            "remarks": list(self.remarks),
            "certainty": list(self.certainty),
        }


def how_measured(run: Run, measured: Sequence[Measurement], advice: Advice) -> HowMeasured | None:
    """How a run came to its figures; None where all was to be measured, however long that takes.

    What is remarked of such a run, as of devices that worked side by side, is told nevertheless.

    Args:
        run: The run.
        measured: Its measurements.
        advice: Its answer.
    """
    words = [m.status_word for m in measured]
    derived, inferred = words.count(DERIVED), words.count(INFERRED_OOM)
    is_plain = run.info.plan != STAGED and run.info.budget_s is None
    if is_plain and not derived and not inferred and not run.plan_remarks:
        return None
    notes = run.plan_notes
    ruled_out, not_reached = words.count(RULED_OUT), words.count(MISSING)
    is_finished = notes is not None and notes.is_finished
    has_gaps = bool(derived or not_reached)
    return HowMeasured(
        total=len(words),
        measured=len(words) - derived - inferred - ruled_out - not_reached,
        derived=derived,
        inferred=inferred,
        ruled_out=ruled_out,
        not_reached=not_reached,
        budget_s=run.info.budget_s,
        elapsed_s=notes.elapsed_s if notes and (is_finished or has_gaps) else None,
        is_stopped_by_budget=run.is_stopped_by_budget and has_gaps,
        is_done=run.info.plan != STAGED or is_finished or not has_gaps,
        remarks=run.plan_remarks,
        certainty=tuple(_certainty(advice)),
    )


def _certainty(advice: Advice) -> Iterator[str]:
    best = advice.best
    if best.chosen is None:
        return
    if best.chosen.is_derived:
        yield "What is recommended was not measured: its latency is derived."
    elif best.chosen.confirmed_rounds:
        again = count(best.chosen.confirmed_rounds, "fresh round")
        yield f"What is recommended was measured, and again in {again}."
    else:
        yield "What is recommended was measured."
    if rivals := sum(m.is_derived for m in best.ties):
        verb = "is" if rivals == 1 else "are"
        yield f"Of its ties {rivals} {verb} derived, and may be faster or slower than it."


def _sentence(remark: str) -> str:
    text = f"{remark[:1].upper()}{remark[1:]}"
    return text if text.endswith((".", "!", "?")) else f"{text}."
