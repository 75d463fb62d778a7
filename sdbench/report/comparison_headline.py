"""The answer of a comparison: one sentence, what else is to be known at once, and its limits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median_low

from sdbench.compare.comparison import Comparison, Ending, Finding, Kind, Row, Unit
from sdbench.compare.effect import ALPHA, POWER
from sdbench.compare.evidence import LATENCY
from sdbench.compare.status import NOT_MEASURED
from sdbench.compare.verdict import Verdict, gravity
from sdbench.report.comparison_words import (
    effect_text,
    is_open,
    looks_worse,
    metric_words,
    plural,
    seen_text,
    sentence,
    units_text,
)

Told = tuple[Row, Finding]

MOST_NAMED = 3
"""Configurations that one sentence names; the rows tell the others."""

ENDING_WORDS = {
    Ending.CLEAN: "nothing fails",
    Ending.REGRESSION: "a regression",
    Ending.INCOMPLETE: "something is missing",
    Ending.UNFIT: "the environment is unfit",
}
"""What each exit code says."""


def headline(comparison: Comparison) -> str:
    """The answer in one sentence, without a full stop."""
    match comparison.ending:
        case Ending.REGRESSION:
            return _regressions(comparison.failing)
        case Ending.UNFIT:
            return f"Environment unfit: {_listed(comparison.unfit)}; times cannot be judged"
        case Ending.INCOMPLETE:
            return f"Incomplete: {_absence(comparison)}"
        case _ if comparison.advisory:
            return f"Advisory: {_listed(comparison.advisory)}, so nothing fails"
        case _ if doubtful := _doubtful(comparison):
            return _cannot_tell(comparison, doubtful)
        case _:
            return f"No regression found; {_seen(comparison)}"


def further(comparison: Comparison) -> tuple[str, ...]:
    """What else is to be known at once, in sentences; the headline's own are not repeated."""
    return tuple(f"{_capital(text).rstrip('. ')}." for text in _further(comparison))


def limits(comparison: Comparison) -> tuple[str, ...]:
    """What could have been seen, and what could not, in sentences."""
    return tuple(f"{_capital(text).rstrip('. ')}." for text in _limits(comparison))


def counts(comparison: Comparison) -> str:
    """How many configurations have which verdict; the gravest first."""
    counted = Counter(row.verdict for row in comparison.rows)
    told = ", ".join(f"{counted[one]} {one.value}" for one in sorted(counted, key=gravity))
    rows = plural(len(comparison.rows), "configuration")
    return f"{rows}: {told}" if told else rows


def exit_text(comparison: Comparison) -> str:
    """The exit code and what it says."""
    return f"exit code {comparison.exit_code}: {ENDING_WORDS[comparison.ending]}"


def control_text(comparison: Comparison) -> str:
    """What one build against itself looked like in the job; empty for stored runs."""
    control = comparison.control
    if control is None:
        return "no control was measured" if comparison.kind is Kind.PAIRED else ""
    number = f", {units_text(control.effect.units, 'pairs')}" if control.effect else ""
    return (
        f"the baseline against itself, as a control: {control.verdict.value}, "
        f"{metric_words(control.metric)} {effect_text(control)}{number}"
    )


def _further(comparison: Comparison) -> Iterator[str]:
    ending, advisory = comparison.ending, comparison.advisory
    if advisory and ending is not Ending.CLEAN:
        yield f"advisory: {_listed(advisory)}, so nothing else fails"
    if advisory and (found := tuple(comparison.regressions())):
        yield f"{_regressions(found)}; this fails nothing here"
    if comparison.unfit and ending is not Ending.UNFIT:
        yield f"the environment is unfit, times cannot be judged: {_listed(comparison.unfit)}"
    if comparison.doubted and not advisory:
        yield f"measured all the same: {_regressions(comparison.doubted)}"
    if ending is not Ending.INCOMPLETE and (comparison.incomplete or comparison.missing):
        yield f"incomplete: {_absence(comparison)}"
    doubtful, opened = _doubtful(comparison), _open(comparison)
    if doubtful and (ending is not Ending.CLEAN or advisory):
        yield _cannot_tell(comparison, doubtful)
    elif opened and not doubtful:
        yield _not_ruled_out(comparison, opened)
    findings = tuple(_findings(comparison))
    if ungated := [
        told for told in findings if told[1].verdict.is_regression and not told[1].fails
    ]:
        yield f"worse, but not gated: {_named(ungated)}"
    if better := [told for told in findings if told[1].verdict.is_improvement and told[1].is_gated]:
        yield f"{plural(len(better), 'improvement')}: {_named(better)}"


def _limits(comparison: Comparison) -> Iterator[str]:
    times = _gated_times(comparison)
    if times:
        if (seen := _seen(comparison)) not in headline(comparison):
            yield seen
        yield f"seen means: called a regression in {100 * POWER:g} % of such jobs"
    else:
        yield "times are not gated, or none was measured: nothing can be said of slowdowns"
    unknown = [told for told in times if told[1].detectable_ratio is None]
    if unknown:
        names = _names([row.name for row, _ in unknown])
        yield f"what could have been seen is not known for {names}"
    if comparison.family_size > 1:
        yield (
            f"{comparison.family_size} tests of times share one chance of a false alarm, of "
            f"{100 * ALPHA:g} %"
        )
    if control := control_text(comparison):
        yield control
    if comparison.kind is Kind.STORED:
        yield (
            "the runs were measured at two times; sdbench ab measures both sides in turn, and "
            "sees smaller changes"
        )
    yield from comparison.notes


