"""Convergence, stages, the way from the default, noise and evidence on the page, in a browser."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from factories import PIPELINE, around, fidelity, record, run
from picture_files import write_pictures

from sdbench.report.html import write_html
from sdbench.suite.model import Inputs, Limits, Suite
from sdbench.units import MIB

PROMPT = 'a <b>bold</b> "cat" & it\'s <script>alert(1)</script>'
ROWS = [
    ("euler", 5, "fp32", 0.50, 0.5),
    ("euler", 50, "fp32", 5.00, 0.8),
    ("euler", 5, "bf16", 0.25, 0.4),
    ("euler", 50, "bf16", 2.50, 0.75),
    ("heun", 5, "bf16", 0.50, 0.6),
    ("heun", 50, "bf16", 5.00, 0.9),
]
"""Scheduler, steps, arithmetic, seconds of an image, fidelity: the rows of the page, in order."""

sync_api = pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    records = [
        record(
            scheduler=scheduler,
            prompt=PROMPT,
            steps=steps,
            dtype=dtype,
            samples_s=around(seconds),
            allocated_mib=300 if dtype == "bf16" else 600,
            rss_mib=None,
            fidelity=fidelity(score, denoiser_evaluations=steps),
            fields={"stages_s": {"denoiser": (0.9 * seconds,), "vae_decode": (0.1 * seconds,)}},
        )
        for scheduler, steps, dtype, seconds, score in ROWS
    ]
    default = record(
        prompt=PROMPT,
        samples_s=around(5.0),
        rss_mib=None,
        fidelity=fidelity(0.7, denoiser_evaluations=50),
        fields={"stages_s": {"denoiser": (4.5,), "vae_decode": (0.5,)}},
    )
    again = replace(records[3], round=1)
    suite = Suite(
        name="sections",
        fixed={"pipeline": PIPELINE, "prompt": PROMPT},
        inputs=Inputs(prompts=(PROMPT,)),
        limits=Limits(fidelity=0.7, memory_bytes=900 * MIB),
    )
    one = run(folder, [*records, default, again], suite=suite)
    path = folder / "report.html"
    write_html(write_pictures(one), path)
    return path


@pytest.fixture
def page(reused, report: Path) -> sync_api.Page:
    return reused(report)


def cell(page: sync_api.Page, scheduler: int, steps: int) -> sync_api.Locator:
    """A cell of the map, counted from 0."""
    row = page.locator(".heat-map tbody tr").nth(scheduler)
    return row.locator("td").nth(steps)


def test_lines_are_drawn_against_seconds_when_they_come_near(page) -> None:
    chart = page.locator(".convergence-chart")
    chart.scroll_into_view_if_needed()
    chart.locator(".main-svg").first.wait_for()
    lines = (
        "(chart) => chart.data.filter(({ mode }) => mode !== 'markers').map(({ x, y }) => [x, y])"
    )
    # The recommendation is in bf16, and so are the lines; the default scheduler has one point.
    assert chart.evaluate(lines)[:2] == [[[0.25, 2.5], [0.4, 0.75]], [[0.5, 5], [0.6, 0.9]]]
    title = chart.locator(".xtitle")
    sync_api.expect(title).to_have_text("latency an image (s)")
    page.locator("#convergence-by").select_option("evaluations")
    sync_api.expect(title).to_have_text("denoiser evaluations (NFE)")
    assert chart.evaluate(lines)[0] == [[5, 50], [0.4, 0.75]]


def test_cells_follow_the_limits(page) -> None:
    fits = re.compile("fits")
    sync_api.expect(cell(page, 0, 0)).not_to_have_class(fits)
    sync_api.expect(cell(page, 0, 1)).to_have_class(fits)
    page.evaluate("setLimits({ fidelity: 0.85 })")
    sync_api.expect(cell(page, 0, 1)).not_to_have_class(fits)
    sync_api.expect(cell(page, 1, 1)).to_have_class(fits)
    assert "does not keep to the limits" in (cell(page, 0, 1).text_content() or "")


def test_a_click_on_a_cell_marks_its_configuration_and_escape_clears(page) -> None:
    cell(page, 1, 1).get_by_role("button").click()
    assert page.evaluate("state.selected") == 5
    sync_api.expect(cell(page, 1, 1)).to_have_class(re.compile("selected"))
    page.keyboard.press("Escape")
    sync_api.expect(cell(page, 1, 1)).not_to_have_class(re.compile("selected"))


def test_cells_can_be_coloured_by_seconds(page) -> None:
    colour = "(cell) => getComputedStyle(cell).backgroundColor"
    before = cell(page, 1, 1).evaluate(colour)
    page.locator("#heat-by").select_option("slowness")
    assert cell(page, 1, 1).evaluate(colour) != before
    assert cell(page, 0, 0).evaluate(colour) != cell(page, 1, 1).evaluate(colour)


CONTRASTS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const parts = [...canvas.getImageData(0, 0, 1, 1).data].map((byte) => linear(byte / 255));
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  return [...document.querySelectorAll(".heat")].map((cell) => {
    const ink = getComputedStyle(cell.querySelector(".of-image")).color;
    const [dark, light] = [getComputedStyle(cell).backgroundColor, ink]
      .map(luminance).sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  });
}"""
"""Of text and background in each cell, as WCAG 2.2 defines it."""


def test_text_in_cells_can_be_read_on_every_colour_in_light_and_dark(page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for by in ("fidelity", "slowness"):
            page.locator("#heat-by").select_option(by)
            contrasts = page.evaluate(CONTRASTS)
            assert len(contrasts) == 5
            assert min(contrasts) >= 4.5, (scheme, by)


def test_the_way_from_the_default_is_of_the_suites_limits_and_says_so(page) -> None:
    rows = page.locator(".fall tbody tr")
    assert rows.count() > 1
    sync_api.expect(rows.last).to_contain_text("recommended")
    note = page.locator("#waterfall-edited")
    sync_api.expect(note).to_be_hidden()
    page.evaluate("setLimits({ fidelity: 0.85 })")
    sync_api.expect(note).to_be_visible()
    page.evaluate("setLimits({ fidelity: 0.7 })")
    sync_api.expect(note).to_be_hidden()


def test_a_click_on_a_row_of_the_way_marks_its_configuration(page) -> None:
    row = page.locator(".fall tbody tr").last
    row.get_by_role("button").click()
    assert page.evaluate("state.selected") == int(row.get_attribute("data-row") or -1)
    sync_api.expect(row).to_have_class(re.compile("selected"))


def test_what_was_measured_again_can_be_selected_by_keyboard(page) -> None:
    button = page.locator(".noise .mark-row").first
    button.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("state.selected") == 3
    sync_api.expect(button).to_have_attribute("aria-pressed", "true")


def test_no_section_is_wider_than_the_page(page) -> None:
    names = ["convergence", "stages", "waterfall", "noise", "evidence"]
    for width in (390, 800, 1100, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate(
            """(names) => names.filter((name) => {
              const section = document.querySelector(`section.${name}`);
              return section.scrollWidth > section.clientWidth + 1;
            })""",
            names,
        )
        assert wide == [], width
