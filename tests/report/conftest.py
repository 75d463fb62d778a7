"""A real browser for the tests of the page: Playwright drives the chromium of the system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

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


@pytest.fixture(scope="module")
def context(chromium, tmp_path_factory) -> Iterator[BrowserContext]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=chromium, args=ARGUMENTS
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield context
        context.close()


@pytest.fixture
def opened(context) -> Iterator[Callable[[Path], Page]]:
    """Opens a report; at the end, none has complained, and none has asked for anything."""
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
