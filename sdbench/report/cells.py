"""One cell of the table of all configurations, and what a column is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sdbench.analysis.measurement import Measurement
from sdbench.results.figure import Figure, Origin
from sdbench.units import format_bytes

DASH = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of the table.

    Attributes:
        text: What is shown.
        sort: What the column is sorted by; None sorts last.
        detail: What stands smaller beside it, such as an interval.
        remark: Why there is no value, or a remark on the one there is.
        origin: Where a figure comes from; None for what is no figure.
    """

    text: str
    sort: float | str | None = None
    detail: str | None = None
    remark: str | None = None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Attributes:
        label: Its heading.
        cell: What it shows of a measurement.
        is_number: Whether it holds numbers.
        hint: What the heading means, in a sentence.
    """

    label: str
    cell: Callable[[Measurement], Cell]
    is_number: bool = True
    hint: str | None = None


def figure_cell(figure: Figure) -> Cell:
    """A figure in bytes with its origin, or the reason why there is none."""
    if figure.value is None:
        return Cell(DASH, remark=figure.reason)
    text = format_bytes(int(figure.value))
    return Cell(text, figure.value, remark=figure.reason, origin=figure.origin)


def told_here(m: Measurement, reason: str | None) -> str | None:
    """A reason, unless the row's status tells it already."""
    return None if m.latency is None else reason


def words_cell(text: str | None) -> Cell:
    """A text, or a dash."""
    return Cell(text or DASH, text)
