"""The report in each of its formats: a page, Markdown, a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sdbench.report.files import write_text
from sdbench.report.history import HistoryView
from sdbench.report.html import html
from sdbench.report.markdown import markdown
from sdbench.report.picture_of_chart import write_png
from sdbench.results.store import Run

ENDINGS: Mapping[str, tuple[str, ...]] = {
    "html": (".html", ".htm"),
    "markdown": (".md", ".markdown"),
    "png": (".png",),
}
"""Names of the formats, with the endings of their files, the usual one first."""

TEXTS: Mapping[str, Callable[[Run], str]] = {"html": html, "markdown": markdown}
"""What makes each format that can be printed."""


def format_of(path: Path) -> str:
    """The format that a file's ending stands for; ``html`` where it stands for none."""
    ending = path.suffix.lower()
    return next((name for name, endings in ENDINGS.items() if ending in endings), "html")


def report_text(run: Run, format_name: str, history: HistoryView | None = None) -> str:
    """A report that can be printed.

    Args:
        run: The run.
        format_name: One of `TEXTS`.
        history: Other runs of its suite, which the page shows too.
    """
    return html(run, history) if format_name == "html" else TEXTS[format_name](run)


def write_report(
    run: Run, format_name: str, path: Path, history: HistoryView | None = None
) -> None:
    """Writes a report to a file, as a whole or not at all.

    Args:
        run: The run.
        format_name: One of `ENDINGS`.
        path: The file; it is replaced.
        history: Other runs of its suite, which the page shows too.
    """
    if format_name == "png":
        write_png(run, path)
        return
    text = report_text(run, format_name, history)
    write_text(path, text)
