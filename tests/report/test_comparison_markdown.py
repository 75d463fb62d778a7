"""A comparison as a comment on a pull request."""

from __future__ import annotations

import re

import comparisons as ready
import pytest
from comparisons import comparison, row

from sdbench.report.comparison_markdown import MOST_ROWS, comparison_markdown

COMMENT_CHARACTERS = 65_536
"""What GitHub takes as a comment."""


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("clean", "✅"),
        ("ambiguous", "✅"),
        ("slower", "❌"),
        ("missing", "❔"),
        ("unfit", "⚠️"),
        ("advisory", "ℹ️"),  # noqa: RUF001
    ],
)
def test_the_answer_stands_on_top_with_a_sign(name: str, sign: str) -> None:
    title, _, answer = comparison_markdown(ready.READY[name]()).splitlines()[:3]
    assert title == "### ci on Test GPU"
    assert answer.startswith(f"{sign} **")
    assert answer.endswith(".**")


def test_what_changed_is_open_and_the_rest_is_folded() -> None:
    text = comparison_markdown(ready.regression())
    opened, _, folded = text.partition("<details>")
    assert "| SLOWER | dpmpp\\_2m" in opened or "| SLOWER | dpmpp_2m" in opened
    assert "ddim, 4 steps" not in opened
    assert "ddim, 4 steps" in folded
    assert folded.count("<details>") + 1 == text.count("</details>") == 4


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    tables = re.findall(r"(?:^\|.*\|$\n?)+", comparison_markdown(ready.regression()), re.MULTILINE)
    assert len(tables) == 2
    for table in tables:
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()} == {7}


def test_nothing_of_a_name_is_markup() -> None:
    name = "prompt <img src=x onerror=alert(1)> | @team #12 [a](http://b) `c`\n::error::x"
    text = comparison_markdown(comparison(row(ready.SLOWER, name=name)))
    assert "<img" not in text
    assert "@team" not in text
    assert "http://" not in text
    assert "\n::error" not in text
    assert "&lt;img src=x onerror=alert(1)&gt; \\|" in text


def test_a_comment_of_a_large_suite_stays_short() -> None:
    long = "a prompt of sixty characters, as long as the settings tell i" * 2
    rows = [row(ready.SLOWER, ready.MORE, name=f"{long} {index}") for index in range(400)]
    text = comparison_markdown(comparison(*rows))
    assert len(text) < COMMENT_CHARACTERS
    assert text.count(f"And {400 - MOST_ROWS} more.") == 2
    assert "800 regressions in 400 configurations" in text
