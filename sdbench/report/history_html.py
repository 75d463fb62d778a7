"""A history as one HTML file that opens offline, asks nothing of any network and runs no script."""

from __future__ import annotations

from sdbench.report.history import FOR_READING, HistoryView
from sdbench.report.over_time import SIZES, over_time
from sdbench.report.pages import own_texts, page_environment

_STYLES = ("report.css", "history.css")


def history_html(view: HistoryView) -> str:
    """The page of a history."""
    return (
        page_environment()
        .get_template("history.html.j2")
        .render(
            over_time=over_time(view), for_reading=FOR_READING, style=own_texts(_STYLES), **SIZES
        )
    )
