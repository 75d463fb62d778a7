"""Everything that a report shows, in words and figures, before any format is chosen."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdbench.analysis.advice import Advice, Choice, figures, p95_text
from sdbench.analysis.feasibility import STATUS_WORDS
from sdbench.analysis.how_measured import how_measured
from sdbench.analysis.measurement import Measurement, measurements
from sdbench.analysis.reasons import confirmation, derivation, work_words
from sdbench.analysis.recommend import recommend_for_run, torch_device
from sdbench.analysis.relaxing_words import relaxations_lines
from sdbench.analysis.wording import joined, latency_text, memory_text, score_text, settings
from sdbench.report.answer import AnswerPictures, answer_pictures
from sdbench.report.chart import chart_data
from sdbench.report.contents import contents
from sdbench.report.convergence import Convergence, convergence_chart, convergences
from sdbench.report.documents import documents
from sdbench.report.evidence import Evidence, evidence
from sdbench.report.memory import MemoryView, memory_view
from sdbench.report.noise import NoiseView, noise_view
from sdbench.report.page_data import page_data
from sdbench.report.pictures import Album
from sdbench.report.rows import Shared, TableView, table_view
from sdbench.report.stages import Stages, stages
from sdbench.report.tiles import TileGroup, tile_groups
from sdbench.report.waterfall import WaterfallView, waterfall_view
from sdbench.results.record import Status
from sdbench.results.store import Run
from sdbench.suite.defaults import default_configurations
from sdbench.suite.load import suite_from_json


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
        relaxing: What relaxing each limit buys, a line each.
        confirmation: Whether the chosen one was measured again on fresh rounds, or at all; empty
            where none was measured again.
        nearest_miss: Where nothing qualifies, the nearest miss in words with its figures, and what
            it misses.
        total: Configurations that were planned, or measured beyond the plan.
        counts: How the configurations ended, the most frequent first.
        how: How it was measured, in sentences; none where all was to be measured, however long.
        missing: Configurations without a record; the run is incomplete where it is above zero.
        shared: What holds for all configurations, and so is said once.
        table: All configurations.
        stages: Where the time of a call goes, or None where no stage was timed.
        page: What the page computes the answer from, as JSON.
        chart: What the scatter of latency and memory shows beside that, as JSON.
        memory: What fits into memory, or None where that limits nothing.
        tiles: What the settings do to the picture, content by content.
        convergences: What more steps buy, content by content.
        convergence_chart: What the charts of that show, as JSON.
        waterfall: What each change from the default gains, or None where there is none to show.
        noise: How far latencies can be trusted, or None where nothing was timed.
        evidence: Device, versions, command line, protocol.
    """

    name: str
    device: str
    run: str
    started_at: str
    advice: Advice
    pictures: AnswerPictures | None
    choices: tuple[ChoiceView, ...]
    ties: tuple[str, ...]
    relaxing: tuple[str, ...]
    confirmation: str
    nearest_miss: str | None
    total: int
    counts: tuple[StatusCount, ...]
    how: tuple[str, ...]
    missing: int
    shared: tuple[Shared, ...]
    table: TableView
    stages: Stages | None
    page: Mapping[str, Any]
    chart: Mapping[str, Any]
    memory: MemoryView | None
    tiles: tuple[TileGroup, ...]
    convergences: tuple[Convergence, ...]
    convergence_chart: Mapping[str, Any]
    waterfall: WaterfallView | None
    noise: NoiseView | None
    evidence: Evidence


def report_view(run: Run) -> ReportView:
    """All that a report of a run shows."""
    advice = recommend_for_run(run)
    measured = measurements(run)
    suite = suite_from_json(run.info.suite)
    best, how = advice.best, how_measured(run, measured, advice)
    shown = table_view(measured, advice)
    miss = best.nearest_miss
    album = Album(run.folder)
    all_contents = contents(measured, advice.names)
    positions = {m.key: position for position, m in enumerate(measured)}
    converging = convergences(all_contents, advice, positions)
    page = page_data(
        measured,
        advice,
        default_configurations(suite),
        documents(measured, suite, torch_device(run.info)),
        _as_an_argument(run.folder),
    )
    return ReportView(
        name=str(run.info.suite.get("name", "")),
        device=run.info.device,
        run=run.folder.name,
        started_at=run.info.started_at,
        advice=advice,
        pictures=answer_pictures(advice, album),
        choices=tuple(_choice(choice, advice) for choice in advice.by_work),
        ties=tuple(_described(m, advice) for m in best.ties),
        relaxing=tuple(relaxations_lines(best, advice.names, advice.objective.minimize)),
        confirmation=_confirmation(measured, advice),
        nearest_miss=_missing(miss, advice) if miss else None,
        total=len(measured),
        counts=_counts(measured),
        how=how.sentences if how else (),
        missing=len(run.missing_keys),
        shared=shown.shared,
        table=shown,
        stages=stages(measured, advice),
        page=page,
        chart=chart_data(measured, all_contents, advice, page),
        memory=memory_view(measured, advice),
        tiles=tuple(tile_groups(all_contents, advice, album, positions)),
        convergences=converging,
        convergence_chart=convergence_chart(converging, advice),
        waterfall=waterfall_view(measured, advice, album),
        noise=noise_view(run, measured, advice),
        evidence=evidence(run),
    )


def _choice(choice: Choice, advice: Advice) -> ChoiceView:
    m = choice.chosen
    others = [name for name in advice.names if name not in choice.work]
    return ChoiceView(
        work=work_words(choice.work, advice.names) or "all",
        settings=settings(m.knobs, others) if m else None,
        latency=latency_text(m) if m else "–",
        p95=p95_text(m) if m else "–",
        memory=memory_text(m) if m else "–",
        fidelity=score_text(m.fidelity_score) if m else "–",
        reason=choice.reason,
        is_headline=m is not None and m is advice.best.chosen,
    )


def _as_an_argument(folder: Path) -> str:
    """A run's folder as a command takes it where its results lie."""
    parts = folder.parts[-3:] if folder.parts[-3:-2] == ("results",) else folder.parts[-1:]
    return shlex.quote("/".join(parts))


def _confirmation(measured: Sequence[Measurement], advice: Advice) -> str:
    chosen = advice.best.chosen
    confirmed = sum(m.confirmed_rounds > 0 for m in measured)
    if chosen is None:
        return ""
    return derivation(chosen) if chosen.is_derived else confirmation(chosen, confirmed)


def _missing(miss: Measurement, advice: Advice) -> str:
    exceeded = joined([str(excess) for excess in advice.best.excess])
    return f"{_described(miss, advice)}; {exceeded}."


def _described(m: Measurement, advice: Advice) -> str:
    return f"{settings(m.knobs, advice.names)}: {figures(m)}"


def _counts(measured: Sequence[Measurement]) -> tuple[StatusCount, ...]:
    counted = Counter(m.status_word for m in measured)
    words = {Status.OK.value: "measured", **STATUS_WORDS}
    return tuple(
        StatusCount(status, number, words[status]) for status, number in counted.most_common()
    )
