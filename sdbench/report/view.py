"""Everything that a report shows, in words and figures, before any format is chosen."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sdbench.analysis.advice import Advice, Choice, figures, p95_text
from sdbench.analysis.feasibility import STATUS_WORDS
from sdbench.analysis.measurement import Measurement, measurements
from sdbench.analysis.reasons import work_words
from sdbench.analysis.recommend import recommend_for_run
from sdbench.analysis.wording import estimate_text, score_text, settings
from sdbench.jsontypes import canonical_json
from sdbench.report.answer import AnswerPictures, answer_pictures
from sdbench.report.chart import chart_data
from sdbench.report.contents import contents
from sdbench.report.convergence import Convergence, convergence_chart, convergences
from sdbench.report.pictures import Album
from sdbench.report.rows import Shared, TableView, table_view
from sdbench.report.stages import StageBar, stage_bar
from sdbench.report.tiles import TileGroup, tile_groups
from sdbench.results.record import Status
from sdbench.results.store import Run
from sdbench.units import format_bytes

Pairs = tuple[tuple[str, str], ...]
"""Names with what is said of them."""


@dataclass(frozen=True, slots=True)
class ChoiceView:
    """The choice for one amount of work, in words.

    Attributes:
        work: The amount of work, such as ``50 steps``.
        settings: The other settings of the chosen one, or None where none was chosen.
        latency: Seconds an image.
        p95: 95th percentile of a call.
        memory: Peak memory.
        fidelity: The fidelity's score.
        reason: Why this one, or why none.
        is_headline: Whether it is the report's answer.
    """

    work: str
    settings: str | None
    latency: str
    p95: str
    memory: str
    fidelity: str
    reason: str
    is_headline: bool


@dataclass(frozen=True, slots=True)
class StatusCount:
    """How many configurations ended in a status.

    Attributes:
        status: The status as a word.
        number: How many.
        words: What stands after the number.
    """

    status: str
    number: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """A run as any format renders it.

    Attributes:
        name: Name of the suite.
        device: Name of the device.
        run: Name of the run's folder.
        started_at: UTC time at which the run began, ISO 8601.
        advice: The answer, with its limits and reasons.
        pictures: The pictures beside the answer, or None where nothing was chosen.
        choices: The choice for each amount of work.
        ties: The headline's ties, in words with their figures.
        nearest_miss: Where nothing qualifies, the nearest miss in words with its figures.
        total: Configurations that were planned, or measured beyond the plan.
        counts: How the configurations ended, the most frequent first.
        missing: Configurations without a record; the run is incomplete where it is above zero.
        shared: What holds for all configurations, and so is said once.
        table: All configurations.
        stages: Where the time of a call goes, or None where no stage was timed.
        chart: What the scatter of latency and memory shows, as JSON.
        tiles: What the settings do to the picture, content by content.
        convergences: What more steps buy, content by content.
        convergence_chart: What the charts of that show, as JSON.
        fingerprint: What must be equal for two runs to be comparable.
        environment: Versions, command line, commit.
        protocol: How each configuration was measured.
        suite_json: The suite as resolved.
    """

    name: str
    device: str
    run: str
    started_at: str
    advice: Advice
    pictures: AnswerPictures | None
    choices: tuple[ChoiceView, ...]
    ties: tuple[str, ...]
    nearest_miss: str | None
    total: int
    counts: tuple[StatusCount, ...]
    missing: int
    shared: tuple[Shared, ...]
    table: TableView
    stages: StageBar | None
    chart: Mapping[str, Any]
    tiles: tuple[TileGroup, ...]
    convergences: tuple[Convergence, ...]
    convergence_chart: Mapping[str, Any]
    fingerprint: Pairs
    environment: Pairs
    protocol: Pairs
    suite_json: str


def report_view(run: Run) -> ReportView:
    """All that a report of a run shows."""
    advice = recommend_for_run(run)
    measured = measurements(run)
    best = advice.best
    shown = table_view(measured, advice)
    miss = best.nearest_miss
    album = Album(run.folder)
    all_contents = contents(measured, advice.names)
    converging = convergences(all_contents, advice)
    return ReportView(
        name=str(run.info.suite.get("name", "")),
        device=run.info.device,
        run=run.folder.name,
        started_at=run.info.started_at,
        advice=advice,
        pictures=answer_pictures(advice, album),
        choices=tuple(_choice(choice, advice) for choice in advice.by_work),
        ties=tuple(_described(m, advice) for m in best.ties),
        nearest_miss=_described(miss, advice) if miss else None,
        total=len(measured),
        counts=_counts(measured),
        missing=len(run.missing_keys),
        shared=shown.shared,
        table=shown,
        stages=stage_bar(best.chosen or _first_ok(measured), advice),
        chart=chart_data(measured, all_contents, advice),
        tiles=tuple(tile_groups(all_contents, advice, album)),
        convergences=converging,
        convergence_chart=convergence_chart(converging, advice),
        fingerprint=_pairs(run.info.fingerprint),
        environment=_pairs(run.info.environment),
        protocol=_pairs(run.info.suite.get("measure", {})),
        suite_json=json.dumps(asdict(run.info)["suite"], indent=2, ensure_ascii=False),
    )


def _choice(choice: Choice, advice: Advice) -> ChoiceView:
    m = choice.chosen
    others = [name for name in advice.names if name not in choice.work]
    return ChoiceView(
        work=work_words(choice.work, advice.names) or "all",
        settings=settings(m.knobs, others) if m else None,
        latency=estimate_text(m.latency_per_image) if m else "–",
        p95=p95_text(m) if m else "–",
        memory=format_bytes(m.peak_memory_bytes) if m else "–",
        fidelity=score_text(m.fidelity_score) if m else "–",
        reason=choice.reason,
        is_headline=m is not None and m is advice.best.chosen,
    )


def _described(m: Measurement, advice: Advice) -> str:
    return f"{settings(m.knobs, advice.names)}: {figures(m)}"


def _counts(measured: Sequence[Measurement]) -> tuple[StatusCount, ...]:
    counted = Counter(m.status_word for m in measured)
    words = {Status.OK.value: "measured", **STATUS_WORDS}
    return tuple(
        StatusCount(status, number, words[status]) for status, number in counted.most_common()
    )


def _first_ok(measured: Sequence[Measurement]) -> Measurement | None:
    return next((m for m in measured if m.status is Status.OK), None)


def _pairs(facts: Mapping[str, Any]) -> Pairs:
    return tuple(
        (name, value if isinstance(value, str) else canonical_json(value))
        for name, value in facts.items()
    )
