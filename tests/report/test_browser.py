"""The page as a browser shows it: Playwright drives the chromium of the system."""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from factories import around, fidelity, record, run
from picture_files import write_pictures

from sdbench.report.html import write_html
from sdbench.results.record import Status
from sdbench.suite.model import Inputs, Limits, Suite
from sdbench.units import MIB

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PROMPT = 'a <b>bold</b> "cat" & it\'s <script>alert(1)</script>'

if CHROMIUM is None:
    if os.environ.get("CI"):
        pytest.fail("no chromium in CI: the report's page would go untested", pytrace=False)
    pytest.skip(
        "NO CHROMIUM: the report's page is not tested; install Debian's package chromium",
        allow_module_level=True,
    )

sync_api = pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    records = [
        record(
            prompt=PROMPT,
            steps=steps,
            dtype=dtype,
            samples_s=around(steps * (0.05 if dtype == "bf16" else 0.1)),
            allocated_mib=300 if dtype == "bf16" else 600,
            device_used_mib=900 if dtype == "bf16" else None,
            rss_mib=1000,
            fidelity=fidelity(score, score - 0.1, denoiser_evaluations=steps),
            fields={"stages_s": {"denoiser": (0.9,), "vae_decode": (0.1,)}},
        )
        for steps, dtype, score in (
            (5, "fp32", 0.5),
            (5, "bf16", 0.4),
            (50, "fp32", 0.9),
            (50, "bf16", 0.95),
        )
    ]
    oom = record(prompt=PROMPT, steps=50, batch_size=4, status=Status.OOM)
    suite = Suite(
        name="browser",
        fixed={"pipeline": {"builtin": "tiny"}, "prompt": PROMPT},
        inputs=Inputs(prompts=(PROMPT,)),
        limits=Limits(memory_bytes=950 * MIB),
    )
    path = folder / "report.html"
    write_html(write_pictures(run(folder, [*records, oom], suite=suite)), path)
    return path


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Iterator[sync_api.BrowserContext]:
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=CHROMIUM, args=ARGUMENTS
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield context
        context.close()


@pytest.fixture
def page(context, report) -> Iterator[sync_api.Page]:
    """The opened page; at the end, that it neither complained nor asked for anything."""
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    page.locator("#chart .main-svg").first.wait_for()
    yield page
    page.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("data:", "blob:"))] == [report.as_uri()]


def column(page: sync_api.Page, heading: str) -> list[str]:
    """The visible texts of a column of the table, from above."""
    headings = page.locator("#configurations thead th").all_inner_texts()
    number = next(i for i, text in enumerate(headings, start=1) if text.split()[0] == heading)
    cells = page.locator(f"#configurations tbody tr:not([hidden]) > :nth-child({number})")
    return [text.strip() for text in cells.all_inner_texts()]


def sort_by(page: sync_api.Page, heading: str) -> sync_api.Locator:
    """Clicks on a heading of the table."""
    cell = page.locator("#configurations thead th").filter(has_text=heading)
    cell.get_by_role("button").click()
    return cell


def test_the_page_opens_without_a_complaint_or_a_request(page):
    sync_api.expect(page.locator("h1")).to_contain_text("50 steps, bf16")
    sync_api.expect(page).to_have_title("browser on Test CPU – sdbench")


def test_a_click_on_a_heading_sorts_and_a_second_one_turns_it_round(page):
    heading = sort_by(page, "latency an image")
    sync_api.expect(heading).to_have_attribute("aria-sort", "ascending")
    # 0.05 s a step in bf16 and 0.1 s in fp32; what has no latency comes last both times.
    assert column(page, "#") == ["2", "1", "4", "3", "5"]
    sort_by(page, "latency an image")
    sync_api.expect(heading).to_have_attribute("aria-sort", "descending")
    assert column(page, "#") == ["3", "4", "1", "2", "5"]


def test_sorting_works_from_the_keyboard(page):
    page.locator("#configurations th button").filter(has_text="steps").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert column(page, "steps") == ["50", "50", "50", "5", "5"]


