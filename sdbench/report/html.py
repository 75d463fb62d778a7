"""The report as one HTML file that opens offline and asks nothing of any network."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from sdbench.report.files import write_atomically
from sdbench.report.glossary import GLOSSARY
from sdbench.report.history import HistoryView
from sdbench.report.over_time import SIZES, over_time
from sdbench.report.table_data import table_data
from sdbench.report.view import report_view
from sdbench.results.store import Run

_TEMPLATES = "templates"
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
    text = html(run)
    write_atomically(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def html(run: Run, history: HistoryView | None = None) -> str:
    """The report of a run.

    Args:
        run: The run.
        history: Earlier and later runs of its suite, for a section of their own.
    """
    environment = Environment(
        loader=PackageLoader("sdbench.report", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["glossary"] = GLOSSARY
    environment.filters["breakable"] = breakable
    view = report_view(run)
    return environment.get_template("report.html.j2").render(
        view=view,
        over_time=over_time(history) if history else None,
        **SIZES,
        charts=island({"scatter": view.chart, "convergence": view.convergence_chart}),
        page=island(view.page),
        table=island(table_data(view.table)),
        style=Markup("").join(map(_own_text, _STYLES)),
        script=Markup("").join(map(_own_text, _SCRIPTS)),
        plotly=_plotly(),
    )


def breakable(text: str) -> Markup:
    """A text whose long names may break after their own signs, not inside a word."""
    return Markup(re.sub("([_=/])", r"\1<wbr>", str(escape(text))))


def island(data: Mapping[str, Any]) -> Markup:
    """JSON that may stand inside a script element: nothing in it can end or comment it out."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


@cache
def _own_text(name: str) -> Markup:
    """A file of this package, which needs no escaping."""
    folder = resources.files("sdbench.report") / _TEMPLATES
    return Markup((folder / name).read_text(encoding="utf-8"))


@cache
def _plotly() -> Markup:
    """Plotly's script, as its package has it."""
    return Markup(get_plotlyjs())
