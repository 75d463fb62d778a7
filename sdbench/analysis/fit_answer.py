"""What a search for settings that fit has found: the answer, and what each rung saves and costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sdbench.analysis.candidate import Candidate
from sdbench.analysis.climb import nearest_miss
from sdbench.analysis.ladder import Search
from sdbench.analysis.ladder_step import Step
from sdbench.analysis.measurement import Measurement, measurement_of
from sdbench.analysis.rungs import Rung
from sdbench.results.figure import Figure, Origin
from sdbench.results.record import Record, Status

SCHEMA = 1
"""Version of the JSON form."""

_NOT_RUN_ALONE = "it was not measured alone"
_NOT_ASKED = "nothing was measured without the limit"
_NOTHING_TO_COMPARE = "what was wanted could not be measured, with or without the limit"
_MEASURED = (Status.OK, Status.UNSTABLE)


@dataclass(frozen=True, slots=True)
class Gain:
    """What one rung alone saves and costs, against what was wanted.

    Attributes:
        rung: The rung.
        saved_bytes: Peak allocated bytes that it saves.
        latency_ratio: Seconds an image, as a multiple; where it was not measured, what is expected.
        is_tie: Whether the intervals of the two latencies overlap; None where not measured.
        fidelity: Fidelity with the rung, or None where not known.
        fidelity_without: Fidelity of what was wanted, or None where not known.
    """

    rung: Rung
    saved_bytes: Figure
    latency_ratio: Figure
    is_tie: bool | None = None
    fidelity: float | None = None
    fidelity_without: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The gain as programs read it."""
        return {
            "change": dict(self.rung.change),
            "reason": self.rung.reason,
            "saved_bytes": _figure(self.saved_bytes),
            "latency_ratio": _figure(self.latency_ratio),
            "latency_is_tie": self.is_tie,
            "fidelity": self.fidelity,
            "fidelity_without": self.fidelity_without,
        }


@dataclass(frozen=True, slots=True)
class Miss:
    """What came nearest where nothing fits.

    Attributes:
        candidate: The set of rungs.
        peak_bytes: Its peak, or what it needed at least.
        is_lower_bound: Whether it needs more than that.
        missing_bytes: By how much that exceeds the limit.
    """

    candidate: Candidate
    peak_bytes: Figure
    is_lower_bound: bool
    missing_bytes: int | None


@dataclass(frozen=True, slots=True)
class FitAnswer:
    """What was found.

    Attributes:
        device: Name of the device.
        search: The search.
        accepted: The step that fits with the least expected loss, or None.
        gains: What each of its rungs alone saves and costs.
        miss: What came nearest, or None where something fits or nothing was too large.
        code: Python that applies the answer, or None without one.
        folder: The run that holds the records.
        stopped: Why the search ended early, or None where it did not.
    """

    device: str
    search: Search
    accepted: Step | None
    gains: tuple[Gain, ...]
    miss: Miss | None
    code: str | None
    folder: str
    stopped: str | None = None

    @property
    def measurement(self) -> Measurement | None:
        """What was measured of the answer under the limit."""
        record = self.accepted.record if self.accepted else None
        return measurement_of(record) if record else None

    def to_json(self) -> dict[str, Any]:
        """The answer as programs read it."""
        accepted, miss = self.accepted, self.miss
        return {
            "schema": SCHEMA,
            "device": self.device,
            "limit_bytes": self.search.limit_bytes,
            "fits": accepted is not None,
            "wanted": _configuration(Candidate(self.search.wanted)),
            "configuration": _configuration(accepted.candidate) if accepted else None,
            "knobs": dict(accepted.candidate.configuration.knobs) if accepted else None,
            "changes": accepted.candidate.change if accepted else None,
            "figures": _figures(accepted) if accepted else None,
            "rungs": [gain.to_json() for gain in self.gains],
            "steps": [
                {
                    "key": step.candidate.configuration.key,
                    "changes": step.candidate.change,
                    "expected_loss": step.candidate.loss,
                    "verdict": step.verdict.value,
                    "stage": step.stage,
                    "reason": step.record.reason if step.record else None,
                    **_figures(step),
                }
                for step in self.search.steps
            ],
            "nearest_miss": {
                **_configuration(miss.candidate),
                "changes": miss.candidate.change,
                "peak_allocated_bytes": _figure(miss.peak_bytes),
                "is_lower_bound": miss.is_lower_bound,
                "missing_bytes": miss.missing_bytes,
            }
            if miss
            else None,
            "code": self.code,
            "results": self.folder,
            "stopped": self.stopped,
        }


