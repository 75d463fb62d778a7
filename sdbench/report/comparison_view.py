"""Everything that a comparison of builds shows, before any format is chosen."""

from __future__ import annotations

from dataclasses import dataclass

from sdbench.compare.comparison import Comparison, Finding, Row
from sdbench.compare.evidence import LATENCY
from sdbench.compare.verdict import Verdict, gravity
from sdbench.report.cells import DASH
from sdbench.report.comparison_headline import (
    control_text,
    counts,
    exit_text,
    further,
    headline,
    limits,
)
from sdbench.report.comparison_words import (
    change_text,
    effect_text,
    interval_text,
    margin_text,
    metric_words,
    seen_text,
    values_text,
    why_text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """What is found of one metric, in words.

    Attributes:
        finding: The finding.
        verdict: Its verdict; with a star where it is a change that no gate looks at.
        metric: Its metric.
        effect: How the candidate differs, with the interval.
        change: How it differs, without the interval.
        interval: The interval; empty where there is none.
        values: Both sides' values; empty where the change tells them.
        margin: What the gate lets pass.
        seen: The smallest slowdown that would have been seen; a dash where nothing can be said.
        why: The reason, and what it rests on.
    """

    finding: Finding
    verdict: str
    metric: str
    effect: str
    change: str
    interval: str
    values: str
    margin: str
    seen: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One configuration.

    Attributes:
        row: The row.
        verdict: Its verdict.
        name: Its settings in words.
        findings: What is found of each metric.
        told: Those that short formats tell: what is not the same, or the latency where all is.
    """

    row: Row
    verdict: str
    name: str
    findings: tuple[FindingView, ...]
    told: tuple[FindingView, ...]

    @property
    def is_same(self) -> bool:
        """Whether nothing is to be said of it but what could have been seen."""
        return self.row.verdict is Verdict.SAME and len(self.told) == 1 and not self._changed

    @property
    def _changed(self) -> bool:
        return self.told[0].finding.verdict is not Verdict.SAME


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRow:
    """One fact of the two sides.

    Attributes:
        name: Name of the fact.
        baseline: What it is on the baseline's side; a dash where it is not told.
        candidate: The same of the candidate.
        can_matter: Whether a change may come from it.
    """

    name: str
    baseline: str
    candidate: str
    can_matter: bool = True

    @property
    def differs(self) -> bool:
        """Whether the sides differ in it, and a change may come from that."""
        return self.can_matter and self.baseline != self.candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonView:
    """A comparison as any format renders it.

    Attributes:
        comparison: The comparison.
        headline: The answer in one sentence, with its full stop.
        further: What else is to be known at once, in sentences.
        rows: The configurations, the gravest first.
        limits: What could have been seen and what could not, in sentences.
        control: What one build against itself looked like; empty for stored runs.
        counts: How many configurations have which verdict.
        ending: The exit code and what it says.
        origins: Where the two sides come from, and when they were measured.
        facts: What is known of the two sides; what differs comes first.
    """

    comparison: Comparison
    headline: str
    further: tuple[str, ...]
    rows: tuple[RowView, ...]
    limits: tuple[str, ...]
    control: str
    counts: str
    ending: str
    origins: tuple[FactRow, ...]
    facts: tuple[FactRow, ...]

    @property
    def title(self) -> str:
        """What was compared."""
        sides = (self.comparison.baseline, self.comparison.candidate)
        devices = dict.fromkeys(side.device for side in sides)
        return f"{self.comparison.suite} on {' and '.join(devices)}"

    @property
    def sources(self) -> tuple[str, ...]:
        """Each side in a line: where it comes from, and when it was measured."""
        sides = (self.comparison.baseline, self.comparison.candidate)
        return tuple(f"{one.label}: {one.source}, started {one.started_at}" for one in sides)

    @property
    def differences(self) -> str:
        """In which facts the sides differ, in a line; empty where they do not."""
        told = [
            f"{one.name} {one.baseline} -> {one.candidate}" for one in self.facts if one.differs
        ]
        return f"the sides differ in: {', '.join(told)}" if told else ""


def comparison_view(comparison: Comparison) -> ComparisonView:
    """What a comparison shows."""
    rows = sorted(comparison.rows, key=_gravity)
    return ComparisonView(
        comparison=comparison,
        headline=f"{headline(comparison)}.",
        further=further(comparison),
        rows=tuple(_row(row, comparison.units) for row in rows),
        limits=limits(comparison),
        control=control_text(comparison),
        counts=counts(comparison),
        ending=exit_text(comparison),
        origins=_origins(comparison),
        facts=_facts(comparison),
    )


def _gravity(row: Row) -> tuple[bool, int]:
    """What fails comes first, then what is worse without failing, then by the verdict."""
    return (
        not any(one.fails for one in row.findings),
        gravity(row.verdict),
    )


def _row(row: Row, units: str) -> RowView:
    views = {id(one): _finding(row, one, units) for one in row.findings}
    ordered = sorted(row.findings, key=lambda one: (not one.is_gated, gravity(one.verdict)))
    told = [one for one in ordered if _is_told(one)] or [row.finding(LATENCY) or row.decisive]
    return RowView(
        row=row,
        verdict=row.verdict.value,
        name=row.name,
        findings=tuple(views[id(one)] for one in row.findings),
        told=tuple(views[id(one)] for one in told),
    )


def _is_told(finding: Finding) -> bool:
    if finding.is_gated:
        return finding.verdict is not Verdict.SAME
    return finding.verdict not in (Verdict.SAME, Verdict.AMBIGUOUS)


def _finding(row: Row, finding: Finding, units: str) -> FindingView:
    verdict = finding.verdict
    is_change = verdict.is_regression or verdict.is_improvement
    return FindingView(
        finding=finding,
        verdict=f"{verdict.value}*" if is_change and not finding.is_gated else verdict.value,
        metric=metric_words(finding.metric),
        effect=effect_text(finding),
        change=change_text(finding),
        interval=interval_text(finding),
        values=values_text(finding),
        margin=margin_text(finding),
        seen=seen_text(finding.detectable_ratio),
        why=why_text(row, finding, units),
    )


def _origins(comparison: Comparison) -> tuple[FactRow, ...]:
    baseline, candidate = comparison.baseline, comparison.candidate
    told = {
        "source": (baseline.source, candidate.source),
        "started at": (baseline.started_at, candidate.started_at),
    }
    return tuple(
        FactRow(name=name, baseline=before, candidate=after, can_matter=False)
        for name, (before, after) in told.items()
    )


def _facts(comparison: Comparison) -> tuple[FactRow, ...]:
    baseline, candidate = comparison.baseline, comparison.candidate
    facts = [
        FactRow(
            name=name,
            baseline=baseline.facts.get(name, DASH),
            candidate=candidate.facts.get(name, DASH),
        )
        for name in dict.fromkeys([*baseline.facts, *candidate.facts])
    ]
    device = FactRow(name="device", baseline=baseline.device, candidate=candidate.device)
    if "device" not in baseline.facts:
        facts.append(device)
    return tuple(sorted(facts, key=lambda one: not one.differs))
