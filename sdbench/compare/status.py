"""How a configuration ended on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sdbench.compare.comparison import Finding, Unit
from sdbench.compare.evidence import ByRound, Evidence
from sdbench.compare.verdict import Verdict
from sdbench.results.record import Record, Status
from sdbench.results.rounds import TIMED_STATUSES
from sdbench.results.table import INFERRED_OOM, RULED_OUT

STATUS = "status"

_OK = "ok"
_RAN_OUT = (Status.OOM.value, INFERRED_OOM, RULED_OUT)

NOT_MEASURED = "derived, not measured: run with --plan exhaustive"
"""What follows from other configurations of a build is no evidence of this one."""


def status_finding(evidence: Evidence) -> Finding:
    """What became of the configuration; MISSING where a side has no record that says so."""
    sides = [_words(evidence.baseline), _words(evidence.candidate)]
    verdict, reason = _verdict(sides, (evidence.baseline, evidence.candidate))
    return Finding(
        metric=STATUS,
        unit=Unit.STATUS,
        verdict=verdict,
        reason=reason,
        is_gated=evidence.gates.missing if verdict is Verdict.MISSING else evidence.gates.status,
        baseline=_summary(sides[0]),
        candidate=_summary(sides[1]),
    )


def ran(records: ByRound) -> bool:
    """Whether any round of a side has timed calls."""
    return any(record.status in TIMED_STATUSES for record in records.values())


def went_wrong(records: ByRound) -> bool:
    """Whether any round of a side ended in a way that says nothing of the configuration."""
    return any(record.status in (Status.ERROR, Status.TIMEOUT) for record in records.values())


def _words(records: ByRound) -> list[str]:
    """How each round ended; one that was skipped or derived tells nothing, and is left out."""
    return [
        _word(record)
        for record in records.values()
        if record.status is not Status.SKIPPED or record.is_ruled_out or record.is_inferred_oom
    ]


def _word(record: Record) -> str:
    if record.is_ruled_out:
        return RULED_OUT
    if record.is_inferred_oom:
        return INFERRED_OOM
    return _OK if record.status in TIMED_STATUSES else record.status.value


def _summary(words: Sequence[str]) -> str | None:
    """The status, or what there is of each: ``ok (3 of 4), oom (1 of 4)``."""
    counts = Counter(words)
    if len(counts) < 2:
        return words[0] if words else None
    return ", ".join(f"{word} ({count} of {len(words)})" for word, count in counts.most_common())


def _verdict(sides: Sequence[Sequence[str]], records: Sequence[ByRound]) -> tuple[Verdict, str]:
    before, after = sides
    for words, label, known in zip(sides, ("baseline", "candidate"), records, strict=True):
        if not words:
            is_derived = any(one.is_derived for one in known.values())
            skipped = next((one.reason for one in known.values() if one.reason), None)
            skipped = NOT_MEASURED if is_derived else skipped
            because = f" ({skipped})" if skipped else ""
            return Verdict.MISSING, f"the {label} has no measurement of it{because}"
    failed_before = [word for word in before if word != _OK]
    failed_after = [word for word in after if word != _OK]
    if not failed_before and not failed_after:
        return Verdict.SAME, "ok on both sides"
    if not failed_before:
        return _broken(failed_after, after, records[1])
    if not failed_after and len(failed_before) == len(before):
        return Verdict.FIXED, f"{failed_before[0]} -> ok"
    if len(failed_before) == len(before) and len(failed_after) == len(after):
        return _both_fail(before, after)
    fits_no_more = _OK in before and _ran_out(after) and not _ran_out(before)
    runs_no_more = 2 * len(failed_before) < len(before) and len(failed_after) == len(after)
    if fits_no_more or runs_no_more:
        return _broken(failed_after, after, records[1])
    return Verdict.AMBIGUOUS, f"{_summary(before)} -> {_summary(after)}"


def _ran_out(words: Sequence[str]) -> bool:
    """Whether it ran out of memory in any round."""
    return any(word in _RAN_OUT for word in words)


def _broken(failed: Sequence[str], after: Sequence[str], records: ByRound) -> tuple[Verdict, str]:
    """From ``ok`` on most rounds; what ran out of memory once is one that does not fit."""
    word = next((one for one in failed if one in _RAN_OUT), failed[0])
    told = next((one.reason for one in records.values() if _word(one) == word and one.reason), None)
    share = "" if len(failed) == len(after) else f" in {len(failed)} of {len(after)} rounds"
    reason = f"ok -> {word}{share}" + (f": {told}" if told else "")
    if word in _RAN_OUT or 2 * len(failed) >= len(after):
        return Verdict.BROKEN, reason
    return Verdict.AMBIGUOUS, reason


def _both_fail(before: Sequence[str], after: Sequence[str]) -> tuple[Verdict, str]:
    reason = f"{_summary(before)} -> {_summary(after)}: it ran on neither side"
    is_same = _ends(before) == _ends(after)
    return (Verdict.SAME if is_same else Verdict.AMBIGUOUS), reason


def _ends(words: Sequence[str]) -> set[str]:
    """The ways in which rounds ended; what was inferred to run out of memory ran out."""
    return {Status.OOM.value if word == INFERRED_OOM else word for word in words}
