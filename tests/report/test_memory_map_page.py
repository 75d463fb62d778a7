"""The map of memory on the page, in a real browser."""

from __future__ import annotations

from pathlib import Path

import factories
import pytest

from sdbench.report.html import write_html
from sdbench.results.out_of_memory import OutOfMemory
from sdbench.results.record import Status
from sdbench.suite.model import Limits, Suite
from sdbench.units import GIB, MIB

sync_api = pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    moment = OutOfMemory(phase="memory", stage="denoiser", requested_bytes=GIB)
    records = [
        factories.record(dtype=dtype, batch_size=batch, rss_mib=None, fields=fields, status=status)
        for dtype, batch, status, fields in (
            ("fp32", 1, Status.OK, None),
            ("fp32", 2, Status.OOM, {"out_of_memory": moment}),
            ("bf16", 1, Status.OK, None),
            ("bf16", 2, Status.OK, None),
        )
    ]
    suite = Suite(
        name="memory",
        fixed={"pipeline": factories.PIPELINE},
        limits=Limits(memory_bytes=900 * MIB),
    )
    path = folder / "report.html"
    write_html(factories.run(folder, records, suite=suite), path)
    return path


@pytest.fixture
def page(reused, report: Path) -> sync_api.Page:
    return reused(report)


def test_cells_are_a_table_with_headings(page) -> None:
    table = page.locator("#memory-cells")
    assert table.locator("thead th").all_inner_texts()[1:] == ["fp32", "bf16"]
    texts = [" ".join(text.split()) for text in table.locator("tbody td").all_inner_texts()]
    assert texts == [
        "1 ● measured 200 MiB allocated; 2 ran out in denoiser",
        "2 ● measured 200 MiB allocated; the largest of this run",
    ]


def test_a_click_on_a_cell_selects_its_configuration_and_escape_none(page) -> None:
    cell = page.locator("#memory-cells td").nth(1)
    cell.get_by_role("button").click()
    sync_api.expect(cell).to_have_class("fit-measured selected")
    assert page.evaluate("state.selected") == 3
    page.keyboard.press("Escape")
    sync_api.expect(cell).to_have_class("fit-measured")


def test_what_ran_out_can_be_selected_too(page) -> None:
    page.locator(".shortage summary").click()
    page.locator(".shortage-members button").first.click()
    assert page.evaluate("state.selected") == 1
    sync_api.expect(page.locator("#memory-cells td").first).to_have_class("fit-measured selected")


def test_another_memory_limit_than_the_maps_is_told(page) -> None:
    other = page.locator(".memory-other-limit")
    sync_api.expect(other).to_be_hidden()
    page.evaluate("setLimits({ memory_bytes: 100 })")
    sync_api.expect(other).to_be_visible()
    page.evaluate(f"setLimits({{ memory_bytes: {900 * MIB} }})")
    sync_api.expect(other).to_be_hidden()
