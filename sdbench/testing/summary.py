"""The section of the terminal's summary: a line for each configuration that was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from sdbench.analysis.measurement import measurement_of
from sdbench.analysis.wording import estimate_text, score_text
from sdbench.compare.wording import percent
from sdbench.results.record import Record
from sdbench.testing.outcome import Outcome
from sdbench.units import format_bytes

_HEADER = ("configuration", "latency", "peak memory", "fidelity", "verdict")
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Line:
    """One configuration, or one check of a user's test.

    Attributes:
        name: What it is called.
        record: What was measured.
        outcome: What became of it.
    """

    name: str
    record: Record
    outcome: Outcome

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in its columns: median of a call, peak of live tensors, fidelity, verdict."""
        m = measurement_of(self.record)
        return (
            self.name,
            estimate_text(m.latency),
            format_bytes(m.peak_allocated_bytes),
            score_text(m.fidelity_score),
            self.outcome.verdict,
        )

    @property
    def facts(self) -> dict[str, str | float | None]:
        """Its figures for other programs, under names that carry their units."""
        m = measurement_of(self.record)
        return {
            "key": self.record.key,
            "status": self.record.status.value,
            "latency_s": m.latency.point if m.latency else None,
            "p95_s": m.p95_s,
            "peak_allocated_bytes": m.peak_allocated_bytes,
            "peak_reserved_bytes": m.memory_bytes("peak_reserved_bytes"),
            "peak_device_used_bytes": m.memory_bytes("peak_device_used_bytes"),
            "fidelity": m.fidelity_score,
            "verdict": self.outcome.verdict,
        }


def write(reporter: pytest.TerminalReporter, title: str, lines: Sequence[Line]) -> None:
    """Writes the section: a table, why nothing fails, what would have been seen."""
    reporter.write_sep("=", title)
    for text in _table(lines):
        reporter.write_line(text)
    reasons = (reason for line in lines for reason in line.outcome.advisory)
    for reason in dict.fromkeys(reasons):
        reporter.write_line(f"nothing fails by the baseline: {reason}", yellow=True)
    ratios = [one.outcome.detectable_ratio for one in lines if one.outcome.detectable_ratio]
    if ratios:
        reporter.write_line(
            f"slowdowns from {percent(max(ratios) - 1)} on would have been seen in each of them; "
            "`sdbench ab` measures both builds in turn, and sees smaller ones"
        )


def _table(lines: Sequence[Line]) -> Iterator[str]:
    """The lines in aligned columns, under their headings."""
    rows = [_HEADER, *(line.cells for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield _GAP.join(padded).rstrip()
