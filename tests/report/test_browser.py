"""The page as a browser shows it: Playwright drives the chromium of the system."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest
from factories import around, fidelity, record, run
from page_waits import wait_until
from picture_files import write_pictures

from sdbench.report.html import write_html
from sdbench.results.record import Status
from sdbench.suite.model import Inputs, Limits, Suite
from sdbench.units import MIB

PROMPT = 'a <b>bold</b> "cat" & it\'s <script>alert(1)</script>'

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


@pytest.fixture
def page(reused, report) -> sync_api.Page:
    page = reused(report)
    page.locator("#chart .main-svg").first.wait_for()
    return page


def test_the_page_opens_without_a_complaint_or_a_request(page):
    sync_api.expect(page.locator("h1")).to_contain_text("50 steps, bf16")
    sync_api.expect(page).to_have_title("browser on Test CPU – sdbench")


def test_the_copy_button_copies_the_code(page):
    page.locator("#copy").click()
    sync_api.expect(page.locator("#copied")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#code").text_content()
    literals = [
        node.value for node in ast.walk(ast.parse(copied)) if isinstance(node, ast.Constant)
    ]
    assert PROMPT in literals


def test_the_memory_figure_on_the_axis_can_be_changed(page):
    title = page.locator("#chart .ytitle")
    sync_api.expect(title).to_have_text("peak memory (largest known) (MiB)")
    page.locator("#figure").select_option("peak_allocated_bytes")
    sync_api.expect(title).to_have_text("allocated (MiB)")
    page.locator("#colour-by").select_option("dtype")
    sync_api.expect(page.locator("#chart .legendtext").first).to_have_text("bf16")


def test_every_picture_is_loaded(page):
    widths = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
    # At least reference and answer, and four tiles with theirs, each beside its reference.
    assert len(widths) >= 2 + 1 + 4 * 2
    assert set(widths) == {16}


def test_the_worst_pictures_can_be_seen_beside_their_references(page):
    beside = page.locator(".tile img.aside").first
    sync_api.expect(beside).to_be_hidden()
    page.get_by_role("radio", name="worst picture").check()
    sync_api.expect(beside).to_be_visible()
    assert page.locator(".tile .shot.worst img:not(.aside):visible").count() == 4


def test_points_are_coloured_by_fidelity_with_a_bar_that_tells_it(page):
    sync_api.expect(page.locator("#colour-by")).to_have_value("fidelity")
    sync_api.expect(page.locator("#chart .cbtitle")).to_have_text("fidelity")
    sync_api.expect(page.locator("#chart .legend")).to_contain_text("unbeaten in all three")
    page.locator("#colour-by").select_option("dtype")
    sync_api.expect(page.locator("#chart .cbtitle")).to_have_count(0)


def drawn(page: sync_api.Page) -> list[tuple[str, str, int]]:
    """The chart's points: symbol, name, and how many of each."""
    return page.evaluate(  # type: ignore[no-any-return]
        """() => document.getElementById("chart").data
          .filter(({ mode, x }) => mode === "markers" && x.length)
          .map(({ marker, name, x }) => [String(marker.symbol), name ?? "", x.length])"""
    )


def test_what_ran_out_of_memory_is_drawn_and_says_that_it_was_never_timed(page):
    assert ["x-open", "out of memory", 1] in drawn(page)
    page.evaluate(
        """() => {
          const chart = document.getElementById("chart");
          const trace = chart.data.find(({ name }) => name === "out of memory");
          chart.emit("plotly_hover", {
            points: [{ customdata: trace.customdata[0] }], event: { clientX: 800, clientY: 300 },
          });
        }"""
    )
    tip = page.locator("#chart-tip")
    sync_api.expect(tip).to_contain_text("out of memory, so never timed")
    # Of those of 50 steps in fp32, it differs from the third in the batch alone.
    sync_api.expect(tip).to_contain_text("at the latency of 3: 50 steps, fp32")


def test_points_that_break_a_limit_turn_hollow_at_once(page):
    def hollow() -> int:
        return sum(n for symbol, _, n in drawn(page) if symbol in ("circle-open", "square-open"))

    page.locator("#colour-by").select_option("dtype")
    page.evaluate("setLimits({ memory_bytes: null })")
    ring = 2  # points that nothing beats in all three figures
    wait_until(page, "document.querySelector('#chart').layout.shapes.length === 0")
    before = hollow()
    page.evaluate("setLimits({ memory_bytes: 950 * 2 ** 20 })")
    wait_until(page, "document.querySelector('#chart').layout.shapes.length === 1")
    # The two in fp32 peak at 1000 MiB.
    assert (before, hollow()) == (before, before + 2)
    assert before >= ring


def test_the_frontier_is_that_of_what_keeps_to_the_limits_and_follows_them(page):
    def lines() -> list[list[float]]:
        return page.evaluate(  # type: ignore[no-any-return]
            """async () => {
              await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
              return document.getElementById("chart").data
                .filter(({ mode }) => mode === "lines").map(({ x }) => x);
            }"""
        )

    # In bf16 it is both faster and smaller: 0.05 s a step; without a limit steps do not compete.
    page.evaluate("setLimits({ fidelity: null })")
    assert lines() == [[2.5], [0.25]]
    # The worst picture of 0.95 has 0.85, that of 0.9 has 0.8; those of 5 steps are far below.
    page.evaluate("setLimits({ fidelity: 0.82 })")
    assert lines() == [[2.5]]


