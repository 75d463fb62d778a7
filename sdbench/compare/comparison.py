"""A comparison as values: what all of its formats are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from sdbench.compare.effect import Effect
from sdbench.compare.verdict import Verdict, gravity
from sdbench.jsontypes import JsonValue


class Kind(str, Enum):
    """How the two sides were measured."""

    PAIRED = "paired"
    """In turn, in one job (`sdbench ab`)."""
    STORED = "stored"
    """At two times, as two runs (`sdbench compare`)."""


class Unit(str, Enum):
    """What a metric is counted in."""

    SECONDS = "s"
    BYTES = "B"
    SCORE = "score"
    DECIBEL = "dB"
    STATUS = "status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is found of one metric of one configuration.

    Attributes:
        metric: Its name: ``latency``, ``stage:denoiser``, ``load``, ``first_call``,
            ``peak_allocated``, ``peak_reserved``, ``peak_device_used``, ``fidelity``, ``picture``
            or ``status``.
        unit: What its values are counted in.
        verdict: What the data says.
        reason: Why, in a sentence without a full stop.
        is_gated: Whether a regression of it fails the job.
        baseline: The baseline's value, in `unit`; a word for a status; None without data.
        candidate: The candidate's.
        margin: Changes up to this are no regression: a share (0.02 = 2 %) for times and memory, a
            difference for scores, the least agreement for decibels; None for a status, and where
            the metric is not gated.
        effect: The ratio of candidate to baseline with its interval; None where a value is exact
            or missing.
        detectable_ratio: The smallest slowdown that would have been called one with a probability
            of 80 %, as a ratio above 1; None where nothing can be said of it.
        units_needed: Of an AMBIGUOUS time, how many pairs (or processes a side) would tell, as far
            as this noise says; None where that is not known, or no number would.
    """

    metric: str
    unit: Unit
    verdict: Verdict
    reason: str
    is_gated: bool
    baseline: float | str | None = None
    candidate: float | str | None = None
    margin: float | None = None
    effect: Effect | None = None
    detectable_ratio: float | None = None
    units_needed: int | None = None

    @property
    def fails(self) -> bool:
        """Whether it is a regression that the suite's gates do not let pass."""
        return self.is_gated and self.verdict.is_regression


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One configuration on both sides.

    Attributes:
        key: The baseline's key of the configuration, or the candidate's where it is new.
        knobs: The baseline's knobs, or the candidate's where it is new.
        name: Its settings in words, as far as they vary within the suite.
        findings: What is found of each metric, gated or only shown; never empty.
        is_confirmed: Whether fresh pairs decided, after a first look had made it a suspect.
    """

    key: str
    knobs: Mapping[str, JsonValue]
    name: str
    findings: tuple[Finding, ...]
    is_confirmed: bool = False

    @property
    def decisive(self) -> Finding:
        """The gravest finding of a gated metric, or of any where none is gated."""
        gated = [one for one in self.findings if one.is_gated] or list(self.findings)
        return min(gated, key=lambda one: gravity(one.verdict))

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict of a gated metric."""
        return self.decisive.verdict

    def finding(self, metric: str) -> Finding | None:
        """What is found of a metric, or None where it has no data."""
        return next((one for one in self.findings if one.metric == metric), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side as people need to know it.

    Attributes:
        label: ``baseline`` or ``candidate``.
        source: Where it comes from: the name of a run's folder, or of an installation.
        device: The device.
        started_at: UTC time at which it began, ISO 8601.
        facts: What tells it from the other: versions, commits, variables, settings.
    """

    label: str
    source: str
    device: str
    started_at: str
    facts: Mapping[str, str]


class Ending(Enum):
    """What a job's exit code says, from a comparison."""

    CLEAN = 0
    REGRESSION = 1
    INCOMPLETE = 3
    UNFIT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two sides, compared.

    Attributes:
        kind: How they were measured.
        suite: Name of the suite.
        baseline: One side.
        candidate: The other.
        rows: A row for each configuration, in the order of the plan.
        control: The A/A control: what one build against itself looked like in this job; None where
            there is none (stored runs).
        advisory: Why nothing in it gates (sentences); empty where it does.
        unfit: What of the environment spoils times (sentences); empty where nothing does.
        incomplete: What is missing (sentences) beside MISSING rows: an interrupted job.
        family_size: Gated tests of times that share the chance of a false alarm.
        units: What an effect's `units` are: ``pairs`` or ``processes``.
        notes: Remarks for the reader.
    """

    kind: Kind
    suite: str
    baseline: Side
    candidate: Side
    rows: tuple[Row, ...]
    control: Finding | None = None
    advisory: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    family_size: int = 0
    units: str = "pairs"
    notes: tuple[str, ...] = ()

    @property
    def failing(self) -> tuple[tuple[Row, Finding], ...]:
        """Every regression that fails the job, with its configuration.

        None where the comparison is advisory, and no slower time where the environment is unfit.
        """
        if self.advisory:
            return ()
        doubted = self.doubted
        return tuple(told for told in self.regressions() if told not in doubted)

    @property
    def doubted(self) -> tuple[tuple[Row, Finding], ...]:
        """Gated times that are slower, as far as an unfit environment can be trusted."""
        if not self.unfit:
            return ()
        return tuple(told for told in self.regressions() if told[1].verdict is Verdict.SLOWER)

    def regressions(self) -> Iterator[tuple[Row, Finding]]:
        """Every gated regression, also of an advisory comparison."""
        for row in self.rows:
            for finding in row.findings:
                if finding.fails:
                    yield row, finding

    @property
    def missing(self) -> tuple[Row, ...]:
        """Configurations that nothing checks: on one side a gated metric of them has no data.

        NEW and GONE are among them: one that was renamed is both, however slow it became.
        """
        return tuple(
            row
            for row in self.rows
            if any(one.is_gated and one.verdict.is_unchecked for one in row.findings)
        )

    @property
    def ending(self) -> Ending:
        """What the job ends with.

        A regression that no noise explains (memory, pictures, status) is one in any environment;
        a slower time is none in an unfit one. What is missing never passes silently, also where
        the comparison is advisory.
        """
        if self.failing:
            return Ending.REGRESSION
        if self.unfit and not self.advisory:
            return Ending.UNFIT
        if self.incomplete or not self.rows or self.missing:
            return Ending.INCOMPLETE
        return Ending.CLEAN

    @property
    def exit_code(self) -> int:
        """0 clean, 1 regression, 3 incomplete, 4 environment unfit."""
        return self.ending.value
