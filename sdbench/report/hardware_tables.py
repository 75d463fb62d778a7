"""The long tables of a hardware comparison and its chart, as JSON: rows are drawn by the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sdbench.analysis.contenders import images_per_h
from sdbench.analysis.feasibility import STATUS_WORDS
from sdbench.analysis.hardware import Family, HardwareComparison, Sides
from sdbench.analysis.measurement import Measurement
from sdbench.analysis.prices import Rate
from sdbench.analysis.wording import settings
from sdbench.report.hardware_caveats import NOT_IN_RUN
from sdbench.report.hardware_words import (
    number_text,
    ratio_text,
    saturation_text,
)
from sdbench.statistics import Estimate

_Cell = list[Any]
"""Text, what it is sorted by (None last), a smaller second line, a status, a reason; cut off after
the last one that is not empty."""


def configuration_table(comparison: HardwareComparison) -> Mapping[str, Any]:
    """Every configuration: images an hour on each device, and how many times the reference's."""
    rows = [
        [_settings(settings(row.knobs, comparison.names) if row.knobs else row.key)]
        + [_cell(row.sides, index, comparison) for index in range(len(comparison.contenders))]
        for row in comparison.rows
    ]
    columns = [_column("configuration", is_number=False)]
    columns += [_column(one.name) for one in comparison.contenders]
    return {"columns": columns, "rows": rows}


def batch_table(comparison: HardwareComparison) -> Mapping[str, Any]:
    """Every family: images an hour at batch 1 and at each device's saturating batch."""
    names = [name for name in comparison.names if name != "batch_size"]
    rows = [
        [_settings(settings(family.knobs, names)), *_batch_cells(family, comparison)]
        for family in comparison.families
    ]
    columns = [_column("configuration", is_number=False)]
    for one in comparison.contenders:
        columns += [_column(f"{one.name}, batch 1"), _column(f"{one.name}, saturating batch")]
    return {"columns": columns, "rows": rows}


def chart(comparison: HardwareComparison, rates: Sequence[Rate | None]) -> Mapping[str, Any]:
    """Images an hour at both batches, for each family that ended well on two devices or more."""
    names = [name for name in comparison.names if name != "batch_size"]
    families = [
        {
            "label": settings(family.knobs, names),
            "one": [_bar(value) for value in family.at_one.images_per_h],
            "saturating": [_bar(value) for value in family.at_saturation.images_per_h],
            "one_words": [
                "batch 1" if value else _absence(m)
                for value, m in zip(family.at_one.images_per_h, family.at_one.measured, strict=True)
            ],
            "saturating_words": [
                saturation_text(one) if one else "nothing ended well" for one in family.saturations
            ],
        }
        for family in _in_order(comparison)
    ]
    rate = next((one for one in rates if one), None)
    return {
        "devices": [one.name for one in comparison.contenders],
        "per_h": [one.per_h if one else None for one in rates],
        "unit": rate.unit if rate else None,
        "families": families,
    }


def _in_order(comparison: HardwareComparison) -> list[Family]:
    """The reference's recommendation first, then those known everywhere, then the others."""
    chosen = comparison.contenders[comparison.reference].advice.best.chosen
    preferred = {k: v for k, v in chosen.knobs.items() if k != "batch_size"} if chosen else None
    drawn = [
        family
        for family in comparison.families
        if sum(value is not None for value in family.at_saturation.images_per_h) > 1
    ]
    return sorted(
        drawn, key=lambda one: (one.knobs != preferred, not one.at_saturation.is_complete)
    )


def _absence(m: Measurement | None) -> str:
    """Why there is no bar."""
    if m is None:
        return f"batch 1 is {NOT_IN_RUN}"
    return f"batch 1: {STATUS_WORDS.get(m.status_word, m.status_word)}"


def _bar(value: Estimate | None) -> list[Any] | None:
    """Value, lower and upper end, and the value in words."""
    return [value.point, value.low, value.high, number_text(value)] if value else None


def _batch_cells(family: Family, comparison: HardwareComparison) -> Iterator[_Cell]:
    for index in range(len(comparison.contenders)):
        yield _cell(family.at_one, index, comparison)
        cell = _cell(family.at_saturation, index, comparison)
        if family.saturations[index] is not None:
            cell[2] = f"{saturation_text(family.saturations[index])}; {cell[2]}".rstrip("; ")
        yield cell


def _cell(sides: Sides, index: int, comparison: HardwareComparison) -> _Cell:
    value, m = sides.images_per_h[index], sides.measured[index]
    if value is not None:
        ratio, is_reference = sides.ratios[index], index == comparison.reference
        known = is_reference or ratio is not None
        detail = ratio_text(ratio, is_reference=is_reference) if known else ""
        return [number_text(value), value.point, detail]
    if m is None:
        return ["", None, "", NOT_IN_RUN]
    if m.is_derived and (derived := images_per_h(m)) is not None:
        return [number_text(derived), derived.point, "", m.status_word, m.reason or ""]
    return ["", None, "", m.status_word, m.reason or ""]


def _settings(text: str) -> _Cell:
    return [text, text]


def _column(label: str, *, is_number: bool = True) -> Mapping[str, Any]:
    return {"label": label, "number": is_number}
