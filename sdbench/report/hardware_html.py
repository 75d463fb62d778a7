"""A hardware comparison as one HTML file that opens offline and asks nothing of any network."""

from __future__ import annotations

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from sdbench.report.hardware import HardwareView
from sdbench.report.html import island
from sdbench.report.pages import own_texts, page_environment

_STYLES = ("report.css", "hardware.css")
_SCRIPT = "hardware.js"


def hardware_html(view: HardwareView) -> str:
    """The page of a comparison."""
    return (
        page_environment()
        .get_template("hardware.html.j2")
        .render(
            view=view,
            data=island(view.data),
            style=own_texts(_STYLES),
            script=own_texts([_SCRIPT]),
            plotly=Markup(get_plotlyjs()),
        )
    )
