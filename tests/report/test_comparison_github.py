"""A comparison as GitHub's annotations and step summary."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import comparisons as ready
import pytest
from comparisons import comparison, row

from sdbench.report.comparison_github import (
    MOST_OF_A_KIND,
    MOST_SUMMARY_BYTES,
    append_step_summary,
    comparison_github,
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("clean", "notice"),
        ("ambiguous", "notice"),
        ("slower", "error"),
        ("missing", "error"),
        ("unfit", "error"),
        ("interrupted", "error"),
        ("alarming_control", "error"),
        ("advisory", "warning"),
    ],
)
def test_the_answer_is_an_annotation_as_grave_as_the_exit_code(name: str, kind: str) -> None:
    first = comparison_github(ready.READY[name]()).splitlines()[0]
    assert first.startswith(f"::{kind} title=sdbench%3A ci::")


def test_one_regression_is_told_once() -> None:
    assert comparison_github(ready.slower()) == (
        "::error title=sdbench%3A ci::1 regression: dpmpp_2m, 10 steps is 7.1 %25 slower (5.2 to "
        "9.0 %25).\n"
    )


def test_each_of_several_regressions_is_an_annotation() -> None:
    lines = comparison_github(ready.regression()).splitlines()
    told = [line.rpartition("::")[2] for line in lines[1:]]
    assert len(told) == 5
    assert "euler, 10 steps: allocated memory grew by 64.0 MiB (+6.2 %25)" in told


def test_a_slower_time_in_an_unfit_environment_is_no_error_beside_one() -> None:
    lines = comparison_github(ready.regression(unfit=("it was throttled",))).splitlines()
    levels = Counter(line.split()[0] for line in lines)
    assert levels == {"::error": 5, "::warning": 1}
    assert "is 7.1 %25 slower" in next(line for line in lines if line.startswith("::warning"))


@pytest.mark.parametrize("fields", [{}, {"advisory": ("it was asked for",)}])
def test_no_more_annotations_of_a_kind_than_github_shows(fields: dict[str, tuple[str]]) -> None:
    rows = [row(ready.SLOWER, ready.UNCLEAR, name=f"number {index}") for index in range(40)]
    lines = comparison_github(comparison(*rows, **fields)).splitlines()
    counts = Counter(line.split()[0] for line in lines)
    assert max(counts.values()) == MOST_OF_A_KIND
    # Nine of forty are told beside the answer, the last of them counts the others.
    assert any(line.endswith("::and 32 more") for line in lines)


def test_no_name_begins_a_command_of_its_own() -> None:
    name = "a%0A b\n::stop-commands::x\r::set-env name=PATH::y"
    rows = [row(ready.SLOWER, name=name), row(ready.SLOWER, name="other")]
    lines = comparison_github(comparison(*rows, suite="a,b:c\n::error::z")).splitlines()
    assert all(line.startswith("::error title=sdbench%3A ") for line in lines)
    assert "title=sdbench%3A a%2Cb%3Ac%0A%3A%3Aerror%3A%3Az::" in lines[0]
    assert "a%250A b%0A::stop-commands::x%0D::set-env" in lines[1]


def test_the_summary_is_added_to_what_the_step_has_written(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("before\n")
    append_step_summary(ready.slower(), path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n### ci on Test GPU\n")
    assert "| SLOWER |" in text


def test_a_summary_that_would_be_too_large_is_the_answer_alone_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("x" * (MOST_SUMMARY_BYTES - 200))
    append_step_summary(ready.slower(), path)
    assert path.read_text(encoding="utf-8").endswith("x❌ **1 regression: dpmpp_2m, 10 steps is "
        "7.1 % slower (5.2 to 9.0 %).**\n\n")  # fmt: skip
    path.write_text("x" * MOST_SUMMARY_BYTES)
    append_step_summary(ready.slower(), path)
    assert path.stat().st_size == MOST_SUMMARY_BYTES
