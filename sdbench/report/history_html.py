"""A history as one HTML file that opens offline, asks nothing of any network and runs no script."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sdbench.report.history import FOR_READING, HistoryView
from sdbench.report.html import breakable
from sdbench.report.over_time import SIZES, over_time

_TEMPLATES = "templates"
_STYLES = ("report.css", "history.css")


def history_html(view: HistoryView) -> str:
    """The page of a history."""
    environment = Environment(
        loader=PackageLoader("sdbench.report", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    folder = resources.files("sdbench.report") / _TEMPLATES
    style = Markup("").join(Markup((folder / name).read_text(encoding="utf-8")) for name in _STYLES)
    return environment.get_template("history.html.j2").render(
        over_time=over_time(view), for_reading=FOR_READING, style=style, **SIZES
    )
