"""The report as one HTML file that opens offline and asks nothing of any network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from sdbench.report.files import write_text
from sdbench.report.glossary import GLOSSARY
from sdbench.report.history import HistoryView
from sdbench.report.over_time import SIZES, over_time
from sdbench.report.pages import own_texts, page_environment
from sdbench.report.table_data import table_data
from sdbench.report.view import report_view
from sdbench.results.store import Run

_STYLES = (
    "report.css",
    "glossary.css",
    "chart.css",
    "table.css",
    "answer.css",
    "pictures.css",
    "memory_map.css",
    "stages.css",
    "heat_map.css",
    "waterfall.css",
    "noise.css",
    "history.css",
    "evidence.css",
    "only_chart.css",
)
_SCRIPTS = (
    "report.js",
    "only_chart.js",
    "glossary.js",
    "words.js",
    "rows.js",
    "feasibility.js",
    "objective.js",
    "relaxing.js",
    "engine.js",
    "sentences.js",
    "gain.js",
    "reasons.js",
    "quantities.js",
    "state.js",
    "answer.js",
    "limits.js",
    "scatter.js",
    "picked.js",
    "table.js",
    "tiles.js",
    "memory_map.js",
    "convergence.js",
    "heat_map.js",
    "waterfall.js",
    "noise.js",
    "contents.js",
    "start.js",
)
"""One script on the page; the later files use what the first one declares."""


def write_html(run: Run, path: Path) -> None:
    """Writes the report of a run to a file, as a whole or not at all."""
    write_text(path, html(run))


def html(run: Run, history: HistoryView | None = None) -> str:
    """The report of a run.

    Args:
        run: The run.
        history: Earlier and later runs of its suite, for a section of their own.
    """
    environment = page_environment()
    environment.globals["glossary"] = GLOSSARY
    view = report_view(run)
    return environment.get_template("report.html.j2").render(
        view=view,
        over_time=over_time(history) if history else None,
        **SIZES,
        charts=island({"scatter": view.chart, "convergence": view.convergence_chart}),
        page=island(view.page),
        table=island(table_data(view.table)),
        style=own_texts(_STYLES),
        script=own_texts(_SCRIPTS),
        plotly=_plotly(),
    )


def island(data: Mapping[str, Any]) -> Markup:
    """JSON that may stand inside a script element: nothing in it can end or comment it out."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


@cache
def _plotly() -> Markup:
    """Plotly's script, as its package has it."""
    return Markup(get_plotlyjs())
