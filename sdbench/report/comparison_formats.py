"""A comparison of builds in each of its formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sdbench.compare.comparison import Comparison
from sdbench.errors import IllegalValue
from sdbench.report.comparison_github import comparison_github
from sdbench.report.comparison_json import comparison_json
from sdbench.report.comparison_junit import comparison_junit
from sdbench.report.comparison_markdown import comparison_markdown
from sdbench.report.comparison_text import comparison_text
from sdbench.report.files import write_text

ENDINGS: Mapping[str, str] = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".xml": "junit",
    ".json": "json",
    ".html": "html",
    ".htm": "html",
}
"""The format that the ending of a file stands for."""


def _html(comparison: Comparison) -> str:
    """The page; jinja is imported only where there is one."""
    from sdbench.report.comparison_html import comparison_html

    return comparison_html(comparison)


TEXTS: Mapping[str, Callable[[Comparison], str]] = {
    "text": comparison_text,
    "markdown": comparison_markdown,
    "junit": comparison_junit,
    "github": comparison_github,
    "json": comparison_json,
    "html": _html,
}
"""What makes each format, by its name."""


def format_of(path: Path) -> str:
    """The format that a file's ending stands for.

    Raises:
        IllegalValue: It stands for none.
    """
    found = ENDINGS.get(path.suffix.lower())
    if found is None:
        raise IllegalValue(path.name, f"a file that ends in {', '.join(ENDINGS)}")
    return found


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Writes a comparison to a file, in the format of its ending, as a whole or not at all."""
    text = TEXTS[format_of(path)](comparison)
    write_text(path, text)
