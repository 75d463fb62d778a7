"""The picture of the chart, taken by a real browser, and what happens without one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import factories
import pytest
from PIL import Image

from sdbench.report.browser import BROWSER_VARIABLE, NoPicture, find_browser, picture_of_page
from sdbench.report.html import write_html
from sdbench.report.picture_of_chart import HEIGHT, SCALE, WIDTH, write_png
from sdbench.results.record import Status
from sdbench.results.store import Run
from sdbench.suite.model import Limits, Suite
from sdbench.units import MIB


def measured_run(folder: Path) -> Run:
    records = [
        factories.record(
            samples_s=factories.around(0.1 * steps),
            allocated_mib=300 + steps,
            rss_mib=None,
            fidelity=factories.fidelity(0.5 + steps / 100),
            steps=steps,
        )
        for steps in (5, 10, 20, 40)
    ]
    suite = Suite(
        name="picture",
        fixed={"pipeline": factories.PIPELINE},
        limits=Limits(memory_bytes=350 * MIB),
    )
    return factories.run(folder, records, suite=suite)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a shell script in the browser's place."""

    def put(text: str) -> Path:
        path = tmp_path / "browser"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv(BROWSER_VARIABLE, str(path))
        return path

    return put


def take(folder: Path, **options: float) -> Path:
    page = folder / "page.html"
    page.write_text("<p>page</p>")
    picture = folder / "picture.png"
    picture_of_page(page, picture, width=10, height=10, scale=1, **options)  # type: ignore[arg-type]
    return picture


def test_the_picture_has_its_size_is_white_and_shows_a_chart(
    chromium: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BROWSER_VARIABLE, chromium)
    path = tmp_path / "chart.png"
    write_png(measured_run(tmp_path), path)
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    assert picture.size == (WIDTH * SCALE, HEIGHT * SCALE)
    corners = [(x, y) for x in (0, picture.width - 1) for y in (0, picture.height - 1)]
    assert {picture.getpixel(corner) for corner in corners} == {(255, 255, 255)}
    # The colour bar of the fidelities, in the chart's right tenth, runs from orange to blue.
    right = picture.crop((picture.width * 9 // 10, picture.height // 3, *picture.size))
    colours = right.getcolors(1 << 24)
    assert colours is not None
    reds = {red for _, (red, _, blue) in colours if red > blue + 60}
    blues = {blue for _, (red, _, blue) in colours if blue > red + 60}
    assert len(reds) > 10
    assert len(blues) > 10
    left = picture.crop((0, picture.height // 3, picture.width // 2, picture.height))
    assert len(left.getcolors(1 << 24) or ()) > 20


def test_the_picture_shows_nothing_but_the_headline_and_the_chart(opened, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_html(measured_run(tmp_path), path)
    page = opened(path)
    page.evaluate("document.documentElement.classList.add('only-chart')")
    visible = page.locator(
        "body > :not(#js-plotly-tester):visible, header > *:visible, main section > *:visible"
    )
    seen = visible.evaluate_all(
        "(all) => all.map((one) => one.localName + (one.className && `.${one.className}`))"
    )
    assert seen == ["header", "p.kicker", "main", "h1", "div.chart-frame"]


def test_without_a_browser_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(BROWSER_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sdbench.report.browser._MAC_PATHS", ())
    with pytest.raises(
        NoPicture, match=r"install Chromium .*apt install chromium.*SDBENCH_BROWSER"
    ):
        write_png(measured_run(tmp_path), tmp_path / "chart.png")
    assert not (tmp_path / "chart.png").exists()


def test_a_browser_that_is_named_is_taken_or_refused(
    script, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = script("exit 0")
    assert find_browser() == str(path)
    monkeypatch.setenv(BROWSER_VARIABLE, "no-such-browser")
    with pytest.raises(NoPicture, match="'no-such-browser', which is no program"):
        find_browser()


def test_a_browser_that_takes_no_picture_is_quoted(script, tmp_path: Path) -> None:
    script("echo 'No usable sandbox!'; exit 1")
    with pytest.raises(NoPicture, match="took no picture: No usable sandbox!"):
        take(tmp_path)


def test_a_browser_that_hangs_is_ended_with_all_that_it_started(script, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    script(f"sleep 1000 > {pipe} & wait")
    with pytest.raises(NoPicture, match=r"within 0\.5 s"):
        take(tmp_path, timeout_s=0.5)
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""  # its end: nobody holds the other one any more
    os.close(reader)


def test_root_goes_without_the_sandbox_and_others_with_it(
    script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "said"
    script(
        f'echo "$@" > {said}; for one in "$@"; do case "$one" in --screenshot=*) '
        'echo x > "${one#--screenshot=}";; esac; done'
    )
    for is_root in (True, False):
        monkeypatch.setattr("sdbench.report.browser._is_root", lambda is_root=is_root: is_root)
        take(tmp_path)
        assert ("--no-sandbox" in said.read_text()) is is_root


def test_a_run_without_a_figure_has_no_picture(tmp_path: Path) -> None:
    run = factories.run(tmp_path, [factories.record(status=Status.OOM)])
    with pytest.raises(NoPicture, match="has nothing to draw"):
        write_png(run, tmp_path / "chart.png")
