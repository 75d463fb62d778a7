"""Everything that a hardware comparison shows, before any format is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdbench.analysis.contenders import Contender, contenders, find
from sdbench.analysis.feasibility import STATUS_WORDS
from sdbench.analysis.hardware import HardwareComparison, Mean, compare_contenders
from sdbench.analysis.prices import Rate, rates
from sdbench.report.hardware_caveats import caveats, differing, endings, fact_text
from sdbench.report.hardware_tables import batch_table, chart, configuration_table
from sdbench.report.hardware_words import (
    batch_one_sentences,
    cost_text,
    headline,
    mean_sentence,
    multiple_text,
    number_text,
    range_text,
    ratio_text,
    relative_worths,
    speed_text,
    worth_text,
)
from sdbench.results.store import Run
from sdbench.statistics import Estimate
from sdbench.suite.price import Price
from sdbench.units import format_number


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device's answer.

    Attributes:
        name: Its name in the comparison.
        run: Name of its run's folder.
        suite: Name of the suite that it ran.
        where: The beginning of its answer: the device and the limits; after the name in the
            comparison where the device has several runs.
        what: The settings that it recommends.
        figures: Their latency, memory and fidelity; None where nothing is recommended.
        speed: Images an hour; None likewise.
        worth: Images for a unit of the currency and the cost of many; None without a price too.
        reason: Why nothing is recommended; None where something is.
    """

    name: str
    run: str
    suite: str
    where: str
    what: str
    figures: str | None
    speed: str | None
    worth: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One device's row of the summary.

    Attributes:
        name: The device.
        is_reference: Whether the others are held against it.
        cells: A text and a smaller second line for each column of `HardwareView.summary_columns`.
    """

    name: str
    is_reference: bool
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FactRow:
    """One fact of the environments, on every device.

    Attributes:
        name: Name of the fact.
        texts: What it is on each device.
        differs: Whether these are not all equal.
    """

    name: str
    texts: tuple[str, ...]
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareView:
    """A hardware comparison as any format renders it.

    Attributes:
        title: Names of the devices.
        reference: Name of the one that the others are held against.
        headline: How the devices rank, in sentences; the first is the answer.
        devices: Each device's answer.
        has_prices: Whether any price was given.
        summary_columns: Headings of the summary.
        summary: A row for each device.
        means: How many times as fast each device is in the same configurations, in sentences.
        batch_one: Of which devices batch 1 does not tell how fast they are, in sentences.
        configurations: Configurations of any of the runs.
        complete: Those that ended well on every device.
        caveats: What is to be known before anything is concluded, in sentences.
        facts: The environments side by side, what differs first.
        data: The long tables and the chart, as JSON.
    """

    title: str
    reference: str
    headline: tuple[str, ...]
    devices: tuple[DeviceView, ...]
    has_prices: bool
    summary_columns: tuple[str, ...]
    summary: tuple[SummaryRow, ...]
    means: tuple[str, ...]
    batch_one: tuple[str, ...]
    configurations: int
    complete: int
    caveats: tuple[str, ...]
    facts: tuple[FactRow, ...]
    data: Mapping[str, Any]


def hardware_view(
    runs: Sequence[Run], prices: Sequence[Price] = (), relative_to: str | None = None
) -> HardwareView:
    """All that a comparison of runs shows.

    Args:
        runs: Two runs or more.
        prices: Prices of some devices, or none.
        relative_to: What the others are held against: a device's name, a run's folder, or a part of
            one; the first run where it is None.

    Raises:
        UnknownDevice: A name stands for no run, or for several.
        BadPrices: The prices cannot be held against each other.
        NothingInCommon: No configuration is in all runs.
        SdbenchError: A run was given twice.
    """
    among = contenders(runs)
    reference = 0 if relative_to is None else find(relative_to, among)
    priced = rates(prices, among)
    comparison = compare_contenders(among, reference)
    columns, rows = _summary(comparison, priced)
    return HardwareView(
        title=" and ".join(one.name for one in among)
        if len(among) == 2
        else f"{len(among)} devices",
        reference=among[reference].name,
        headline=headline(comparison, priced),
        devices=tuple(map(_device, among, priced)),
        has_prices=any(priced),
        summary_columns=columns,
        summary=rows,
        means=_means(comparison),
        batch_one=batch_one_sentences(comparison),
        configurations=len(comparison.rows),
        complete=comparison.over_all.count,
        caveats=caveats(comparison),
        facts=_facts(among),
        data={
            "chart": chart(comparison, priced),
            "configurations": configuration_table(comparison),
            "batches": batch_table(comparison),
        },
    )


def _device(one: Contender, rate: Rate | None) -> DeviceView:
    advice, speed = one.advice, one.images_per_h
    is_alone = one.name == one.run.info.device
    return DeviceView(
        name=one.name,
        run=one.run.folder.name,
        suite=str(one.run.info.suite.get("name", "")),
        where=advice.where if is_alone else f"{one.name}. {advice.where}",
        what=advice.what,
        figures=advice.figures,
        speed=speed_text(speed) if speed else None,
        worth=worth_text(speed, rate) if speed and rate else None,
        reason=advice.best.reason if advice.best.chosen is None else None,
    )


def _means(comparison: HardwareComparison) -> tuple[str, ...]:
    return (
        mean_sentence(comparison, comparison.at_saturation, "at the saturating batch"),
        mean_sentence(comparison, comparison.at_one, "at batch 1"),
        mean_sentence(comparison, comparison.over_all, "over all batches"),
    )


def _summary(
    comparison: HardwareComparison, priced: Sequence[Rate | None]
) -> tuple[tuple[str, ...], tuple[SummaryRow, ...]]:
    unit = next((rate.unit for rate in priced if rate), None)
    columns = ["recommended: images an hour"]
    if unit is not None:
        columns += [f"images per {unit}", f"same configurations: images per {unit}"]
    columns += [
        _counted("same configurations, saturating batch", comparison.at_saturation),
        _counted("same configurations, batch 1", comparison.at_one),
        _counted("same configurations, all batches", comparison.over_all),
        "how configurations ended",
    ]
    worths = relative_worths(comparison.decisive, comparison.reference, priced)
    counts = endings(comparison)
    rows = []
    for index, one in enumerate(comparison.contenders):
        speed, rate = one.images_per_h, priced[index]
        is_reference = index == comparison.reference
        cells = [(number_text(speed), "")]
        if unit is not None and rate is not None:
            worth = rate.images_per_unit(speed) if speed else None
            cells.append((number_text(worth), cost_text(speed, rate) if speed else ""))
            cells.append(_ratio_cell(worths[index], is_reference))
        elif unit is not None:
            cells += [("–", "no price was given"), ("–", "")]
        for mean in (comparison.at_saturation, comparison.at_one, comparison.over_all):
            cells.append(_mean_cell(mean, index, is_reference))
        told = ", ".join(f"{n} {_status(word)}" for word, n in counts[index].items())
        cells.append((told, ""))
        rows.append(SummaryRow(one.name, is_reference, tuple(cells)))
    return tuple(columns), tuple(rows)


def _mean_cell(mean: Mean, index: int, is_reference: bool) -> tuple[str, str]:
    span = mean.ranges[index]
    text, detail = _ratio_cell(mean.ratios[index], is_reference)
    if is_reference or span is None or mean.count < 2:
        return text, detail
    each = f"each {format_number(span[0])} to {format_number(span[1])}"
    return text, f"{detail}; {each}"


def _ratio_cell(value: Estimate | None, is_reference: bool) -> tuple[str, str]:
    if is_reference or value is None:
        return ratio_text(value, is_reference=is_reference), ""
    return multiple_text(value), range_text(value)


def _counted(words: str, mean: Mean) -> str:
    return f"{words} ({mean.count})"


def _status(word: str) -> str:
    return "measured" if word == "ok" else STATUS_WORDS.get(word, word)


def _facts(among: Sequence[Contender]) -> tuple[FactRow, ...]:
    """Fingerprints, environments and the dates, those that differ first."""
    all_facts = [
        {
            "run": one.run.folder.name,
            "started": one.run.info.started_at,
            "suite": str(one.run.info.suite.get("name", "")),
            **one.run.info.fingerprint,
            **one.run.info.environment,
        }
        for one in among
    ]
    unequal = differing(all_facts)
    names = dict.fromkeys([*unequal, *(name for one in all_facts for name in one)])
    return tuple(
        FactRow(name, tuple(fact_text(one.get(name)) for one in all_facts), name in unequal)
        for name in names
    )
