"""The formats of ``sdbench report``."""

from __future__ import annotations

from pathlib import Path

import factories
import pytest
from click.testing import CliRunner, Result

from sdbench.cli.report import report


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return str(factories.run(tmp_path, [factories.record(), factories.record(steps=5)]).folder)


def called(*arguments: str) -> Result:
    return CliRunner().invoke(report, arguments)


@pytest.mark.parametrize(
    ("arguments", "file", "beginning"),
    [
        ((), "report.html", "<!doctype html>"),
        (("--format", "markdown"), "report.md", "### test on Test CPU"),
        (("-o", "comment.md"), "comment.md", "### test on Test CPU"),
        (("-o", "page.htm"), "page.htm", "<!doctype html>"),
        (("-o", "page"), "page", "<!doctype html>"),
        (("-o", "body.txt", "--format", "markdown"), "body.txt", "### test on Test CPU"),
    ],
)
def test_the_ending_says_the_format_unless_it_is_given(
    folder: str, arguments: tuple[str, ...], file: str, beginning: str
) -> None:
    result = called(folder, *arguments)
    assert (result.exit_code, result.output) == (0, f"wrote {file}\n")
    assert Path(file).read_text().startswith(beginning)


def test_a_dash_prints_the_report_alone(folder: str) -> None:
    result = called(folder, "--format", "markdown", "--output", "-")
    assert result.exit_code == 0
    assert result.output.startswith("### test on Test CPU\n")
    assert result.output.endswith("</sub>\n")
    assert not Path("-").exists()


def test_a_picture_is_not_printed(folder: str) -> None:
    result = called(folder, "--format", "png", "-o", "-")
    assert result.exit_code == 2
    assert "png is no text: name a file with --output" in result.output


def test_several_runs_have_no_picture(folder: str) -> None:
    result = called(folder, folder, "--format", "png")
    assert result.exit_code == 2
    assert "several runs are compared as html or markdown" in result.output


def test_a_picture_is_made_by_its_ending(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    monkeypatch.setattr("sdbench.report.formats.write_png", lambda run, path: written.append(path))
    assert called(folder, "-o", "chart.PNG").exit_code == 0
    assert written == [Path("chart.PNG")]
