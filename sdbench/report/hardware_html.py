"""A hardware comparison as one HTML file that opens offline and asks nothing of any network."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from sdbench.report.hardware import HardwareView
from sdbench.report.html import island

_TEMPLATES = "templates"
_STYLES = ("report.css", "hardware.css")
_SCRIPT = "hardware.js"


def hardware_html(view: HardwareView) -> str:
    """The page of a comparison."""
    environment = Environment(
        loader=PackageLoader("sdbench.report", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("hardware.html.j2").render(
        view=view,
        data=island(view.data),
        style=Markup("").join(map(_own_text, _STYLES)),
        script=_own_text(_SCRIPT),
        plotly=Markup(get_plotlyjs()),
    )


def _own_text(name: str) -> Markup:
    """A file of this package, which needs no escaping."""
    folder = resources.files("sdbench.report") / _TEMPLATES
    return Markup((folder / name).read_text(encoding="utf-8"))
