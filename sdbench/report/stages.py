"""Where the time of a call goes, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass

from sdbench.analysis.advice import Advice
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.wording import count, settings
from sdbench.results.table import stage_medians
from sdbench.units import format_seconds


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage's part of a call.

    Attributes:
        name: Name of the stage.
        duration: Median seconds in one call, as text.
        share: Share of all stages (1.0 = 100 %).
    """

    name: str
    duration: str
    share: float


@dataclass(frozen=True, slots=True)
class StageBar:
    """The stages of one configuration's call.

    Attributes:
        settings: The configuration in words.
        stages: Its stages, in the order of the record.
        evaluations: How often the denoiser was evaluated, in words; None where not recorded.
    """

    settings: str
    stages: tuple[Stage, ...]
    evaluations: str | None


def stage_bar(m: Measurement | None, advice: Advice) -> StageBar | None:
    """The stages of a measurement, or None where none was timed."""
    medians = stage_medians(m.record) if m and m.record else {}
    whole_s = sum(medians.values())
    if m is None or m.record is None or not whole_s > 0:
        return None
    evaluated = m.record.denoiser_evaluations
    return StageBar(
        settings(m.knobs, advice.names),
        tuple(
            Stage(name, format_seconds(stage_s), stage_s / whole_s)
            for name, stage_s in medians.items()
        ),
        None if evaluated is None else count(evaluated, "denoiser evaluation"),
    )
