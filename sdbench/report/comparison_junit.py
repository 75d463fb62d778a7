"""A comparison as JUnit XML: a test case for each configuration and gated metric.

What fails the job is a failure; what has no data, or an unfit environment, is an error; a
regression that fails nothing is skipped, with its message; what cannot be told passes, and says so
in its output. Names of configurations hold dots, which viewers take for packages, so that the class
of all test cases is the suite.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from sdbench.compare.comparison import Comparison, Ending, Unit
from sdbench.compare.verdict import Verdict
from sdbench.report.comparison_headline import ENDING_WORDS
from sdbench.report.comparison_view import ComparisonView, FindingView, RowView, comparison_view
from sdbench.report.comparison_words import sentence

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A test case.

    Attributes:
        name: Its name.
        outcome: ``failure``, ``error``, ``skipped``, or None where it passes.
        type: What kind of outcome it is.
        message: What is wrong, in a sentence; empty where it passes.
        text: All that is known of it.
        time_s: The candidate's time in seconds; 0 for what is no time.
    """

    name: str
    outcome: str | None = None
    type: str = ""
    message: str = ""
    text: str = ""
    time_s: float = 0.0


def comparison_junit(comparison: Comparison) -> str:
    """The comparison as a JUnit XML document."""
    view = comparison_view(comparison)
    cases = [*_of_the_job(view), *_of_rows(view)]
    counts = {
        "tests": len(cases),
        "failures": sum(case.outcome == "failure" for case in cases),
        "errors": sum(case.outcome == "error" for case in cases),
    }
    root = _element(None, "testsuites", {"name": "sdbench", **counts, "time": "0"})
    own = {
        "name": comparison.suite,
        **counts,
        "skipped": sum(case.outcome == "skipped" for case in cases),
        "time": f"{sum(case.time_s for case in cases):.3f}",
        "timestamp": comparison.candidate.started_at.removesuffix("Z"),
    }
    suite = _element(root, "testsuite", own)
    _add_properties(suite, view)
    for case in cases:
        _add_case(suite, case, comparison.suite)
    summary = [view.headline, *view.further, *view.limits, f"{view.counts}; {view.ending}"]
    _element(suite, "system-out", text="\n".join(summary))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return f"{document.decode()}\n"


def _of_the_job(view: ComparisonView) -> Iterator[_Case]:
    """What is wrong with the job as a whole, and its control."""
    comparison = view.comparison
    outcome = "skipped" if comparison.advisory else "error"
    for number, reason in enumerate(comparison.unfit, start=1):
        text = f"{ENDING_WORDS[Ending.UNFIT]}: {reason}"
        yield _Case(
            name=f"environment {number}", outcome=outcome, type="UNFIT", message=text, text=text
        )
    incomplete = comparison.incomplete or (() if comparison.rows else ("nothing was compared",))
    for number, reason in enumerate(incomplete, start=1):
        yield _Case(
            name=f"completeness {number}",
            outcome="error",
            type="INCOMPLETE",
            message=reason,
            text=reason,
        )
    if comparison.control is not None:
        yield _Case(name="control", text=view.control)


def _of_rows(view: ComparisonView) -> Iterator[_Case]:
    for row in view.rows:
        gated = [one for one in row.findings if one.finding.is_gated]
        for one in gated or row.told[:1]:
            yield _of_finding(row, one, view.comparison)


def _of_finding(row: RowView, one: FindingView, comparison: Comparison) -> _Case:
    finding = one.finding
    outcome, because = _outcome(one, comparison)
    is_time = finding.unit is Unit.SECONDS and isinstance(finding.candidate, (int, float))
    figures = ", ".join(part for part in (one.effect, one.values) if part)
    lines = [
        f"{one.verdict}: {row.name}, {one.metric}",
        figures,
        f"margin {one.margin}, slowdowns seen from {one.seen}" if is_time else "",
        one.why,
    ]
    message = sentence(row.row, finding) if outcome else ""
    return _Case(
        name=f"{row.name}: {one.metric}",
        outcome=outcome,
        type=finding.verdict.value,
        message=f"{message}; {because}" if because else message,
        text="\n".join(line for line in lines if line),
        time_s=float(finding.candidate) if is_time and finding.candidate else 0.0,
    )


def _outcome(one: FindingView, comparison: Comparison) -> tuple[str | None, str]:
    """How a finding ends as a test, and why a regression is none that fails."""
    finding = one.finding
    if finding.is_gated and finding.verdict.is_unchecked:
        return "error", ""
    if not finding.fails:
        return None, ""
    if comparison.advisory:
        return "skipped", f"advisory: {'; '.join(comparison.advisory)}"
    if comparison.unfit and finding.verdict is Verdict.SLOWER:
        return "skipped", "the environment was unfit, so that times cannot be judged"
    return "failure", ""


def _add_properties(suite: ET.Element, view: ComparisonView) -> None:
    properties = _element(suite, "properties")
    comparison = view.comparison
    told = {
        "kind": comparison.kind.value,
        "exit_code": str(comparison.exit_code),
        "baseline": comparison.baseline.source,
        "candidate": comparison.candidate.source,
    }
    for fact in view.facts:
        told[f"baseline.{fact.name}"] = fact.baseline
        told[f"candidate.{fact.name}"] = fact.candidate
    for name, value in told.items():
        _element(properties, "property", {"name": name, "value": value})


def _add_case(suite: ET.Element, case: _Case, class_name: str) -> None:
    attributes = {"name": case.name, "classname": class_name, "time": f"{case.time_s:.6f}"}
    element = _element(suite, "testcase", attributes)
    if case.outcome is None:
        _element(element, "system-out", text=case.text)
        return
    _element(element, case.outcome, {"message": case.message, "type": case.type}, case.text)


def _element(
    parent: ET.Element | None,
    tag: str,
    attributes: Mapping[str, object] | None = None,
    text: str | None = None,
) -> ET.Element:
    clean = {name: _clean(str(value)) for name, value in (attributes or {}).items()}
    element = ET.Element(tag, clean) if parent is None else ET.SubElement(parent, tag, clean)
    element.text = None if text is None else _clean(text)
    return element


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