def test_a_click_on_a_point_marks_its_configuration_in_the_table_and_escape_clears(page):
    page.evaluate(
        "document.getElementById('chart').emit('plotly_click', { points: [{ customdata: 2 }] })"
    )
    sync_api.expect(page.locator("#row-2")).to_have_class(re.compile("selected"))
    sync_api.expect(page.locator(".tile.selected")).to_have_count(1)
    sync_api.expect(page.locator("#picked a")).to_contain_text("3: 50 steps, fp32")
    assert page.evaluate("document.getElementById('chart').layout.shapes.at(-1).type") == "circle"
    page.keyboard.press("Escape")
    sync_api.expect(page.locator(".selected")).to_have_count(0)
    sync_api.expect(page.locator("#picked")).to_be_empty()


def test_a_click_on_a_picture_selects_the_fastest_configuration_that_draws_it(page):
    tile = page.locator(".tile[data-row]").first
    tile.get_by_role("button").click()
    row = tile.get_attribute("data-row")
    sync_api.expect(tile.get_by_role("button")).to_have_attribute("aria-pressed", "true")
    sync_api.expect(page.locator(f"#row-{row}")).to_have_attribute("aria-selected", "true")


def test_a_word_of_the_glossary_is_explained_by_pointer_keyboard_and_tap(page):
    word = page.locator(".term[data-term=frontier]").first
    tip = page.locator("#tip")
    for begin in (word.hover, word.focus, word.click):
        begin()
        sync_api.expect(tip).to_contain_text("no other beats in both latency and memory")
        sync_api.expect(word).to_have_attribute("aria-describedby", "tip")
        page.keyboard.press("Escape")
        sync_api.expect(tip).to_be_hidden()
        word.blur()
        page.mouse.move(0, 0)


def test_the_headings_are_in_order_and_each_section_has_one(page):
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3')].map(({ tagName }) => Number(tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    unnamed = "main section:not([aria-labelledby]):not([aria-label])"
    assert page.locator(unnamed).count() == 0


def test_the_first_tab_stop_leads_past_the_header(opened, report):
    page = opened(report)
    page.keyboard.press("Tab")
    sync_api.expect(page.locator(".skip")).to_be_focused()
    sync_api.expect(page.locator(".skip")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 800, 1400])
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


def test_on_paper_the_chart_is_drawn_as_a_whole(opened, report):
    page = opened(report)
    page.locator("#chart .main-svg").first.wait_for()
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    heights = page.evaluate(
        """[document.getElementById("chart"), document.querySelector("#chart .main-svg")]
          .map((one) => one.getBoundingClientRect().height)"""
    )
    assert heights == [400, 400]


def test_markup_from_outside_is_text_wherever_it_appears(opened, tmp_path):
    """The page complains of every dialog, error and request: see the fixture."""
    attack = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
    options = {"name": "euler", "timestep_spacing": f"'trailing' {attack}"}
    long = f"{attack} " + "word " * 2000
    folder = tmp_path / "<b>runs<"
    records = [
        record(prompt=prompt, scheduler=scheduler, fidelity=fidelity(0.9))
        for prompt in (PROMPT, long)
        for scheduler in (options, "euler")
    ]
    failed = record(
        prompt=attack, status=Status.ERROR, fields={"reason": attack, "notes": (attack,)}
    )
    suite = Suite(
        name="browser",
        fixed={"pipeline": {"builtin": "tiny"}},
        inputs=Inputs(prompts=(PROMPT, long)),
    )
    path = tmp_path / "report.html"
    write_html(run(folder, [*records, failed], suite=suite, device=attack), path)
    page = opened(path)
    page.locator("#chart .main-svg").first.wait_for()
    assert page.locator("img[src=x], main b, h1 script").count() == 0
    for row in range(5):
        page.evaluate(f"select({row})")
        sync_api.expect(page.locator("#details h3")).to_contain_text(f"{row + 1}:")
    sync_api.expect(page.locator("#details")).to_contain_text(attack)
    page.locator("#filter").fill("onerror")
    sync_api.expect(page.locator("#shown")).to_have_text("4 of 5 shown")
    assert max(page.locator("#window tr").evaluate_all("(r) => r.map((e) => e.offsetHeight)")) < 60
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_plotly_can_measure_texts_where_the_chart_stands_alone(opened, report):
    """Hidden with the rest of the page, it took texts for empty, and labels lay on each other."""
    page = opened(report)
    page.evaluate("location.hash = 'only=chart'")
    page.reload()
    entries = page.locator("#chart .legend .traces")
    entries.first.wait_for()
    boxes = [entries.nth(index).bounding_box() for index in range(entries.count())]
    assert len(boxes) > 1
    for left, right in itertools.pairwise(boxes):
        assert left["x"] + left["width"] <= right["x"] + 1 or left["y"] < right["y"]