def test_the_filter_keeps_rows_that_have_every_word(page):
    page.locator("#filter").fill("bf16 ok")
    sync_api.expect(page.locator("#shown")).to_have_text("2 of 5 shown")
    assert column(page, "dtype") == ["bf16", "bf16"]


def test_a_status_under_the_chart_filters_the_table(page):
    page.get_by_role("button", name="1 out of memory").click()
    sync_api.expect(page.locator("#shown")).to_have_text("1 of 5 shown")
    assert column(page, "#") == ["5"]


def test_the_copy_button_copies_the_code(page):
    page.locator("#copy").click()
    sync_api.expect(page.locator("#copied")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#code").text_content()
    literals = [
        node.value for node in ast.walk(ast.parse(copied)) if isinstance(node, ast.Constant)
    ]
    assert PROMPT in literals


def test_the_reason_of_a_dash_opens_by_keyboard(page):
    page.locator("button.remark").first.focus()
    page.keyboard.press("Enter")
    sync_api.expect(page.locator(".remark-text:popover-open")).to_be_visible()


def test_the_memory_figure_on_the_axis_can_be_changed(page):
    title = page.locator("#chart .ytitle")
    sync_api.expect(title).to_have_text("peak memory (largest known) (MiB)")
    page.locator("#figure").select_option("peak_allocated_bytes")
    sync_api.expect(title).to_have_text("allocated (MiB)")
    page.locator("#colour-by").select_option("dtype")
    sync_api.expect(page.locator("#chart .legendtext").first).to_have_text("bf16")


def test_every_picture_is_loaded(page):
    widths = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
    # Reference and answer; the reference of the tiles; four tiles, each beside its reference.
    assert widths == [16] * (2 + 1 + 4 * 2)


def test_the_worst_pictures_can_be_seen_beside_their_references(page):
    beside = page.locator(".tile img.aside").first
    sync_api.expect(beside).to_be_hidden()
    page.get_by_role("radio", name="worst picture").check()
    sync_api.expect(beside).to_be_visible()
    assert page.locator(".tile .shot.worst img:not(.aside):visible").count() == 4


def test_the_convergence_chart_has_a_line_for_plain_arithmetic_and_faint_points(page):
    chart = page.locator(".convergence-chart")
    chart.locator(".main-svg").first.wait_for()
    traces = chart.evaluate("(chart) => chart.data.map(({ mode, x, y }) => [mode, x, y])")
    assert traces == [["markers", [5, 50], [0.4, 0.95]], ["lines+markers", [5, 50], [0.5, 0.9]]]
    title = chart.locator(".xtitle")
    sync_api.expect(title).to_have_text("denoiser evaluations (NFE)")
    page.locator("#convergence-by").select_option("latency_s")
    sync_api.expect(title).to_have_text("latency an image (s)")
    # 0.05 s a step in bf16 and 0.1 s in fp32.
    assert chart.evaluate("(chart) => chart.data.map(({ x }) => x)") == [[0.25, 2.5], [0.5, 5]]


def test_the_table_sorts_by_fidelity(page):
    sort_by(page, "fidelity")
    # 0.4, 0.5, 0.9, 0.95; what has none comes last.
    assert column(page, "#") == ["2", "1", "3", "4", "5"]


def test_points_are_coloured_by_fidelity_with_a_bar_that_tells_it(page):
    sync_api.expect(page.locator("#colour-by")).to_have_value("fidelity")
    sync_api.expect(page.locator("#chart .cbtitle")).to_have_text("fidelity")
    sync_api.expect(page.locator("#chart .legend")).to_contain_text("unbeaten in all three")
    page.locator("#colour-by").select_option("dtype")
    sync_api.expect(page.locator("#chart .cbtitle")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 800, 1400])
def test_the_page_fits_its_width(page, tmp_path, width, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    picture = tmp_path / f"{width}-{scheme}.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 10_000
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_answer_and_chart_share_the_first_screen_of_a_desktop(page):
    page.set_viewport_size({"width": 1400, "height": 900})
    for selector in ("h1", "#chart"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900
