"""A history in each of its formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sdbench.report.files import write_text
from sdbench.report.history import HistoryView
from sdbench.report.history_json import history_json
from sdbench.report.history_markdown import history_markdown
from sdbench.report.history_text import history_text

ENDINGS: Mapping[str, str] = {
    ".txt": "text",
    ".json": "json",
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".markdown": "markdown",
}
"""The format that the ending of a file stands for."""


def _html(view: HistoryView) -> str:
    """The page; jinja is imported only where there is one."""
    from sdbench.report.history_html import history_html

    return history_html(view)


TEXTS: Mapping[str, Callable[[HistoryView], str]] = {
    "text": history_text,
    "json": history_json,
    "html": _html,
    "markdown": history_markdown,
}
"""What makes each format, by its name."""


def write_history(view: HistoryView, format_name: str, path: Path) -> None:
    """Writes a history to a file, as a whole or not at all.

    Args:
        view: The history.
        format_name: One of `TEXTS`.
        path: The file; it is replaced.
    """
    text = TEXTS[format_name](view)
    write_text(path, text)
