"""The page of a history, and the section of a run's report, as a browser shows them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from factories import record
from histories import calls, run_of

from sdbench.analysis.history import history
from sdbench.report.formats import write_report
from sdbench.report.history import history_view
from sdbench.report.history_formats import write_history

sync_api = pytest.importorskip("playwright.sync_api")

PROMPT = "<script>alert(1)</script> " + "very_long_" * 20


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> tuple[Path, Path]:
    """The page of a history, and the report of its last run: a step in one configuration."""
    generator = random.Random(1)
    runs = [
        run_of(
            day,
            [
                record(
                    steps=steps,
                    prompt=PROMPT if steps == 4 else None,
                    samples_s=calls(generator.lognormvariate(0.1 * (day >= 10) * steps / 4, 0.01)),
                )
                for steps in (4, 9, 1)
            ],
            fingerprint={"torch": "2.13.0"} if day >= 15 else None,
        )
        for day in range(24)
    ]
    view = history_view(history(runs))
    folder = tmp_path_factory.mktemp("history")
    write_history(view, "html", folder / "history.html")
    write_report(runs[-1], "html", folder / "report.html", view)
    return folder / "history.html", folder / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 800, 1400])
def test_the_page_fits_its_width(reused, pages, width, scheme):
    page = reused(pages[0])
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_change_leads_to_its_chart(reused, pages):
    page = reused(pages[0])
    sync_api.expect(page).to_have_title("nightly – history – sdbench")
    page.locator("section[aria-labelledby=changes] a").first.click()
    target = page.locator(".histories > li:target")
    sync_api.expect(target).to_have_count(1)
    sync_api.expect(target.get_by_role("img")).to_be_in_viewport()
    sync_api.expect(target).to_contain_text("slower")


def test_every_run_can_be_read_from_a_table(reused, pages):
    page = reused(pages[0])
    item = page.locator(".histories > li").first
    sync_api.expect(item.get_by_role("table")).to_be_hidden()
    item.locator("summary").click()
    rows = item.locator("tbody tr")
    sync_api.expect(rows).to_have_count(24)
    sync_api.expect(rows.first).to_contain_text("2026-01-24, run-023")


def test_the_report_of_a_run_has_the_history_as_a_section(reused, pages):
    page = reused(pages[1])
    section = page.get_by_role("region", name="Over time", exact=True)
    sync_api.expect(section.locator(".histories svg")).to_have_count(3)
    sync_api.expect(page.locator("#contents")).to_contain_text("Over time")
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
