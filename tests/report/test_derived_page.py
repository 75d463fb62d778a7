"""What was derived, on the page: told apart from what was measured, and ranked beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import around, derived, inferred_oom, record, run

from sdbench.report.html import html, write_html
from sdbench.suite.model import Suite

sync_api = pytest.importorskip("playwright.sync_api")

SUITE = Suite(name="test", fixed={"pipeline": {"builtin": "tiny"}})
RECORDS = (
    record(dtype="fp32", samples_s=around(3.0)),
    derived(2.0, dtype="bf16", sources=4),
    derived(1.0, dtype="fp16", allocated_mib=400, rss_mib=1200),
    inferred_oom(dtype="fp32", batch_size=8),
)


def test_derived_points_are_small_and_their_rows_keep_to_limits(opened, tmp_path: Path) -> None:
    write_html(run(tmp_path, RECORDS, suite=SUITE), tmp_path / "report.html")
    page = opened(tmp_path / "report.html")
    sync_api.expect(page.locator("#answer")).to_contain_text("1.00 s an image, derived (970 ms to")
    sync_api.expect(page.locator("#confirmed")).to_contain_text("It was not measured")
    sync_api.expect(page.locator("#how-edited")).to_be_hidden()
    page.wait_for_function("document.getElementById('chart').data?.length > 0")
    sizes = page.evaluate(
        """Object.fromEntries(document.getElementById("chart").data
          .filter(({ customdata }) => customdata)
          .flatMap(({ customdata, marker }) => customdata.map((row) => [row, marker.size])))"""
    )
    assert sizes["1"] == sizes["2"] < sizes["0"]
    page.locator("#limit-memory").fill("1000 MiB")
    sync_api.expect(page.locator("#answer")).to_contain_text(
        "bf16, batch 1: 2.00 s an image, derived"
    )
    sync_api.expect(page.locator("#how-edited")).to_be_visible()
    page.locator("#filter").fill("origin:derived")
    sync_api.expect(page.locator("#shown")).to_have_text("2 of 4 shown")
    page.locator("#filter").fill("status:inferred")
    sync_api.expect(page.locator("#shown")).to_have_text("1 of 4 shown")


def test_how_it_was_measured_is_told_where_not_all_was(tmp_path: Path) -> None:
    page = html(run(tmp_path, RECORDS, suite=SUITE, plan="staged"))
    assert "1 of 4 configurations was measured, 2 derived from these and 1 inferred" in page
    assert "small: <button" in page
    (tmp_path / "all").mkdir()
    assert "how-measured" not in html(run(tmp_path / "all", RECORDS[:1], suite=SUITE))
