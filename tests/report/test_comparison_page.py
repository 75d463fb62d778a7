"""The page of a comparison as a browser shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import comparisons as ready
import pytest
from comparisons import comparison, row, status, time

from sdbench.compare.comparison import Comparison
from sdbench.compare.verdict import Verdict
from sdbench.report.comparison_forest import forest
from sdbench.report.comparison_formats import write_comparison
from sdbench.report.comparison_html import comparison_html
from sdbench.report.comparison_view import comparison_view

sync_api = pytest.importorskip("playwright.sync_api")

NAME = 'prompt <script>alert(1)</script> & "quotes", ' + "verylongword" * 8


def everything() -> Comparison:
    """Each kind of finding, a wild interval, and a name that is a trap."""
    wild = time(Verdict.AMBIGUOUS, 1.05, 0.6, 1.9)
    rows = (
        *ready.regression().rows,
        *ready.ambiguous().rows[:1],
        *ready.other_plan().rows[:2],
        row(status(), wild, time(metric="stage:denoiser", margin=0.05), name=NAME),
    )
    return comparison(*rows)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("comparison") / "comparison.html"
    write_comparison(everything(), found)
    return found


@pytest.fixture
def page(reused: Callable[[Path], sync_api.Page], path: Path) -> sync_api.Page:
    return reused(path)


def test_the_answer_stands_on_top_and_nothing_complains(page: sync_api.Page) -> None:
    sync_api.expect(page).to_have_title("ci on Test GPU – comparison – sdbench")
    sync_api.expect(page.locator("h1")).to_contain_text("5 regressions in 4 configurations")
    sync_api.expect(page.locator(".caveats")).to_contain_text("would have been seen")
    sync_api.expect(page.locator(".findings")).to_contain_text("<script>alert(1)</script>")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 800, 1400])
def test_the_page_fits_its_width(page: sync_api.Page, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(19, 22, 26)"}[scheme]


@pytest.mark.parametrize("width", [390, 1400])
def test_intervals_bands_and_marks_are_drawn_where_they_should_be(
    page: sync_api.Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    expected = forest(comparison_view(everything())).lines
    shapes = page.locator(".forest li svg").evaluate_all(
        """(plots) => plots.map((plot) => {
          const frame = plot.getBoundingClientRect();
          const share = (x) => 100 * (x - frame.left) / frame.width;
          const box = (selector) => plot.querySelector(selector)?.getBoundingClientRect();
          const circle = box("circle");
          return {
            low: share(box(".interval").left), high: share(box(".interval").right),
            x: share((circle.left + circle.right) / 2),
            band: [share(box(".band").left), share(box(".band").right)],
            seen: box(".seen") ? share(box(".seen").left) : null,
            words: plot.getAttribute("aria-label"),
          };
        })"""
    )
    assert len(shapes) == len(expected)
    for shape, line in zip(shapes, expected, strict=True):
        # Half the width of a stroke is 1 % of the narrow plot.
        assert shape["low"] == pytest.approx(line.low_x, abs=1)
        assert shape["high"] == pytest.approx(line.high_x, abs=1)
        assert shape["x"] == pytest.approx(line.x, abs=0.1)
        assert shape["band"] == pytest.approx(list(line.band_x), abs=0.1)
        assert (shape["seen"] is None) == (line.seen_x is None)
        assert shape["seen"] is None or shape["seen"] == pytest.approx(line.seen_x, abs=1)
        assert shape["words"] == line.words


def test_every_finding_is_a_row_and_what_differs_is_marked(page: sync_api.Page) -> None:
    findings = sum(len(one.findings) for one in everything().rows)
    assert page.locator(".findings tbody tr").count() == findings
    sync_api.expect(page.locator(".facts-table tr.differs")).to_have_count(1)
    sync_api.expect(page.locator(".facts-table tr.differs")).to_contain_text("diffusers")


@pytest.mark.parametrize("name", ready.READY)
def test_every_ending_has_a_page_without_scripts(name: str) -> None:
    found = ready.READY[name]()
    text = comparison_html(found)
    assert comparison_view(found).ending in text
    assert "<script" not in text
    assert "http" not in text.replace('http-equiv="Content-Security-Policy"', "")


def test_a_comparison_without_times_or_rows_has_a_page() -> None:
    assert "No gated time has an interval" in comparison_html(comparison(row(status())))
    assert "Nothing was compared." in comparison_html(replace(ready.clean(), rows=()))