def fit_answer(
    search: Search,
    unlimited: Mapping[str, Record],
    device: str,
    folder: str,
    code: str | None,
    stopped: str | None = None,
) -> FitAnswer:
    """The answer of a search that has ended.

    Args:
        search: The search.
        unlimited: What was measured without the limit, by key.
        device: Name of the device.
        folder: The run that holds the records.
        code: Python that applies the answer.
        stopped: Why the search ended early, or None where it did not.
    """
    accepted = search.answer
    given_up = accepted.candidate.rungs if accepted else ()
    gains = [_gain(search, rung, unlimited) for rung in given_up]
    miss = None if accepted else _miss(search, unlimited)
    return FitAnswer(device, search, accepted, tuple(gains), miss, code, folder, stopped)


def needed_bytes(step: Step) -> int | None:
    """What a set that ran out of memory needed at least: what it had, and what it asked for."""
    told = step.record.out_of_memory if step.record else None
    if told is None or told.allocated_bytes is None:
        return None
    return told.allocated_bytes + (told.requested_bytes or 0)


def _gain(search: Search, rung: Rung, unlimited: Mapping[str, Record]) -> Gain:
    wanted = Candidate(search.wanted)
    alone = Candidate(search.wanted, (rung,))
    before, after = (_measured(search, one, unlimited) for one in (wanted, alone))
    saved = _saved(search, wanted, alone, unlimited)
    expected = Figure(rung.latency_factor, Origin.PREDICTED, "expected of such a rung")
    latencies = [m.latency_per_image if m else None for m in (before, after)]
    if latencies[0] is None or latencies[1] is None:
        return Gain(rung, saved, expected)
    assert before is not None and after is not None
    return Gain(
        rung,
        saved,
        Figure.measured(latencies[1].point / latencies[0].point),
        is_tie=latencies[1].overlaps(latencies[0]),
        fidelity=after.fidelity_score,
        fidelity_without=before.fidelity_score,
    )


def _saved(
    search: Search, wanted: Candidate, alone: Candidate, unlimited: Mapping[str, Record]
) -> Figure:
    """What a rung saves: measured, or else predicted."""
    measured = [_measured(search, one, unlimited) for one in (wanted, alone)]
    peaks = [m.peak_allocated_bytes if m else None for m in measured]
    if peaks[0] is not None and peaks[1] is not None:
        return Figure.measured(peaks[0] - peaks[1])
    predictions = [search.predictions.get(one.configuration.key) for one in (wanted, alone)]
    expected = [p.peak_allocated_bytes.value if p else None for p in predictions]
    if expected[0] is not None and expected[1] is not None:
        return Figure(expected[0] - expected[1], Origin.PREDICTED)
    if wanted.configuration.key not in unlimited:
        return Figure.absent(_NOT_ASKED)
    return Figure.absent(_NOTHING_TO_COMPARE if measured[0] is None else _NOT_RUN_ALONE)


def _measured(
    search: Search, candidate: Candidate, unlimited: Mapping[str, Record]
) -> Measurement | None:
    """What was measured of a set, without the limit or, where it fitted, under it."""
    key = candidate.configuration.key
    record = unlimited.get(key)
    if record is None or record.status not in _MEASURED:
        under_limit = {step.candidate.configuration.key: step.record for step in search.steps}
        record = under_limit.get(key)
    return measurement_of(record) if record and record.status in _MEASURED else None


def _miss(search: Search, unlimited: Mapping[str, Record]) -> Miss | None:
    """Of what was measured without the limit the least peak; else what is known of the nearest."""
    step = nearest_miss(search)
    if step is None:
        return None
    limit = search.limit_bytes
    measured = [
        (m.peak_allocated_bytes, candidate)
        for candidate in (search.strongest, step.candidate)
        if candidate is not None
        and (m := _measured(search, candidate, unlimited)) is not None
        and m.peak_allocated_bytes is not None
    ]
    if measured:
        peak_bytes, candidate = min(measured, key=lambda pair: pair[0])
        return Miss(candidate, Figure.measured(peak_bytes), False, max(0, peak_bytes - limit))
    peak = step.peak_allocated_bytes
    if peak.value is not None:
        return Miss(step.candidate, peak, False, max(0, int(peak.value) - limit))
    least = needed_bytes(step)
    if least is None:
        return Miss(step.candidate, peak, False, None)
    return Miss(step.candidate, Figure(least, Origin.DERIVED), True, max(0, least - limit))


def _configuration(candidate: Candidate) -> dict[str, Any]:
    configuration = candidate.configuration
    return {"key": configuration.key, "knobs": dict(configuration.knobs)}


def _figures(step: Step) -> dict[str, Any]:
    m = measurement_of(step.record) if step.record else None
    return {
        "peak_allocated_bytes": _figure(step.peak_allocated_bytes),
        "needed_at_least_bytes": needed_bytes(step),
        "latency_per_image_s": m.latency_per_image.point if m and m.latency_per_image else None,
        "latency_p95_s": m.p95_s if m else None,
        "fidelity": m.fidelity_score if m else None,
        "is_measured": step.record is not None,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "value": figure.value,
        "origin": figure.origin.value if figure.origin else None,
        "reason": figure.reason,
    }
