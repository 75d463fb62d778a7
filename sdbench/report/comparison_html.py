"""A comparison as one HTML file that opens offline; it has no script and asks nothing of anyone."""

from __future__ import annotations

from sdbench.compare.comparison import Comparison, Ending
from sdbench.report.comparison_forest import forest
from sdbench.report.comparison_view import comparison_view
from sdbench.report.comparison_words import ARROW, unbroken, value_text
from sdbench.report.pages import own_texts, page_environment

_STYLES = ("report.css", "hardware.css", "comparison.css")


def comparison_html(comparison: Comparison) -> str:
    """The page of a comparison."""
    environment = page_environment()
    environment.globals["value_text"] = value_text
    environment.filters["unbroken"] = _unbroken
    view = comparison_view(comparison)
    return environment.get_template("comparison.html.j2").render(
        view=view,
        forest=forest(view),
        tone=_tone(comparison),
        style=own_texts(_STYLES),
    )


def _unbroken(text: str) -> str:
    """The text with figures that stay on one line, and an arrow that no line ends within."""
    return unbroken(text).replace(ARROW, "→")


def _tone(comparison: Comparison) -> str:
    """How the answer is coloured; its words say the same."""
    if comparison.advisory and comparison.ending is Ending.CLEAN:
        return "advisory"
    return comparison.ending.name.lower()
