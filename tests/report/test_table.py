"""The table of all configurations, in a browser: what is in sight, and what is found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from factories import around, fidelity, record, run

from sdbench.report.html import write_html
from sdbench.results.figure import Figure, Origin
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Record, Status
from sdbench.suite.model import Limits, Suite
from sdbench.units import MIB

sync_api = pytest.importorskip("playwright.sync_api")

LONG_REASON = "it was made to fail " * 40
INFERRED = Figure(700 * MIB, Origin.INFERRED, "used less what others held")
LIMITS = Limits(memory_bytes=950 * MIB)


def small() -> list[Record]:
    """Four that were timed, one that ran out, one with an error."""
    timed = [
        record(
            steps=steps,
            dtype=dtype,
            samples_s=around(steps * (0.05 if dtype == "bf16" else 0.1)),
            allocated_mib=300 if dtype == "bf16" else 600,
            rss_mib=800 if dtype == "bf16" else 1000,
            fidelity=fidelity(score, score - 0.1),
        )
        for steps, dtype, score in (
            (5, "fp32", 0.5),
            (5, "bf16", 0.4),
            (50, "fp32", 0.9),
            (50, "bf16", 0.95),
        )
    ]
    moment = OutOfMemory(phase="memory", stage="vae_decode", total_bytes=900 * MIB)
    return [
        *timed,
        record(steps=50, batch_size=4, status=Status.OOM, fields={"out_of_memory": moment}),
        record(steps=5, batch_size=4, status=Status.ERROR, fields={"reason": LONG_REASON}),
        record(steps=5, batch_size=2, fields={"peak_device_used_bytes": INFERRED}),
    ]


def large() -> list[Record]:
    """3,000 configurations, a tenth of which ran out of memory."""
    return [
        record(
            steps=steps,
            batch_size=batch,
            status=Status.OOM if batch == 10 else Status.OK,
            samples_s=() if batch == 10 else around(steps * batch / 1000),
            allocated_mib=100 + batch,
        )
        for steps in range(1, 301)
        for batch in range(1, 11)
    ]


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    paths = {}
    for name, records in (("small", small()), ("large", large())):
        suite = Suite(name=name, fixed={"pipeline": {"builtin": "tiny"}}, limits=LIMITS)
        paths[name] = folder / f"{name}.html"
        write_html(run(folder / name, records, suite=suite), paths[name])
    return paths


@pytest.fixture
def page(reused, reports) -> sync_api.Page:
    return reused(reports["small"])


@pytest.fixture
def many(reused, reports) -> sync_api.Page:
    """The large page."""
    return reused(reports["large"])


def column(page: sync_api.Page, heading: str) -> list[str]:
    """The texts of a column, of the rows that are made, from above."""
    headings = page.locator("#configurations thead button").all_text_contents()
    at = headings.index(heading) + 1
    cells = page.locator(f"#window tr > :nth-child({at})")
    return [text.split()[-1] if heading == "#" else text for text in cells.all_text_contents()]


def sort_by(page: sync_api.Page, heading: str) -> sync_api.Locator:
    """Clicks on a heading of the table, and returns its cell."""
    cell = page.locator("#configurations thead th").filter(has_text=heading)
    cell.get_by_role("button").click()
    return cell


def shown(page: sync_api.Page) -> str:
    return page.locator("#shown").inner_text()


def test_a_click_on_a_heading_sorts_and_a_second_one_turns_it_round(page):
    heading = sort_by(page, "latency an image")
    sync_api.expect(heading).to_have_attribute("aria-sort", "ascending")
    # 0.05 s a step in bf16 and 0.1 s in fp32; the last one takes 1 s for two images.
    assert column(page, "#") == ["2", "1", "7", "4", "3", "5", "6"]
    sort_by(page, "latency an image")
    sync_api.expect(heading).to_have_attribute("aria-sort", "descending")
    # What has no latency comes last both times.
    assert column(page, "#") == ["3", "4", "1", "7", "2", "5", "6"]
    sync_api.expect(page.locator("[aria-sort]")).to_have_count(1)


def test_sorting_works_from_the_keyboard(page):
    page.locator("#configurations th button").filter(has_text="steps").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert column(page, "steps") == ["50"] * 3 + ["5"] * 4


def test_the_table_sorts_by_fidelity(page):
    sort_by(page, "fidelity")
    # 0.4, 0.5, 0.9, 0.95; what has none comes last.
    assert column(page, "#") == ["2", "1", "3", "4", "5", "6", "7"]


@pytest.mark.parametrize(
    ("words", "positions"),
    [
        ("dtype:bf16", ["2", "4"]),
        # The fifth one's reason says what to try.
        ("bf16", ["2", "4", "5"]),
        ("bf16 steps:5", ["2"]),
        ("steps:5", ["1", "2", "6", "7"]),
        ("status:oom", ["5"]),
        ("MADE to", ["6"]),
        ("latency<1", ["1", "2", "7"]),
        ("latency>=2500ms", ["3", "4"]),
        ("allocated<=300MiB dtype:bf", ["2", "4"]),
        ("fidelity>0.4 fidelity<0.95", ["1", "3"]),
        ("inferred", ["7"]),
        ('"made to fail"', ["6"]),
        ("nothing-is-so", []),
    ],
)
def test_the_filter_keeps_rows_of_which_every_word_holds(page, words, positions):
    page.locator("#filter").fill(words)
    sync_api.expect(page.locator("#shown")).to_have_text(f"{len(positions)} of 7 shown")
    assert (
        page.locator("#window tr[data-row]").evaluate_all(
            "(rows) => rows.map(({ dataset }) => String(Number(dataset.row) + 1))"
        )
        == positions
    )


def test_a_status_under_the_chart_filters_the_table(page):
    page.get_by_label("only within the limits").check()  # none of which ran out of memory
    page.get_by_role("button", name="1 out of memory").click()
    assert shown(page) == "1 of 7 shown"
    assert column(page, "#") == ["5"]


def test_rows_that_break_the_present_limits_are_dimmed_and_say_why(page):
    first = page.locator("#row-0")
    sync_api.expect(first).to_have_class(re.compile("beyond"))
    sync_api.expect(first).to_contain_text("over the memory limit")
    page.evaluate("setLimits({ memory_bytes: null })")
    sync_api.expect(first).not_to_have_class(re.compile("beyond"))


def test_only_what_keeps_to_the_limits_can_be_shown_and_follows_them(page):
    page.locator("#within").check()
    # Within 950 MiB: the two in bf16, and the one whose use of the device was inferred.
    assert column(page, "#") == ["2", "4", "7"]
    page.evaluate("setLimits({ memory_bytes: null, fidelity: 0.7 })")
    assert column(page, "#") == ["3", "4"]


def test_the_recommendation_is_marked_and_follows_the_limits(page):
    page.evaluate("setLimits({ memory_bytes: null, fidelity: 0.7 })")
    sync_api.expect(page.locator("#window tr.recommended")).to_have_attribute("data-row", "3")
    page.evaluate("setLimits({ memory_bytes: null, fidelity: 0.3 })")
    sync_api.expect(page.locator("#window tr.recommended")).to_have_attribute("data-row", "1")


def test_a_row_is_selected_by_a_click_and_tells_all_about_itself(page):
    page.locator("#row-5").click()
    details = page.locator("#details")
    sync_api.expect(details).to_contain_text(LONG_REASON.strip())
    sync_api.expect(page.locator("#row-5")).to_have_attribute("aria-selected", "true")
    page.locator("#row-6").click()
    sync_api.expect(details).to_contain_text("700 MiB inferred: used less what others held")
    details.get_by_text("The Python that runs it").click()
    sync_api.expect(details.locator("pre").first).to_contain_text("num_inference_steps=5")
    details.get_by_role("button", name="Clear the selection").click()
    sync_api.expect(details).to_be_empty()


def test_no_row_is_higher_than_another(page):
    heights = page.locator("#window tr").evaluate_all("(rows) => rows.map((r) => r.offsetHeight)")
    assert len(set(heights)) == 1


def test_rows_are_reached_and_selected_by_keyboard(page):
    table = page.locator("#configurations")
    table.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
    sync_api.expect(table).to_have_attribute("aria-activedescendant", "row-1")
    page.keyboard.press("Enter")
    assert page.evaluate("state.selected") == 1
    page.keyboard.press("End")
    sync_api.expect(table).to_have_attribute("aria-activedescendant", "row-6")


def test_columns_can_be_left_out(page):
    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("checkbox", name="dtype").uncheck()
    sync_api.expect(page.locator("thead button").filter(has_text="dtype")).to_have_count(0)
    page.keyboard.press("Escape")
    sync_api.expect(page.locator("#columns")).to_be_hidden()
    sync_api.expect(page.get_by_text("Columns", exact=True)).to_be_focused()
    assert column(page, "steps") == ["5", "5", "50", "50", "50", "5", "5"]


def test_of_thousands_of_rows_only_those_in_sight_are_made(many):
    table = many.locator("#configurations")
    sync_api.expect(table).to_have_attribute("aria-rowcount", "3001")
    assert shown(many) == "3000 of 3000 shown"
    assert 10 < many.locator("#window tr").count() < 200
    many.locator("#rows").evaluate("(rows) => { rows.scrollTop = rows.scrollHeight; }")
    many.locator("#rows").scroll_into_view_if_needed()
    sync_api.expect(many.locator("#row-2999")).to_be_in_viewport()
    sync_api.expect(many.locator("#row-2999")).to_have_attribute("aria-rowindex", "3001")
    assert many.locator("#window tr").count() < 200


def test_of_thousands_of_rows_the_filter_finds_the_right_ones(many):
    many.locator("#filter").fill("status:oom steps:17")
    assert shown(many) == "1 of 3000 shown"
    assert column(many, "#") == ["170"]
    many.locator("#filter").fill("latency<=0.01")
    # Latencies are steps / 1000 s an image; batches of 10 ran out.
    assert shown(many) == "90 of 3000 shown"


def test_thousands_of_rows_are_sorted_as_a_whole(many):
    sort_by(many, "latency an image")
    sort_by(many, "latency an image")
    assert column(many, "steps")[:9] == ["300"] * 9


def test_thousands_of_points_are_all_drawn(many):
    many.locator("#chart .main-svg").first.wait_for()
    drawn = many.evaluate(
        """() => document.getElementById("chart").data
          .filter(({ mode, customdata }) => mode === "markers" && customdata)
          .reduce((sum, { customdata }) => sum + customdata.length, 0)"""
    )
    assert drawn == 3000
    assert many.locator("#chart canvas").count() > 0
    assert many.locator(".no-webgl").count() == 0
    sync_api.expect(many.locator("#chart-remark")).to_be_hidden()


def test_paper_gets_the_first_rows_and_how_many_more_there_are(many):
    many.locator("#filter").fill("latency<=0.1")
    many.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert many.locator("#window tr").count() == 200
    many.emulate_media(media="print")
    sync_api.expect(many.locator("#not-printed")).to_be_visible()
    sync_api.expect(many.locator("#not-printed")).to_have_text(
        "And 700 more rows; sdbench export writes all of them."
    )
    many.emulate_media(media="screen")
    many.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert many.locator("#window tr").count() < 200


def test_without_webgl_a_share_of_the_points_is_drawn_and_said_so(opened, reports, tmp_path):
    text = reports["large"].read_text(encoding="utf-8")
    without = "<script>HTMLCanvasElement.prototype.getContext = () => null;</script>"
    path = tmp_path / "without.html"
    path.write_text(text.replace("<head>", f"<head>{without}", 1), encoding="utf-8")
    page = opened(path)
    page.locator("#chart .main-svg").first.wait_for()
    remark = page.locator("#chart-remark")
    sync_api.expect(remark).to_contain_text("of 3000 points are drawn, the frontiers among them")
    assert page.locator("#chart .point").count() < 1600
