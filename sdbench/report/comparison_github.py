"""A comparison for GitHub Actions: annotations of the run, and the step's summary.

Annotations are lines that the runner reads (workflow commands); it shows ten of each kind for a
step. The summary is a file that the runner names in a variable; one above 1 MiB is refused whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sdbench.compare.comparison import Comparison, Ending
from sdbench.report.comparison_headline import further, headline
from sdbench.report.comparison_markdown import comparison_markdown, sign
from sdbench.report.comparison_words import looks_worse, sentence
from sdbench.report.markdown import escaped

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
"""The environment variable that names the file of a step's summary."""

MOST_OF_A_KIND = 10
MOST_SUMMARY_BYTES = 2**20

_LEVELS = {
    Ending.CLEAN: "notice",
    Ending.REGRESSION: "error",
    Ending.INCOMPLETE: "error",
    Ending.UNFIT: "error",
}


def comparison_github(comparison: Comparison) -> str:
    """The answer as an annotation, and each regression and each doubt as one."""
    level = _LEVELS[comparison.ending]
    if comparison.advisory and level == "notice" and any(comparison.regressions()):
        level = "warning"
    answer = " ".join([f"{headline(comparison)}.", *further(comparison)])
    lines = [_annotation(level, f"sdbench: {comparison.suite}", answer)]
    room = {"error": MOST_OF_A_KIND, "warning": MOST_OF_A_KIND, "notice": MOST_OF_A_KIND}
    room[level] -= 1
    for kind, title, told in _groups(comparison):
        lines += _annotations(kind, f"sdbench: {title}", told, room[kind])
        room[kind] -= min(room[kind], len(told))
    return "\n".join(lines) + "\n"


def append_step_summary(comparison: Comparison, path: Path) -> None:
    """Adds the comparison to a step's summary; its answer alone where the whole does not fit."""
    written = path.stat().st_size if path.exists() else 0
    short = f"{sign(comparison)} **{escaped(headline(comparison))}.**\n"
    for text in (comparison_markdown(comparison), short):
        content = f"{text}\n".encode()
        if written + len(content) <= MOST_SUMMARY_BYTES:
            with path.open("ab") as file:
                file.write(content)
            return


def _groups(comparison: Comparison) -> Iterator[tuple[str, str, list[str]]]:
    """Kind, title and sentences of what has annotations of its own."""
    found, failing = tuple(comparison.regressions()), comparison.failing
    if len(found) > 1:  # a single one is told by the answer
        others = [told for told in found if told not in failing]
        yield "error", "regression", [sentence(*told) for told in failing]
        yield "warning", "regression that fails nothing", [sentence(*told) for told in others]
    findings = ((row, one) for row in comparison.rows for one in row.findings)
    opened = [sentence(row, one) for row, one in findings if looks_worse(one)]
    yield "warning", "cannot tell", opened if len(opened) > 1 or found else []


def _annotations(kind: str, title: str, told: Sequence[str], room: int) -> Iterator[str]:
    """An annotation for each sentence; where there is no room for all, the last counts the rest."""
    shown = told if len(told) <= room else told[: max(0, room - 1)]
    for text in shown:
        yield _annotation(kind, title, text)
    left_out = len(told) - len(shown)
    if left_out and room > 0:
        yield _annotation(kind, title, f"and {left_out} more")


def _annotation(kind: str, title: str, text: str) -> str:
    return f"::{kind} title={_escaped_property(title)}::{_escaped_data(text)}"


def _escaped_data(text: str) -> str:
    """A message that the runner reads as it stands."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    """The same of a property, which a colon or a comma would end."""
    return _escaped_data(text).replace(":", "%3A").replace(",", "%2C")
