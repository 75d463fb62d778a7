"""What becomes of a test item: from a record, and what a baseline says of it, to a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sdbench.compare.comparison import Finding, Row
from sdbench.compare.evidence import LATENCY
from sdbench.compare.status import STATUS
from sdbench.compare.verdict import Verdict
from sdbench.results.record import Record, Status
from sdbench.results.rounds import TIMED_STATUSES
from sdbench.suite.gates import Gates


class Ending(Enum):
    """How an item ends."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of an item.

    Attributes:
        ending: How it ends.
        verdict: A word or two for the summary: the comparison's verdict, or the record's status.
        reasons: Why it did not pass, a line each; empty where it did.
        detectable_ratio: The smallest slowdown of a call that would have failed it with a
            probability of 80 %, as a ratio above 1; None where nothing was compared.
        advisory: Why the baseline could fail nothing, in sentences; empty where it could.
    """

    ending: Ending
    verdict: str
    reasons: tuple[str, ...] = ()
    detectable_ratio: float | None = None
    advisory: tuple[str, ...] = ()


def outcome_alone(record: Record, gates: Gates) -> Outcome:
    """What becomes of a record that nothing is held against.

    What the configuration cannot do is skipped. All else without timed calls fails, unless the
    gates leave the status out.
    """
    word = record.status.value
    if record.status in TIMED_STATUSES:
        return Outcome(Ending.PASSED, word)
    is_skipped = record.status is Status.UNSUPPORTED or not gates.status
    ending = Ending.SKIPPED if is_skipped else Ending.FAILED
    return Outcome(ending, word, (f"{word}: {record.reason or 'no reason is known'}",))


def outcome_against(
    row: Row, record: Record, gates: Gates, advisory: Sequence[str] = ()
) -> Outcome:
    """What becomes of a record that is held against a baseline's.

    Args:
        row: What the comparison says of it.
        record: The record.
        gates: The gates of its configuration.
        advisory: Why a change can fail nothing; data that is missing fails all the same.
    """
    status = row.finding(STATUS)
    failing = [one for one in row.findings if not advisory and one.fails]
    if gates.missing:
        failing += [one for one in row.findings if one.is_gated and _is_missing(one)]
    alone = outcome_alone(record, gates)
    ending, reasons = alone.ending, alone.reasons
    if failing:
        ending, reasons = Ending.FAILED, tuple(map(_line, failing))
    elif ending is Ending.FAILED and status and not (advisory or _is_missing(status)):
        ending, reasons = Ending.SKIPPED, (*reasons, f"no regression: {status.reason}")
    return Outcome(
        ending,
        f"{row.verdict.value} (advisory)" if advisory else row.verdict.value,
        reasons,
        None if advisory else _detectable(row),
        tuple(advisory),
    )


def _detectable(row: Row) -> float | None:
    latency = row.finding(LATENCY)
    return latency.detectable_ratio if latency and latency.is_gated else None


def _is_missing(finding: Finding) -> bool:
    return finding.verdict is Verdict.MISSING


def _line(finding: Finding) -> str:
    return f"{finding.metric}: {finding.verdict.value}, {finding.reason}"