def _regressions(found: Sequence[Told]) -> str:
    ordered = _gravest_first(found)
    rows = len({row.key for row, _ in found})
    number = plural(len(found), "regression")
    if len(found) == 1:
        return f"{number}: {sentence(*ordered[0])}"
    where = f" in {plural(rows, 'configuration')}" if rows > 1 else ""
    return f"{number}{where}; the gravest: {sentence(*ordered[0])}"


def _cannot_tell(comparison: Comparison, opened: Sequence[Told]) -> str:
    ordered = sorted(opened, key=lambda told: -(told[1].effect.high if told[1].effect else 0))
    text = sentence(*ordered[0])
    rows = len({row.key for row, _ in opened})
    if len(comparison.rows) == 1:
        return f"Cannot tell: {text}"
    most = "" if len(opened) == 1 else "; the least certain"
    return (
        f"Cannot tell for {rows} of {plural(len(comparison.rows), 'configuration')}{most}: {text}"
    )


def _not_ruled_out(comparison: Comparison, opened: Sequence[Told]) -> str:
    """What is more than allowed, less than would have been seen, and so neither."""
    rows = len({row.key for row, _ in opened})
    of = f"{rows} of {plural(len(comparison.rows), 'configuration')}"
    return f"a smaller slowdown beyond the margin is not ruled out for {of}"


def _seen(comparison: Comparison) -> str:
    """From which size on slowdowns would have been seen."""
    ratios = [
        finding.detectable_ratio
        for _, finding in _gated_times(comparison)
        if finding.detectable_ratio is not None
    ]
    if not ratios:
        return "times are not gated, or too few to judge: slowdowns would not have been seen"
    rows = sum(row.verdict not in (Verdict.NEW, Verdict.GONE) for row in comparison.rows)
    everywhere, half = seen_text(max(ratios)), seen_text(median_low(ratios))
    where = "every configuration"
    if len(ratios) < rows:
        where = f"{len(ratios):,} of {plural(rows, 'configuration')}"
    text = f"slowdowns from {everywhere} on would have been seen"
    text += f" in {where}" if rows > 1 else ""
    return text if half == everywhere else f"{text} (in half of them from {half} on)"


def _gated_times(comparison: Comparison) -> list[Told]:
    """Of each configuration the latency, or the gated time that can hide the most without it."""
    found = []
    for row in comparison.rows:
        times = [one for one in row.findings if _is_judged_time(one)]
        latency = [one for one in times if one.metric == LATENCY]
        if times:
            found.append((row, max(latency or times, key=_hides)))
    return found


def _is_judged_time(finding: Finding) -> bool:
    is_time = finding.is_gated and finding.unit is Unit.SECONDS
    return is_time and not finding.verdict.is_unchecked


def _hides(finding: Finding) -> float:
    """The largest slowdown that could have gone unseen, as a ratio."""
    return math.inf if finding.detectable_ratio is None else finding.detectable_ratio


def _absence(comparison: Comparison) -> str:
    parts = [text.rstrip(". ") for text in comparison.incomplete]
    for told in _ABSENCES:
        rows = [row for row in comparison.missing if _absent(row) == told]
        if rows:
            names = _names([row.name for row in rows])
            parts.append(f"{plural(len(rows), 'configuration')} {told} ({names})")
    return "; ".join(parts) or "nothing was compared"


_NO_DATA = "without data on a side"
_DERIVED = "derived, not measured, on a side: compare runs of --plan exhaustive or --rounds"
_ONLY_ASKED = {
    Verdict.NEW: "that only the candidate was asked for",
    Verdict.GONE: "that only the baseline was asked for",
}
_ABSENCES = (_NO_DATA, _DERIVED, *_ONLY_ASKED.values())


def _absent(row: Row) -> str:
    """Why a row that is not checked is not."""
    gated = [one for one in row.findings if one.is_gated]
    asked = next((_ONLY_ASKED[one.verdict] for one in gated if one.verdict in _ONLY_ASKED), None)
    is_derived = any(NOT_MEASURED in one.reason for one in gated)
    return asked or (_DERIVED if is_derived else _NO_DATA)


def _open(comparison: Comparison) -> list[Told]:
    return [told for told in _findings(comparison) if is_open(told[1])]


def _doubtful(comparison: Comparison) -> list[Told]:
    return [told for told in _findings(comparison) if looks_worse(told[1])]


def _findings(comparison: Comparison) -> Iterator[Told]:
    return ((row, finding) for row in comparison.rows for finding in row.findings)


def _gravest_first(found: Iterable[Told]) -> list[Told]:
    """The gravest verdict first; among equal ones the larger change."""
    return sorted(found, key=lambda told: (gravity(told[1].verdict), -_weight(told[1])))


def _weight(finding: Finding) -> float:
    return abs(finding.effect.log) if finding.effect else 0.0


def _named(found: Iterable[Told]) -> str:
    """The gravest of some findings as sentences."""
    return _names([sentence(*told) for told in _gravest_first(found)], "; ")


def _names(names: Sequence[str], between: str = ", ") -> str:
    """The first names, and how many more there are."""
    more = len(names) - MOST_NAMED
    told = between.join(names[:MOST_NAMED])
    return f"{told}{between}and {more:,} more" if more > 0 else told


def _listed(sentences: Sequence[str]) -> str:
    return "; ".join(one.rstrip(". ") for one in sentences)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
