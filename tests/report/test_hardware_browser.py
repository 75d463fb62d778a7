"""The page of a hardware comparison as a browser shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hardware_runs import run_on, sweep

from sdbench.report.hardware import hardware_view
from sdbench.report.hardware_formats import write_comparison
from sdbench.suite.price import Price

sync_api = pytest.importorskip("playwright.sync_api")

NAME = 'GPU <b>"bold"</b> & co'
PROMPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def comparison(tmp_path_factory) -> Path:
    """Three devices; the last is small, and its name is a trap. 270 configurations."""
    folder = tmp_path_factory.mktemp("hardware")

    def records(per_image_s: float, fixed_s: float, fits: int = 1000):
        common = [*sweep(per_image_s, fixed_s, fits=fits), *sweep(9.0, fits=fits, prompt=PROMPT)]
        more = [one for n in range(3, 91) for one in sweep(per_image_s * n, fits=fits, steps=n)]
        return [*common, *more]

    runs = [
        run_on(folder, "NVIDIA L4", records(1.0, 0.0)),
        run_on(folder, "NVIDIA H100", records(0.02, 0.48)),
        run_on(folder, "small", records(2.0, 0.0, fits=2), device=NAME),
    ]
    path = folder / "compare.html"
    prices = [Price("L4", 0.5, "EUR"), Price("H100", 4.0, "EUR")]
    write_comparison(hardware_view(runs, prices), "html", path)
    return path


@pytest.fixture
def page(reused, comparison) -> sync_api.Page:
    page = reused(comparison)
    page.locator("#bars .main-svg").first.wait_for()
    return page


def cells(page: sync_api.Page, column: int) -> list[str]:
    rows = page.locator(f"[data-table=configurations] tbody tr > :nth-child({column})")
    return [text.strip() for text in rows.all_inner_texts()]


def test_the_page_opens_without_a_complaint_or_a_request(page):
    sync_api.expect(page).to_have_title("3 devices – hardware comparison – sdbench")
    sync_api.expect(page.locator("h1")).to_contain_text("is the fastest")
    sync_api.expect(page.locator(".devices")).to_contain_text(NAME)


def test_the_bars_show_both_batches_and_what_they_cost(page):
    bars = page.locator("#bars")
    page.locator("#family").select_option(index=1)
    read = "(chart) => chart.data.map(({ name, x }) => [name, x.map(Math.round)])"
    first = bars.evaluate(read)
    assert [name for name, _ in first] == ["batch 1", "saturating batch"]
    page.locator("#measure").select_option("unit")
    second = bars.evaluate(read)
    for (_, speeds), (_, worths) in zip(first, second, strict=True):
        assert worths[:2] == pytest.approx([speeds[0] / 0.5, speeds[1] / 4.0], abs=1)
        assert worths[2] == 0
    sync_api.expect(bars.locator(".xtitle")).to_have_text("images per EUR")
    sync_api.expect(bars).to_contain_text("no price was given")


def test_rows_are_made_on_demand(page):
    assert len(cells(page, 1)) == 200
    page.get_by_role("button", name="Show 70 more").click()
    assert len(cells(page, 1)) == 270


def test_the_filter_finds_what_ran_out_of_memory(page):
    place = page.locator("[data-table=configurations]")
    place.get_by_role("searchbox").fill("status:oom batch 4")
    sync_api.expect(place.get_by_role("status")).to_have_text("90 of 270")
    assert set(cells(page, 4)) == {"oom"}


def test_a_heading_sorts_and_what_has_no_figure_comes_last(page):
    place = page.locator("[data-table=configurations]")
    page.get_by_role("button", name="Show 70 more").click()
    heading = place.locator("thead th").nth(3)
    # 2 s an image of the fewest steps, and 90 times as long; the largest batch never fits.
    for direction, first in (("ascending", "20.0"), ("descending", "1,800")):
        heading.get_by_role("button").press("Enter")
        sync_api.expect(heading).to_have_attribute("aria-sort", direction)
        found = cells(page, 4)
        assert (found[0].split()[0], found[-1]) == (first, "oom")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 800, 1400])
def test_the_page_fits_its_width(page, tmp_path, width, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.screenshot(path=tmp_path / "page.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_answer_and_bars_share_the_first_screen_of_a_desktop(page):
    page.set_viewport_size({"width": 1400, "height": 900})
    for selector in ("h1", "#bars"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900
