"""A hardware comparison in each of its formats: a page, Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sdbench.report.files import write_text
from sdbench.report.hardware import HardwareView
from sdbench.report.hardware_html import hardware_html
from sdbench.report.hardware_markdown import hardware_markdown

COMPARISON_TEXTS: Mapping[str, Callable[[HardwareView], str]] = {
    "html": hardware_html,
    "markdown": hardware_markdown,
}
"""What makes each format, by its name."""


def write_comparison(view: HardwareView, format_name: str, path: Path) -> None:
    """Writes a comparison to a file, as a whole or not at all.

    Args:
        view: The comparison.
        format_name: One of `COMPARISON_TEXTS`.
        path: The file; it is replaced.
    """
    text = COMPARISON_TEXTS[format_name](view)
    write_text(path, text)
