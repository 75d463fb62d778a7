"""The frontier as a PNG for a README: the report's own headline and chart, taken by a browser.

The page draws the chart already, so the picture shows the same; what else draws plotly's charts
(kaleido) drives such a browser too, and is one more package.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from sdbench.analysis.measurement import measurements
from sdbench.report.browser import NoPicture, picture_of_page
from sdbench.report.files import write_atomically
from sdbench.report.html import html
from sdbench.results.store import Run

WIDTH, HEIGHT = 1200, 675
"""Of the picture in pixels of the page; ``only_chart.css`` says the same."""

SCALE = 2
"""Screens of high density show twice as many pixels."""


def write_png(run: Run, path: Path) -> None:
    """Writes the headline and the chart of a run, on white, as a whole or not at all.

    Raises:
        NoPicture: Nothing can be drawn, or no browser takes the picture.
    """
    timed = [m for m in measurements(run) if m.latency_per_image is not None]
    if all(m.peak_memory_bytes is None for m in timed):
        raise NoPicture(
            f"{run.folder} has nothing to draw: no configuration has both a latency and a memory "
            "figure"
        )
    with tempfile.TemporaryDirectory() as folder:
        page, picture = Path(folder, "report.html"), Path(folder, "report.png")
        page.write_text(html(run), encoding="utf-8")
        picture_of_page(
            page, picture, fragment="only=chart", width=WIDTH, height=HEIGHT, scale=SCALE
        )
        content = picture.read_bytes()
    write_atomically(path, lambda partial: partial.write_bytes(content))
