"""A real browser for the tests of the page: Playwright drives the chromium of the system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, ViewportSize

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

VIEWPORT: ViewportSize = {"width": 1280, "height": 720}

SLOW_WEBGL = "GPU stall due to ReadPixels"
"""What chromium remarks on WebGL without a GPU; no fault of the page."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path; without one CI fails, and others skip."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium in CI: the report's page would go untested", pytrace=False)
        pytest.skip(
            "NO CHROMIUM: the report's page is not tested; install Debian's package chromium"
        )
    return found


@pytest.fixture(scope="session")
def context(chromium, tmp_path_factory) -> Iterator[BrowserContext]:
    """One browser for all tests of a process, since it takes a second to start."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=chromium,
            args=ARGUMENTS,
            viewport=VIEWPORT,
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield context
        context.close()


NOTE_CONTROLS = """() => {
  window.controls = [...document.querySelectorAll("select, input, details")]
    .filter((one) => one.form?.id !== "limits")
    .map((one) => [one, one.value, one.checked, one.open]);
}"""

AS_OPENED = """() => {
  if (typeof select === "function") select(null);
  document.getElementById("limits")?.reset();
  for (const [one, value, checked, open] of window.controls) {
    if (open !== undefined) one.open = open;
    if (one.type !== "search" && one.value === value && one.checked === checked) continue;
    Object.assign(one, { value, checked });
    one.dispatchEvent(new Event("input", { bubbles: true }));
    one.dispatchEvent(new Event("change", { bubbles: true }));
  }
  const first = () => document.querySelector("#configurations thead th");
  while (first() && first().getAttribute("aria-sort") !== "ascending") {
    first().querySelector("button").click();
  }
  document.activeElement?.blur();
  window.scrollTo(0, 0);
}"""
"""Selects nothing, takes the suite's limits, and puts every control and the sorting back."""


@contextmanager
def watched(context: BrowserContext) -> Iterator[Callable[[Path], Page]]:
    """Opens reports; at the end, none has complained, and none has asked for anything."""
    complaints: list[str] = []
    requests: list[str] = []
    opened: list[Page] = []
    asked: list[str] = []

    def note(text: str) -> None:
        if SLOW_WEBGL not in text:
            complaints.append(text)

    def open_report(path: Path) -> Page:
        page = context.new_page()
        opened.append(page)
        page.on("console", lambda message: note(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: requests.append(request.url))
        asked.append(path.as_uri())
        page.goto(asked[-1])
        return page

    yield open_report
    for page in opened:
        page.close()
    assert complaints == []
    # A reload asks for the report again.
    assert {url for url in requests if not url.startswith(("data:", "blob:"))} == set(asked)


@pytest.fixture
def opened(context) -> Iterator[Callable[[Path], Page]]:
    """Opens a report in a page of the test's own."""
    with watched(context) as open_report:
        yield open_report


@pytest.fixture(scope="module")
def reused(context) -> Iterator[Callable[[Path], Page]]:
    """Opens a report once for all tests of a file, and each finds it as it was opened.

    To open it takes seconds, to put it back milliseconds.
    """
    pages: dict[Path, Page] = {}

    def page_of(path: Path) -> Page:
        page = pages.get(path)
        if page is None:
            page = pages[path] = open_report(path)
            page.evaluate(NOTE_CONTROLS)
        page.bring_to_front()
        page.emulate_media(media="null", color_scheme="null")
        page.set_viewport_size(VIEWPORT)
        page.mouse.move(0, 0)
        page.evaluate(AS_OPENED)
        return page

    with watched(context) as open_report:
        yield page_of
